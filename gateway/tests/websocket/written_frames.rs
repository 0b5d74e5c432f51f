//! The control frames that the server writes, read by another codec's client.

use std::io::Cursor;

use gateway::websocket::{EMPTY_PING, close_frame, ping_frame, pong_frame};
use tungstenite::protocol::{Role, WebSocket};
use tungstenite::{Bytes, Message};

fn read_by_a_client(frame: &[u8]) -> Message {
    let stream = Cursor::new(frame.to_vec());
    WebSocket::from_raw_socket(stream, Role::Client, None).read().expect("a valid frame")
}

#[test]
fn pings_and_pongs_arrive() {
    assert_eq!(read_by_a_client(&EMPTY_PING), Message::Ping(Bytes::new()));
    for length in [0, 1, 125] {
        let payload = vec![9; length];
        assert_eq!(read_by_a_client(&ping_frame(&payload)), Message::Ping(payload.clone().into()));
        assert_eq!(read_by_a_client(&pong_frame(&payload)), Message::Pong(payload.into()));
    }
}

#[test]
fn what_is_too_long_for_a_control_frame_is_cut() {
    assert_eq!(read_by_a_client(&pong_frame(&[9; 200])), Message::Pong(vec![9; 125].into()));
}

#[test]
fn a_close_has_its_code_and_reason() {
    for (code, reason, arrives) in [
        (1000, "", ""),
        (4401, "the token has expired", "the token has expired"),
        (1012, &"x".repeat(200), &"x".repeat(123)),
        // 41 characters of three bytes fill the 123 exactly; a byte before them leaves room for 40.
        (1002, &"€".repeat(50), &"€".repeat(41)),
        (1002, &format!("x{}", "€".repeat(50)), &format!("x{}", "€".repeat(40))),
    ] {
        let Message::Close(Some(close)) = read_by_a_client(&close_frame(code, reason)) else {
            panic!("not a close frame with a code");
        };
        assert_eq!((u16::from(close.code), close.reason.as_str()), (code, arrives));
    }
}
