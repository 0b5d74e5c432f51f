//! Two servers that know each other: the list of servers comes from them, and one that ends is left in good time.

use std::time::Duration;

use bus::Received;
use bus::nats::multiplex::Multiplex;
use lifecycle::Tasks;
use proto::Target;

use crate::rig::{
    PATIENCE, Publisher, config, flush, group, nats_config, open, receive, receive_gap, receive_many, user,
};
use crate::server::{Server, free_port};

/// Servers of one cluster.
fn pair() -> Option<(Server, Server)> {
    let ports = (free_port(), free_port());
    let config = |own: u16, other: u16| {
        format!(
            "lame_duck_duration: \"30s\"\nlame_duck_grace_period: \"1s\"\n\
             cluster {{ name: pair, listen: \"127.0.0.1:{own}\", routes: [\"nats://127.0.0.1:{other}\"] }}\n"
        )
    };
    Some((Server::start(&config(ports.0, ports.1))?, Server::start(&config(ports.1, ports.0))?))
}

/// Waits until what is published at one arrives from the other.
async fn joined(from: &Publisher, at: &Server) {
    let listener = open(at.url());
    listener.subscribe("are.you.there");
    flush(&listener).await;
    let mut arrived = Vec::new();
    let until = tokio::time::Instant::now() + PATIENCE;
    while arrived.is_empty() {
        assert!(tokio::time::Instant::now() < until, "the servers find each other");
        from.0.publish("are.you.there", "".into()).await.unwrap();
        let waiting = tokio::time::timeout(Duration::from_millis(50), listener.recv(&mut arrived));
        let _: Result<Received, _> = waiting.await;
    }
}

#[tokio::test]
async fn a_server_that_was_only_heard_of_takes_over() {
    let Some((mut first, second)) = pair() else { return };
    let publisher = Publisher::connect(&second.url()).await;
    joined(&publisher, &first).await;
    let multiplex = open(first.url());
    multiplex.subscribe_user(&user("alice"));
    multiplex.subscribe_group(&group("team"));
    flush(&multiplex).await;
    first.kill();
    receive_gap(&multiplex).await;
    publisher.publish(Target::User(user("alice")), "1").await;
    publisher.publish(Target::Group(group("team")), "2").await;
    assert_eq!(receive_many(&multiplex, 2).await, (false, vec!["1".to_owned(), "2".to_owned()]));
}

#[tokio::test]
async fn a_queue_group_hears_both_servers_while_a_lame_duck_is_left() {
    let Some((first, second)) = pair() else { return };
    let publisher = Publisher::connect(&second.url()).await;
    joined(&publisher, &first).await;
    let mut config = config(nats_config(&[first.url()]));
    config.queue_group = Some("router".into());
    let multiplex = Multiplex::open(config, &Tasks::default()).unwrap();
    multiplex.subscribe("work.>");
    flush(&multiplex).await;
    first.signal("ldm");
    let (mut published, mut got, mut gap) = (0, Vec::new(), false);
    let mut left = 500;
    while left > 0 {
        publisher.0.publish("work.x", published.to_string().into()).await.unwrap();
        publisher.0.flush().await.unwrap();
        published += 1;
        left -= i32::from(gap);
        assert!(published < 100_000, "it is left in time");
        let waiting = tokio::time::timeout(Duration::from_millis(1), receive(&multiplex));
        let Ok((received, messages)) = waiting.await else { continue };
        gap |= received == Received::Gap;
        got.extend(messages.into_iter().map(|(_, payload)| payload.parse::<usize>().unwrap()));
    }
    // The last ones are still on their way.
    while got.last() != Some(&(published - 1)) {
        got.extend(
            receive_many(&multiplex, 1).await.1.iter().map(|payload| payload.parse::<usize>().unwrap()),
        );
    }
    let received = got.len();
    got.sort_unstable();
    got.dedup();
    assert_eq!(got.len(), received, "none twice");
    // What the servers pass on to the old connection in the moments when it ends has no receiver.
    assert!((published - received) * 50 <= published, "{} of {published} were lost", published - received);
}

#[tokio::test]
async fn a_lame_duck_is_left_without_a_silence() {
    let Some((first, second)) = pair() else { return };
    let publisher = Publisher::connect(&second.url()).await;
    joined(&publisher, &first).await;
    let multiplex = open(first.url());
    for name in ["alice", "bob"] {
        multiplex.subscribe_user(&user(name));
    }
    flush(&multiplex).await;
    first.signal("ldm");
    let (mut published, mut got, mut gaps) = (0, Vec::new(), 0);
    let mut of_new_server = 0;
    while of_new_server < 20 {
        publisher.publish(Target::User(user("bob")), &published.to_string()).await;
        published += 1;
        assert!(published < 100_000, "it is left in time");
        let waiting = tokio::time::timeout(Duration::from_millis(2), receive(&multiplex));
        let Ok((received, messages)) = waiting.await else { continue };
        gaps += u32::from(received == Received::Gap);
        // What comes with the gap may be from before.
        of_new_server += if gaps > 0 && received == Received::Deliveries { messages.len() } else { 0 };
        got.extend(messages.into_iter().map(|(_, payload)| payload.parse::<usize>().unwrap()));
    }
    assert_eq!(gaps, 1);
    assert!(got.windows(2).all(|pair| pair[0] < pair[1]), "none twice, none out of order");
    let tail = &got[got.len() - of_new_server..];
    assert!(tail.windows(2).all(|pair| pair[0] + 1 == pair[1]), "after the gap nothing is missing");
    let missing = got[got.len() - 1] + 1 - got.len();
    assert!(missing <= 200, "{missing} of {published} were missed while moving");
    assert!(first.log().contains("ame duck"), "{}", first.log());
}
