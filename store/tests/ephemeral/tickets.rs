//! Tickets are taken once.

use std::time::Duration;

use store::{Away, LocalConfig, Others};

use crate::stand::{Stand, engines, local_config, new_prefix, redis_url, until};

const TTL: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_ticket_is_taken_once() {
    for stand in engines().await {
        let ticket: [u8; 32] = rand::random();
        stand.ephemeral.put_ticket(ticket, b"alice".to_vec(), TTL).await.unwrap();
        let takes = (0..10).map(|_| stand.ephemeral.take_ticket(&ticket));
        let taken = futures_util::future::join_all(takes).await;
        assert_eq!(taken.iter().filter(|taken| **taken == Ok(Some(b"alice".to_vec()))).count(), 1);
        assert_eq!(taken.iter().filter(|taken| **taken == Ok(None)).count(), 9);
        assert_eq!(stand.ephemeral.take_ticket(&rand::random()).await, Ok(None));
        stand.end().await;
    }
}

#[tokio::test]
async fn a_ticket_ends() {
    for stand in engines().await {
        let ticket: [u8; 32] = rand::random();
        let gone: [u8; 32] = rand::random();
        stand.ephemeral.put_ticket(gone, vec![1], Duration::from_millis(20)).await.unwrap();
        stand.ephemeral.put_ticket(ticket, vec![2], TTL).await.unwrap();
        tokio::time::sleep(Duration::from_millis(40)).await;
        assert_eq!(stand.ephemeral.take_ticket(&gone).await, Ok(None));
        assert_eq!(stand.ephemeral.take_ticket(&ticket).await, Ok(Some(vec![2])));
        stand.end().await;
    }
}

#[tokio::test]
async fn one_process_gives_it_out_and_another_takes_it() {
    let Some(url) = redis_url() else { return };
    let prefix = new_prefix();
    let one = Stand::redis(&url, &prefix, local_config()).await;
    let other = Stand::redis(&url, &prefix, local_config()).await;
    let ticket: [u8; 32] = rand::random();
    one.ephemeral.put_ticket(ticket, vec![0, 255, 7], TTL).await.unwrap();
    let taken = other.ephemeral.take_ticket(&ticket).await;
    assert_eq!(taken, Ok(Some(vec![0, 255, 7])));
    until("it is gone", async || one.ephemeral.take_ticket(&ticket).await == Ok(None)).await;
}

#[tokio::test]
async fn none_is_given_out_where_it_might_be_shown_to_another_process() {
    let ephemeral = store::Ephemeral::local(LocalConfig { others: Others::Maybe, ..local_config() });
    assert_eq!(ephemeral.put_ticket(rand::random(), vec![1], TTL).await, Err(Away));
}
