//! Peers that are gone, in every state of a connection, with and without a word.

use std::io::Write as _;
use std::net::TcpStream;
use std::time::Duration;

use proto::{ConversationId, Target};
use socket2::SockRef;

use crate::bench::{Bench, group};
use crate::raw::{Raw, TEXT, masked};
use crate::watch::Watch;

const SHORT: Duration = Duration::from_millis(400);

#[test]
fn a_peer_that_vanishes_without_a_word_is_4408() {
    let watch = Watch::begin();
    let bench = Bench::with(|config| {
        config.timeouts.ping_after = SHORT;
        config.timeouts.pong = SHORT;
        config.timeouts.close = SHORT;
    });
    // Its kernel still acknowledges, but nobody is there: not even the close frame is answered.
    let vanished: Vec<_> = (0..20).map(|number| Raw::open(&bench, &format!("u{number}"), "")).collect();
    watch.expect("gateway_closes_total", &[r#"code="4408""#, r#"by="server""#], 20.0);
    watch.expect("gateway_pings_total", &[], 20.0);
    watch.expect("gateway_slow_closes_total", &[], 20.0);
    watch.expect("gateway_connections", &[], 0.0);
    drop(vanished);
    bench.drain();
}

/// How a peer goes.
#[derive(Clone, Copy, Debug)]
enum Leave {
    /// As a process that exits.
    Fin,
    /// As one that is killed with bytes unread.
    Reset,
    /// It says that it sends nothing more, and stays for a while.
    HalfClose,
}

impl Leave {
    fn carry_out(self, stream: TcpStream, kept: &mut Vec<TcpStream>) {
        match self {
            Self::Fin => drop(stream),
            Self::Reset => SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap(),
            Self::HalfClose => {
                stream.shutdown(std::net::Shutdown::Write).unwrap();
                kept.push(stream);
            }
        }
    }
}

/// A connection in some state of its life.
fn in_state(bench: &Bench, state: usize) -> TcpStream {
    let head = b"GET /ws HTTP/1.1\r\nhost";
    match state {
        // Silent, within the head, without proof, welcomed.
        0 => Raw::connect(bench),
        1 => {
            let mut stream = Raw::connect(bench);
            stream.write_all(head).unwrap();
            stream
        }
        2 => Raw::open(bench, "", "").stream,
        3 => Raw::open(bench, "alice", "").stream,
        // Within a frame, within a message, with a command under way.
        4..=6 => {
            let mut client = Raw::open(bench, "alice", "");
            let bytes = match state {
                4 => masked(TEXT, &[b' '; 90])[..20].to_vec(),
                5 => masked(0x01, b"{"),
                _ => masked(TEXT, crate::client::send_frame(1, "bob").as_bytes()),
            };
            client.send(&bytes);
            client.stream
        }
        // Closing from its side, and from ours.
        7 => {
            let mut client = Raw::open(bench, "alice", "");
            client.send(&masked(0x88, &1000_u16.to_be_bytes()));
            client.stream
        }
        _ => {
            let mut client = Raw::open(bench, "alice", "");
            client.send(b"\x81\x00");
            assert_eq!(client.closed(), 1002);
            client.stream
        }
    }
}

const STATES: usize = 9;

#[test]
fn whoever_leaves_in_whatever_state_frees_its_place() {
    let watch = Watch::begin();
    let bench = Bench::with(|config| {
        config.timeouts.handshake = SHORT;
        config.timeouts.hello = SHORT;
        config.timeouts.close = SHORT;
    });
    let mut kept = Vec::new();
    for leave in [Leave::Fin, Leave::Reset, Leave::HalfClose] {
        for state in 0..STATES {
            let stream = in_state(&bench, state);
            leave.carry_out(stream, &mut kept);
        }
    }
    watch.expect("gateway_connections", &[], 0.0);
    watch.expect("gateway_sessions", &[], 0.0);
    let report = bench.drain();
    assert_eq!(report.abandoned, 0);
    drop(kept);
}

#[test]
fn whoever_leaves_with_a_full_mailbox_frees_its_bytes() {
    let watch = Watch::begin();
    let bench = Bench::with(|config| {
        config.mailbox.bytes_max = 64 * 1024;
        config.timeouts.close = SHORT;
    });
    bench.set_groups("slow", &["g"]);
    let mut slow = Raw::open(&bench, "slow", "");
    slow.send(&masked(TEXT, br#"{"sync":{}}"#));
    bench.reply(&bench.command(), proto::Reply::Settled);
    let (conversation, text) = (ConversationId::group(&group("g")), "x".repeat(8 * 1024));
    let mut seq = 0;
    watch.until(|| {
        seq += 1;
        bench.event(Target::Group(group("g")), &conversation, seq, &text);
        watch.risen("gateway_mailbox_lagging_total", &[]) >= 1.0
    });
    assert!(watch.risen("gateway_mailbox_bytes", &[]) > 32_000.0);
    drop(slow);
    watch.expect("gateway_mailbox_bytes", &[], 0.0);
    watch.expect("gateway_connections", &[], 0.0);
    bench.drain();
}
