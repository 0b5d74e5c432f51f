//! Frames that break a rule or a limit: the code that ends each, its metric, and that nothing of it is left.

use std::time::Duration;

use crate::bench::Bench;
use crate::memory::held;
use crate::raw::{PING, Raw, TEXT, masked};
use crate::watch::Watch;

const SHORT: Duration = Duration::from_millis(400);

/// Sends bytes on a new socket; it must be closed with this code for this reason, and its place be free again.
#[track_caller]
fn assert_ended(bytes: &[u8], code: u16, error: &str) {
    let watch = Watch::begin();
    let bench = Bench::with(|config| {
        config.timeouts.close = SHORT;
        config.session.message_bytes_max = 4_096;
    });
    let mut client = Raw::open(&bench, "alice", "");
    client.try_send(bytes);
    assert_eq!(client.closed(), code);
    watch.expect("gateway_closes_total", &[&format!(r#"code="{code}""#), r#"by="server""#], 1.0);
    watch.expect("gateway_protocol_errors_total", &[&format!(r#"error="{error}""#)], 1.0);
    client.ended();
    watch.expect("gateway_connections", &[], 0.0);
    bench.drain();
}

#[test]
fn an_unmasked_frame_is_1002() {
    assert_ended(b"\x81\x02hi", 1002, "unmasked");
}

#[test]
fn a_giant_length_is_1009_before_a_byte_of_it_came() {
    let length = (1_u64 << 62).to_be_bytes();
    assert_ended(&[&[TEXT, 0xFF][..], &length, &[0; 4]].concat(), 1009, "message_too_large");
}

#[test]
fn a_length_of_all_ones_is_1002() {
    assert_ended(&[&[TEXT, 0xFF][..], &[0xFF; 8]].concat(), 1002, "length_too_large");
}

#[test]
fn endless_fragments_are_1009() {
    let mut bytes = masked(0x01, b"");
    for _ in 0..1_000 {
        bytes.extend(masked(0x00, b""));
    }
    assert_ended(&bytes, 1009, "too_many_fragments");
}

#[test]
fn fragments_that_add_up_are_1009() {
    let bytes = [masked(0x01, &[b'x'; 4_000]), masked(0x00, &[b'x'; 97])].concat();
    assert_ended(&bytes, 1009, "message_too_large");
}

#[test]
fn a_reserved_bit_is_1002() {
    assert_ended(&masked(0xC1, b"hi"), 1002, "reserved_bit");
}

#[test]
fn a_message_that_comes_byte_by_byte_is_4408() {
    let watch = Watch::begin();
    let bench = Bench::with(|config| {
        config.timeouts.message = SHORT;
        config.timeouts.close = SHORT;
    });
    let mut client = Raw::open(&bench, "alice", "");
    // Pings between the bytes of a fragmented message do not help: its end is waited for.
    client.send(&masked(0x01, b"{"));
    let frame = masked(0x80, &[b' '; 100]);
    for byte in frame.iter().take(60) {
        client.try_send(&[*byte]);
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(client.closed(), 4408);
    watch.expect("gateway_closes_total", &[r#"code="4408""#, r#"by="server""#], 1.0);
    drop(client);
    watch.expect("gateway_connections", &[], 0.0);
    bench.drain();
}

#[test]
fn whole_messages_may_come_slowly_for_ever() {
    let watch = Watch::begin();
    let bench = Bench::with(|config| config.timeouts.message = SHORT);
    let mut client = Raw::open(&bench, "alice", "");
    let ping = masked(TEXT, br#"{"ping":{}}"#);
    // Each read ends in the middle of a message, and yet each message ends in time.
    let (head, tail) = ping.split_at(5);
    client.send(head);
    for _ in 0..12 {
        std::thread::sleep(SHORT / 4);
        client.send(&[tail, head].concat());
    }
    client.send(tail);
    let mut pongs = 0;
    while pongs < 13 {
        let (first, payload) = client.frame().unwrap();
        assert_eq!(first, TEXT);
        pongs += usize::from(payload.windows(6).any(|window| window == b"\"pong\""));
    }
    drop(client);
    watch.expect("gateway_connections", &[], 0.0);
    bench.drain();
}

#[test]
fn a_flood_of_pings_is_4429() {
    let watch = Watch::begin();
    let bench = Bench::with(|config| {
        config.session.commands_per_second = 10;
        config.session.commands_burst = 10;
        config.session.rate_strikes_max = 20;
    });
    let mut client = Raw::open(&bench, "alice", "");
    client.try_send(&masked(PING, &[0; 125]).repeat(1_000));
    assert_eq!(client.closed(), 4429);
    watch.expect("gateway_closes_total", &[r#"code="4429""#, r#"by="server""#], 1.0);
    drop(client);
    watch.expect("gateway_connections", &[], 0.0);
    bench.drain();
}

#[test]
fn what_half_sent_messages_hold_is_given_back() {
    const SOCKETS: usize = 200;
    let watch = Watch::begin();
    let bench = Bench::with(|config| {
        config.timeouts.message = 3 * SHORT;
        config.timeouts.close = SHORT;
    });
    bench.connect("warm");
    watch.expect("gateway_connections", &[], 0.0);
    let before = held();
    let mut clients: Vec<_> =
        (0..SOCKETS).map(|number| Raw::open(&bench, &format!("u{number}"), "")).collect();
    let half = masked(TEXT, &[b'x'; 60_000]);
    for client in &mut clients {
        client.try_send(&half[..50_000]);
    }
    let mut most = 0;
    watch.until(|| {
        most = most.max(held() - before);
        watch.risen("gateway_closes_total", &[r#"code="4408""#]) >= SOCKETS as f64
    });
    let held_each = most / SOCKETS as isize;
    assert!((40_000..140_000).contains(&held_each), "{held_each} bytes for each while it lasts");
    drop(clients);
    watch.expect("gateway_connections", &[], 0.0);
    let left = held() - before;
    assert!(left < 512 * 1024, "{left} bytes are left of {most}");
    bench.drain();
}
