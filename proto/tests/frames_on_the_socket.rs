//! What server frames look like as whole WebSocket messages.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use proto::server_frame::{Ack, Event, Head, Pong};
use proto::{Body, ClientMessageId, ConversationId, Encoding, Entry, MessageId, Seq, ServerFrame, Timestamp};

const ID: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

fn event(body: Body) -> ServerFrame {
    ServerFrame::Event(Event {
        conversation: ConversationId::parse("d.alice.bob").unwrap(),
        entry: Entry {
            seq: Seq(7),
            message_id: MessageId(123),
            sender: "alice".parse().unwrap(),
            time: Timestamp(1_790_000_000_000),
            counted: 0,
            client_message_id: ClientMessageId::parse(ID).unwrap(),
            body,
        },
    })
}

/// Header and payload, by RFC 6455 §5.2.
fn split(message: &[u8]) -> (u8, &[u8]) {
    let (length, payload) = match message[1] {
        126 => (u64::from(u16::from_be_bytes([message[2], message[3]])), &message[4..]),
        127 => (u64::from_be_bytes(message[2..10].try_into().unwrap()), &message[10..]),
        length => (u64::from(length), &message[2..]),
    };
    assert_eq!(length, payload.len() as u64);
    (message[0], payload)
}

#[test]
fn an_event_is_written_as_documented() {
    let message = event(Body::text("hi \"you\"\n")).encode_message(Encoding::Json);
    let (first, payload) = split(&message);
    assert_eq!(first, 0x81, "final, text");
    assert_eq!(
        std::str::from_utf8(payload).unwrap(),
        format!(
            r#"{{"event":{{"conversation":"d.alice.bob","seq":"7","message_id":"123","sender":"alice","time":"1790000000000","body":{{"text":"hi \"you\"\n"}},"client_message_id":"{ID}"}}}}"#
        )
    );
}

#[test]
fn every_length_gets_the_shortest_header() {
    for encoding in [Encoding::Json, Encoding::Proto] {
        for text in [1, 10, 30, 40, 50, 124, 125, 126, 127, 65_300, 65_400, 65_500, 65_536, 70_000] {
            for text in text..text + 20 {
                let frame = event(Body::text("x".repeat(text)));
                let message = frame.encode_message(encoding);
                let (first, payload) = split(&message);
                assert_eq!(first, if encoding == Encoding::Json { 0x81 } else { 0x82 });
                let header = message.len() - payload.len();
                let shortest = match payload.len() {
                    0..=125 => 2,
                    126..=65_535 => 4,
                    _ => 10,
                };
                assert_eq!(header, shortest);
                assert_eq!(ServerFrame::decode(encoding, payload), Ok(frame));
            }
        }
    }
}

#[test]
fn bodies_of_unknown_kind_are_empty_in_json_and_whole_in_protobuf() {
    // Field 99, length-delimited.
    let unknown = Body::from_encoded(vec![0x9a, 0x06, 0x03, 1, 2, 3].into());
    let frame = event(unknown);
    let mut json = Vec::new();
    frame.encode_into(Encoding::Json, &mut json);
    assert!(std::str::from_utf8(&json).unwrap().contains(r#""body":{},"#));
    let mut bytes = Vec::new();
    frame.encode_into(Encoding::Proto, &mut bytes);
    assert_eq!(ServerFrame::decode(Encoding::Proto, &bytes), Ok(frame.clone()));
    assert_eq!(ServerFrame::decode_shared(bytes.into()), Ok(frame));
}

#[test]
fn bodies_that_are_not_utf8_do_not_break_the_text_frame() {
    let broken = Body::from_encoded(vec![0x0a, 0x01, 0xff].into());
    let mut json = Vec::new();
    event(broken).encode_into(Encoding::Json, &mut json);
    assert!(std::str::from_utf8(&json).unwrap().contains(r#""body":{},"#));
}

#[test]
fn small_frames_keep_to_proto3_json() {
    let json = |frame: ServerFrame| {
        let mut out = Vec::new();
        frame.encode_into(Encoding::Json, &mut out);
        String::from_utf8(out).unwrap()
    };
    let conversation = ConversationId::parse("g.team").unwrap();
    assert_eq!(json(ServerFrame::Resync), r#"{"resync":{}}"#);
    assert_eq!(json(ServerFrame::TooLong), r#"{"too_long":{}}"#);
    assert_eq!(json(ServerFrame::Goaway(0)), r#"{"goaway":{"reconnect_after_ms":0}}"#);
    assert_eq!(
        json(ServerFrame::Pong(Pong {
            heads: vec![Head::of(conversation.clone(), Seq(u64::MAX))],
            server_time: Timestamp(5),
        })),
        r#"{"pong":{"heads":[{"conversation":"g.team","last_seq":"18446744073709551615"}],"server_time":"5"}}"#
    );
    assert_eq!(
        json(ServerFrame::Ack(Ack {
            client_message_id: ClientMessageId::parse(ID).unwrap(),
            conversation,
            seq: Seq(1),
            message_id: MessageId(2),
            time: Timestamp(3),
        })),
        format!(
            r#"{{"ack":{{"client_message_id":"{ID}","conversation":"g.team","seq":"1","message_id":"2","time":"3"}}}}"#
        )
    );
}
