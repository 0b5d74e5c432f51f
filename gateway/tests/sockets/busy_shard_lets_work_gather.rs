//! With a batch window, a shard that is woken all the time looks for work only so often; events keep their order.

use std::time::Duration;

use proto::ServerFrame;
use tokio::time::Instant;

use crate::bench::Bench;
use crate::client::Client;

const WINDOW: Duration = Duration::from_millis(20);

#[test]
fn answers_come_by_the_window_once_a_shard_is_busy_and_events_in_order() {
    let bench = Bench::with(|config| config.batch_window = WINDOW);
    let mut client = Client::with_token(bench.address, &bench.token("alice", 600));
    client.expect_welcome();
    let publish = bench.publisher();

    let mut seqs = Vec::new();
    let mut told = 0;
    let gathered = (0..2_000).any(|_| {
        told = publish();
        let asked = Instant::now();
        client.send(r#"{"ping":{}}"#);
        while let Some(seq) = event(client.frame()) {
            seqs.push(seq);
        }
        asked.elapsed() >= WINDOW / 2
    });
    assert!(gathered, "2,000 answers, each at once");
    while seqs.last() != Some(&told) {
        seqs.extend(event(client.frame()));
    }
    assert_eq!(seqs, (seqs[0]..=told).collect::<Vec<_>>());
}

/// The seq of an event; `None` of the answer to a ping.
fn event(frame: ServerFrame) -> Option<u64> {
    match frame {
        ServerFrame::Event(event) => Some(event.entry.seq.0),
        ServerFrame::Pong(_) => None,
        other => panic!("{other:?}"),
    }
}
