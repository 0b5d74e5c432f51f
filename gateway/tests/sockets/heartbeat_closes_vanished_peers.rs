//! Peers that are gone are found; peers that are quiet are kept.

use std::io::Read as _;
use std::time::Duration;

use crate::bench::{Bench, PATIENCE};

fn quick() -> Bench {
    Bench::with(|config| {
        config.timeouts.ping_after = Duration::from_millis(300);
        config.timeouts.pong = Duration::from_millis(400);
    })
}

#[test]
fn a_peer_that_answers_no_ping_is_closed_with_4408() {
    let bench = quick();
    let mut client = bench.connect("alice");
    let mut bytes = Vec::new();
    // Read past the client library, which would answer the ping.
    client.raw().set_read_timeout(Some(PATIENCE)).unwrap();
    client.raw().read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes[..2], [0x89, 0], "a ping");
    assert_eq!(bytes[2], 0x88, "then a close frame");
    assert_eq!(u16::from_be_bytes([bytes[4], bytes[5]]), 4408);
}

#[test]
fn a_quiet_peer_that_answers_stays() {
    let bench = quick();
    let mut client = bench.connect("alice");
    // Reading answers pings.
    let until = tokio::time::Instant::now() + Duration::from_secs(2);
    client.raw().set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    let mut pings = 0;
    while tokio::time::Instant::now() < until {
        if let Ok(tungstenite::Message::Ping(_)) = client.socket.read() {
            pings += 1;
        }
    }
    assert!(pings >= 2, "{pings}");
    client.raw().set_read_timeout(Some(PATIENCE)).unwrap();
    client.settle(&bench);
}

#[test]
fn a_ping_of_the_client_tells_the_heads_that_passed_by() {
    let bench = Bench::start();
    let mut client = bench.connect("alice");
    let conversation = crate::bench::direct("alice", "bob");
    bench.event(proto::Target::User(crate::bench::user("alice")), &conversation, 7, "hi");
    assert_eq!(client.expect_event(), 7);
    client.send(r#"{"ping":{}}"#);
    match client.frame() {
        proto::ServerFrame::Pong(pong) => {
            assert!(pong.server_time.0 > 0);
            assert_eq!(pong.heads.len(), 1);
            assert_eq!((&pong.heads[0].conversation, pong.heads[0].last.0), (&conversation, 7));
        }
        other => panic!("{other:?}"),
    }
    client.socket.send(tungstenite::Message::Ping(vec![1, 2, 3].into())).unwrap();
    assert_eq!(client.socket.read().unwrap(), tungstenite::Message::Pong(vec![1, 2, 3].into()));
}
