//! `permessage-deflate` on real sockets: off unless configured, agreed without context takeover, made once for a fan-out; bombs
//! end with 1009.

use std::time::Duration;

use flate2::{Compress, Compression, FlushCompress};
use gateway::websocket::deflate::{InflateLimits, Inflater};
use proto::{ConversationId, Encoding, ServerFrame, Target};

use crate::bench::{Bench, group};
use crate::raw::{Raw, TEXT, masked};
use crate::watch::Watch;

const OFFER: &str = "sec-websocket-extensions: permessage-deflate; client_max_window_bits\r\n";
const COMPRESSED: u8 = 0x40;

fn bench() -> Bench {
    Bench::with(|config| {
        config.compression = Some(gateway::Compression { window_bits: 15, bytes_min: 64, ratio_max: 100 });
        config.timeouts.close = Duration::from_millis(400);
    })
}

fn compressed(payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(payload.len() + 64);
    Compress::new(Compression::best(), false).compress_vec(payload, &mut out, FlushCompress::Sync).unwrap();
    out.strip_suffix(&[0, 0, 0xFF, 0xFF]).unwrap().to_vec()
}

/// The next frame of the server that is not about the session itself, and whether it came compressed.
fn next(client: &mut Raw) -> (ServerFrame, bool) {
    let limits = InflateLimits { message_bytes_max: 1 << 20, ratio_max: u32::MAX };
    loop {
        let (first, payload) = client.frame().unwrap();
        let is_compressed = first & COMPRESSED != 0;
        let text =
            if is_compressed { Inflater::new(limits).inflate(&payload).unwrap().to_vec() } else { payload };
        let frame = ServerFrame::decode(Encoding::Json, &text).unwrap();
        if !matches!(frame, ServerFrame::Welcome(_)) {
            return (frame, is_compressed);
        }
    }
}

#[test]
fn it_is_not_offered_unless_configured() {
    let watch = Watch::begin();
    let bench = Bench::start();
    let client = Raw::open(&bench, "alice", OFFER);
    assert!(!client.head.contains("extensions"), "{}", client.head);
    drop(client);
    watch.expect("gateway_connections", &[], 0.0);
    bench.drain();
}

#[test]
fn a_fan_out_is_compressed_once_and_plain_for_those_who_did_not_ask() {
    let watch = Watch::begin();
    let bench = bench();
    let mut clients = Vec::new();
    for (name, header) in [("a", OFFER), ("b", OFFER), ("c", OFFER), ("plain", "")] {
        bench.set_groups(name, &["g"]);
        let mut client = Raw::open(&bench, name, header);
        let agreed = "permessage-deflate; server_no_context_takeover; client_no_context_takeover\r\n";
        assert_eq!(client.head.contains(agreed), header == OFFER, "{}", client.head);
        client.send(&masked(TEXT, br#"{"sync":{}}"#));
        bench.reply(&bench.command(), proto::Reply::Settled);
        clients.push((client, header == OFFER));
    }
    watch.until(|| watch.risen("gateway_sessions", &[]) >= 4.0);
    std::thread::sleep(Duration::from_millis(200));
    let before = watch.risen("gateway_deflated_bytes_total", &[]);
    let conversation = ConversationId::group(&group("g"));
    let text = "the same words, again and again. ".repeat(20);
    bench.event(Target::Group(group("g")), &conversation, 1, &text);
    for (client, asked) in &mut clients {
        let (frame, is_compressed) = next(client);
        let ServerFrame::Event(event) = frame else { panic!("{frame:?}") };
        assert_eq!((event.entry.seq.0, is_compressed), (1, *asked));
    }
    watch.until(|| watch.risen("gateway_deflated_bytes_total", &[]) > before);
    let bytes = watch.risen("gateway_deflated_bytes_total", &[]) - before;
    assert!((text.len() as f64..2.0 * text.len() as f64).contains(&bytes), "{bytes}: one message, not three");
    drop(clients);
    bench.drain();
}

#[test]
fn a_client_may_compress_and_may_not() {
    let watch = Watch::begin();
    let bench = bench();
    let mut client = Raw::open(&bench, "alice", OFFER);
    for frame in [masked(TEXT | COMPRESSED, &compressed(br#"{"ping":{}}"#)), masked(TEXT, br#"{"ping":{}}"#)]
    {
        client.send(&frame);
        assert!(matches!(next(&mut client).0, ServerFrame::Pong(_)));
    }
    drop(client);
    watch.expect("gateway_connections", &[], 0.0);
    bench.drain();
}

#[track_caller]
fn assert_ended(payload: &[u8], code: u16, error: &str) {
    let watch = Watch::begin();
    let bench = bench();
    let mut client = Raw::open(&bench, "alice", OFFER);
    client.send(&masked(TEXT | COMPRESSED, payload));
    assert_eq!(client.closed(), code);
    watch.expect("gateway_closes_total", &[&format!(r#"code="{code}""#), r#"by="server""#], 1.0);
    watch.expect("gateway_protocol_errors_total", &[&format!(r#"error="{error}""#)], 1.0);
    drop(client);
    watch.expect("gateway_connections", &[], 0.0);
    bench.drain();
}

#[test]
fn a_bomb_is_1009() {
    assert_ended(&compressed(&[b' '; 60_000]), 1009, "ratio_too_high");
}

#[test]
fn a_message_that_inflates_past_the_limit_is_1009() {
    let mut state = 1_u32;
    let text: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        b"abcd"[(state >> 30) as usize]
    })
    .take(80_000)
    .collect();
    assert_ended(&compressed(&text), 1009, "message_too_large");
}

#[test]
fn text_that_is_not_utf8_once_inflated_is_1007() {
    assert_ended(&compressed(b"\xFF\xFE"), 1007, "text_not_utf8");
}

#[test]
fn what_is_no_deflate_stream_is_1007() {
    assert_ended(&[0xFF; 20], 1007, "not_deflated");
}
