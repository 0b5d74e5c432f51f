//! The gateway goes away in order.

use std::net::TcpStream;
use std::time::Duration;

use gateway::DrainReport;
use proto::ServerFrame;

use crate::bench::Bench;

#[test]
fn sessions_are_told_then_closed_with_1012_and_counted() {
    let bench = Bench::with(|config| config.shards = 2);
    let address = bench.address;
    let mut clients: Vec<_> = (0..6).map(|number| bench.connect(&format!("user-{number}"))).collect();
    std::thread::scope(|scope| {
        let drained = scope.spawn(|| bench.drain());
        let mut delays = Vec::new();
        for client in &mut clients {
            match client.frame() {
                ServerFrame::Goaway(delay_ms) => delays.push(delay_ms),
                other => panic!("{other:?}"),
            }
        }
        assert!(delays.iter().all(|delay| *delay <= 112), "ninety of a hundred a second: {delays:?}");
        delays.dedup();
        assert!(delays.len() > 1, "clients must not all come back at once");
        for client in &mut clients {
            assert_eq!(client.closed(), 1012);
            // Answers the close.
            let _ = client.socket.flush();
        }
        assert_eq!(drained.join().unwrap(), DrainReport { told: 6, closed: 6, abandoned: 0 });
    });
    assert!(TcpStream::connect(address).is_err(), "nobody listens any more");
}

#[test]
fn a_client_that_leaves_by_itself_is_not_closed() {
    let bench = Bench::with(|config| config.drain.notice = Duration::from_secs(5));
    let mut client = bench.connect("alice");
    std::thread::scope(|scope| {
        let drained = scope.spawn(|| bench.drain());
        assert!(matches!(client.frame(), ServerFrame::Goaway(_)));
        drop(client);
        assert_eq!(drained.join().unwrap(), DrainReport { told: 1, closed: 0, abandoned: 0 });
    });
}

#[test]
fn a_client_that_does_nothing_is_cut_off_in_the_end() {
    let bench = Bench::with(|config| {
        config.drain.timeout = Duration::from_millis(500);
        config.timeouts.close = Duration::from_secs(60);
    });
    let client = bench.connect("alice");
    assert_eq!(bench.drain(), DrainReport { told: 1, closed: 1, abandoned: 1 });
    drop(client);
}
