//! Bounds on what one session may say, each with its code.

use proto::{Code, Reply};

use crate::bench::Bench;
use crate::client::Client;

#[test]
fn a_message_that_is_too_big_closes_with_1009() {
    let bench = Bench::with(|config| config.session.message_bytes_max = 1_000);
    let mut client = bench.connect("alice");
    client.send(&format!(r#"{{"ping":{{"x":"{}"}}}}"#, "x".repeat(1_000)));
    assert_eq!(client.closed(), 1009);
}

#[test]
fn commands_over_the_rate_are_told_when_to_come_back() {
    let bench = Bench::with(|config| {
        config.session.commands_per_second = 10;
        config.session.commands_burst = 3;
    });
    let mut client = bench.connect("alice");
    for number in 0..4 {
        client.send_message(number, "bob");
    }
    let nack = client.expect_nack();
    assert_eq!((nack.code, nack.frame), (Code::Rate, "send"));
    assert!((1..=400).contains(&nack.retry_after_ms), "{nack:?}");
    assert!(nack.client_message_id.is_some());
}

#[test]
fn persistent_abuse_closes_with_4429() {
    let bench = Bench::with(|config| {
        config.session.commands_per_second = 1;
        config.session.commands_burst = 1;
        config.session.rate_strikes_max = 5;
    });
    let mut client = Client::with_token(bench.address, &bench.token("alice", 600));
    client.expect_welcome();
    for number in 0..20 {
        // The server may be closing already.
        let _ = client.socket.send(tungstenite::Message::text(crate::client::send_frame(number, "bob")));
    }
    assert_eq!(client.closed(), 4429);
}

#[test]
fn frames_that_do_not_parse_are_told_and_then_close_with_1007() {
    let bench = Bench::with(|config| config.session.bad_frames_max = 3);
    let mut client = bench.connect("alice");
    for nonsense in ["{", r#"{"nothing":{}}"#, "[]"] {
        client.send(nonsense);
        assert_eq!(client.expect_nack().code, Code::BadFrame);
    }
    assert_eq!(client.closed(), 1007);
}

#[test]
fn a_wrong_field_names_it_and_does_not_count_as_nonsense() {
    let bench = Bench::with(|config| config.session.bad_frames_max = 1);
    let mut client = bench.connect("alice");
    client.send(r#"{"fetch":{"conversation":"no such id"}}"#);
    let nack = client.expect_nack();
    assert_eq!((nack.code, nack.frame), (Code::BadField, "fetch"));
    client.send_message(1, "bob");
    bench.reply(&bench.command(), Reply::Settled);
}

#[test]
fn binary_where_text_was_agreed_closes_with_1003() {
    let bench = Bench::start();
    let mut client = bench.connect("alice");
    client.socket.send(tungstenite::Message::binary(vec![1, 2])).unwrap();
    assert_eq!(client.closed(), 1003);
}

#[test]
fn a_broken_frame_closes_with_1002() {
    use std::io::Write as _;
    let bench = Bench::start();
    let mut client = bench.connect("alice");
    // Not masked.
    client.raw().write_all(&[0x81, 0x01, b'x']).unwrap();
    assert_eq!(client.closed(), 1002);
}

#[test]
fn a_clients_close_is_answered_with_its_code() {
    let bench = Bench::start();
    let mut client = bench.connect("alice");
    client
        .socket
        .close(Some(tungstenite::protocol::CloseFrame { code: 1000.into(), reason: "".into() }))
        .unwrap();
    assert_eq!(client.closed(), 1000);
}
