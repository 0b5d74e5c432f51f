//! Nanoseconds per frame: our reader and writer, serde_json with derive, pbjson.
//!
//! All end in checked ids and a body in its protobuf form; the other two through structs of strings, which are checked
//! with the same functions afterwards.

mod derived;

use std::hint::black_box;
use std::time::Instant;

use proto::server_frame::{Ack, Event};
use proto::{
    Body, ClientFrame, ClientMessageId, ConversationId, Encoding, Entry, MessageId, Seq, ServerFrame,
    Timestamp, UserId,
};

#[allow(dead_code, clippy::all, reason = "generated")]
mod plain {
    include!(concat!(env!("OUT_DIR"), "/tidegate.v1.rs"));
    include!(concat!(env!("OUT_DIR"), "/tidegate.v1.serde.rs"));
}

const ID: &str = "01890a5d-ac96-774b-bcce-b302099a8057";
const ROUNDS: usize = 200;

/// The best round, in nanoseconds per call. Rounds last about a millisecond, so that many are not interrupted by whatever
/// else runs on the machine: interference only ever adds.
fn time(mut call: impl FnMut()) -> f64 {
    const CALLS: u32 = 5_000;
    let round = |call: &mut dyn FnMut()| {
        let begin = Instant::now();
        (0..CALLS).for_each(|_| call());
        begin.elapsed().as_nanos() as f64 / f64::from(CALLS)
    };
    (0..ROUNDS).map(|_| round(&mut call)).fold(f64::INFINITY, f64::min)
}

fn row(what: &str, bytes: usize, ours: f64, serde: f64, pbjson: f64) {
    println!("| {what} | {bytes} | {ours:.0} | {serde:.0} | {pbjson:.0} |");
}

fn check_send(id: &str, conversation: &str, to_user: &str, text: &str) {
    black_box(ClientMessageId::parse(id).expect("valid"));
    if conversation.is_empty() {
        black_box(UserId::parse(to_user).expect("valid"));
    } else {
        black_box(ConversationId::parse(conversation).expect("valid"));
    }
    let body = black_box(Body::text(text));
    body.check_from_client().expect("valid");
}

fn decode(what: &str, text: &str) {
    let bytes = text.as_bytes();
    let ours =
        time(|| drop(black_box(ClientFrame::decode(Encoding::Json, black_box(bytes)).expect("valid"))));
    let serde = time(|| {
        let frame: derived::ClientFrame = serde_json::from_slice(black_box(bytes)).expect("valid");
        match frame {
            derived::ClientFrame::Send(send) => {
                check_send(&send.client_message_id, &send.conversation, &send.to_user, &send.body.text);
            }
            derived::ClientFrame::Delivered(at) => drop(black_box(ConversationId::parse(&at.conversation))),
        }
    });
    let pbjson = time(|| {
        let frame: plain::ClientFrame = serde_json::from_slice(black_box(bytes)).expect("valid");
        match frame.frame.expect("a frame") {
            plain::client_frame::Frame::Send(send) => {
                let Some(plain::body::Kind::Text(text)) = send.body.and_then(|body| body.kind) else {
                    return;
                };
                check_send(&send.client_message_id, &send.conversation, &send.to_user, &text);
            }
            plain::client_frame::Frame::Delivered(at) => {
                drop(black_box(ConversationId::parse(&at.conversation)))
            }
            other => unreachable!("not measured: {other:?}"),
        }
    });
    row(what, bytes.len(), ours, serde, pbjson);
}

fn encode(what: &str, frame: &ServerFrame) {
    let mut out = Vec::new();
    frame.encode_into(Encoding::Json, &mut out);
    let plain: plain::ServerFrame = serde_json::from_slice(&out).expect("the same JSON");
    let bytes = out.len();
    let ours = time(|| {
        out.clear();
        black_box(frame).encode_into(Encoding::Json, &mut out);
        black_box(&out);
    });
    let serde = time(|| {
        out.clear();
        serde_json::to_writer(&mut out, &derived::server(black_box(frame))).expect("a vector takes all");
        black_box(&out);
    });
    assert_eq!(out.len(), bytes, "the derived writer writes the same");
    let pbjson = time(|| {
        out.clear();
        serde_json::to_writer(&mut out, black_box(&plain)).expect("a vector takes all");
        black_box(&out);
    });
    row(what, bytes, ours, serde, pbjson);
}

fn event(text: &str) -> ServerFrame {
    ServerFrame::Event(Event {
        conversation: conversation(),
        entry: Entry {
            seq: Seq(1_234_567),
            message_id: MessageId(230_748_261_548_032),
            sender: UserId::parse("alice").expect("valid"),
            time: Timestamp(1_790_000_000_123),
            counted: 0,
            client_message_id: ClientMessageId::parse(ID).expect("valid"),
            body: Body::text(text),
        },
    })
}

fn conversation() -> ConversationId {
    ConversationId::parse("d.alice.bob").expect("valid")
}

fn main() {
    let words = "Meet at seven, by the old harbour gate? ".repeat(3);
    let german = "Größe: 7 \\\"Zoll\\\"\\nTür zu! 😀 ".repeat(4);
    println!("| | bytes | ours ns | serde_json ns | pbjson ns |\n|---|--:|--:|--:|--:|");
    let send = |to: &str, text: &str| {
        format!(
            r#"{{"send":{{"client_message_id":"{ID}",{to},"body":{{"text":"{text}"}},"ack":"RECEIVED"}}}}"#
        )
    };
    decode("read `send` to a user, 2 bytes of text", &send(r#""to_user":"bob""#, "hi"));
    decode("read `send` to a conversation, 120 bytes", &send(r#""conversation":"d.alice.bob""#, &words));
    decode("read `send`, text with escapes and UTF-8", &send(r#""to_user":"bob""#, &german));
    decode("read `send`, 8 KiB of text", &send(r#""to_user":"bob""#, &"x".repeat(8192)));
    decode("read `delivered`", r#"{"delivered":{"conversation":"d.alice.bob","seq":"1234567"}}"#);
    encode("write `event`, 2 bytes of text", &event("hi"));
    encode("write `event`, 120 bytes", &event(&words));
    encode("write `event`, text with escapes and UTF-8", &event(&german));
    encode("write `event`, 8 KiB of text", &event(&"x".repeat(8192)));
    let ack = Ack {
        client_message_id: ClientMessageId::parse(ID).expect("valid"),
        conversation: conversation(),
        seq: Seq(1_234_567),
        message_id: MessageId(230_748_261_548_032),
        time: Timestamp(1_790_000_000_123),
    };
    encode("write `ack`", &ServerFrame::Ack(ack));
}
