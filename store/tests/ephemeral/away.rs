//! While Redis is away: presence is unknown, limits count here, tickets are refused, nothing waits; and afterwards all is well
//! again.

use std::time::Duration;

use store::{Attempt, AttemptRule, Away, Counted, Presence};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::time::{Instant, timeout};

use crate::server::Server;
use crate::stand::{PATIENCE, Stand, device, devices, local_config, new_prefix, redis_config, until, user};

const RULE: AttemptRule = AttemptRule {
    free: 2,
    first: Duration::from_secs(60),
    max: Duration::from_secs(60),
    remember: Duration::from_secs(600),
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_dies_and_comes_back_empty_is_told_everything_again() {
    let Some(mut server) = Server::start() else { return };
    let stand = Stand::redis(&server.url(), &new_prefix(), local_config()).await;
    let (alice, bob, web) = (user("alice"), user("bob"), device("web"));
    stand.ephemeral.came(&alice, &web);
    until("she is online", async || devices(&stand.presence(&alice).await) == [("web", true)]).await;

    server.kill();
    until("it is noticed", async || stand.presence(&alice).await == Presence::Unknown).await;
    let began = Instant::now();
    stand.ephemeral.came(&bob, &web);
    for _ in 0..3 {
        let wait = stand.ephemeral.attempt(Attempt::Account("alice"), &RULE, Counted::Yes).await;
        assert_eq!(wait, Duration::ZERO);
    }
    let wait = stand.ephemeral.attempt(Attempt::Account("alice"), &RULE, Counted::Yes).await;
    assert!(!wait.is_zero(), "this process counts for itself");
    assert_eq!(stand.ephemeral.put_ticket(rand::random(), vec![1], RULE.max).await, Err(Away));
    assert_eq!(stand.ephemeral.take_ticket(&rand::random()).await, Err(Away));
    assert_eq!(stand.presence(&alice).await, Presence::Unknown);
    assert!(began.elapsed() < Duration::from_secs(1), "nothing of this waits: {:?}", began.elapsed());

    server.run();
    until("both are online again", async || {
        let found = stand.ephemeral.presence(&[alice.clone(), bob.clone()]).await;
        !found.contains(&Presence::Unknown) && found.iter().all(|one| devices(one) == [("web", true)])
    })
    .await;
    stand.ephemeral.put_ticket([7; 32], vec![1], RULE.max).await.unwrap();
    assert_eq!(stand.ephemeral.take_ticket(&[7; 32]).await, Ok(Some(vec![1])));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_hangs_costs_one_time_out_and_then_nothing() {
    let Some(server) = Server::start() else { return };
    let mut redis = redis_config(&server.url(), &new_prefix());
    redis.timeout = Duration::from_millis(250);
    let stand = Stand::redis_perhaps(redis, local_config());
    stand.until_known().await;
    let alice = user("alice");
    server.signal("STOP");
    let began = Instant::now();
    assert_eq!(stand.presence(&alice).await, Presence::Unknown);
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    // The connection is given up by the next sign of life, and from then on nobody waits.
    until("nobody waits", async || {
        let began = Instant::now();
        stand.presence(&alice).await == Presence::Unknown && began.elapsed() < Duration::from_millis(100)
    })
    .await;
    server.signal("CONT");
    until("it is known again", async || stand.presence(&alice).await == Presence::Known(vec![])).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_takes_no_writes_counts_as_away() {
    let Some(server) = Server::start() else { return };
    let stand = Stand::redis(&server.url(), &new_prefix(), local_config()).await;
    let (alice, web) = (user("alice"), device("web"));
    server.tell("REPLICAOF 127.0.0.1 1");
    until("it is noticed", async || stand.presence(&alice).await == Presence::Unknown).await;
    stand.ephemeral.came(&alice, &web);
    server.tell("REPLICAOF NO ONE");
    until("it is known again", async || stand.presence(&alice).await != Presence::Unknown).await;
    until("she is online", async || devices(&stand.presence(&alice).await) == [("web", true)]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_flushed_is_written_again() {
    let Some(server) = Server::start() else { return };
    let stand = Stand::redis(&server.url(), &new_prefix(), local_config()).await;
    let (alice, web) = (user("alice"), device("web"));
    stand.ephemeral.came(&alice, &web);
    until("she is online", async || devices(&stand.presence(&alice).await) == [("web", true)]).await;
    server.tell("FLUSHALL");
    until("she is online again", async || devices(&stand.presence(&alice).await) == [("web", true)]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_starts_while_redis_is_away_and_finds_it_later() {
    let Some(mut server) = Server::start() else { return };
    server.kill();
    let stand = Stand::redis_perhaps(redis_config(&server.url(), &new_prefix()), local_config());
    let (alice, web) = (user("alice"), device("web"));
    stand.ephemeral.came(&alice, &web);
    assert_eq!(stand.presence(&alice).await, Presence::Unknown);
    server.run();
    stand.until_known().await;
    until("she is online", async || devices(&stand.presence(&alice).await) == [("web", true)]).await;
    stand.end().await;
}

#[tokio::test]
async fn a_server_without_tls_is_away_for_one_who_asks_for_tls() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("rediss://{}", listener.local_addr().unwrap());
    let stand = Stand::redis_perhaps(redis_config(&url, &new_prefix()), local_config());
    // That it comes again shows that the first refusal was taken for one.
    let asked_twice = async {
        for _ in 0..2 {
            let (mut client, _) = listener.accept().await.unwrap();
            assert_eq!(client.read_u8().await.unwrap(), 22, "a TLS handshake (RFC 8446, section 5.1)");
            client.write_all(b"-ERR unknown command\r\n").await.unwrap();
        }
    };
    timeout(PATIENCE, asked_twice).await.expect("it goes on asking");
    assert_eq!(stand.presence(&user("alice")).await, Presence::Unknown);
    stand.end().await;
}
