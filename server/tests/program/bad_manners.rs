//! Frames that make no sense and more messages than anybody types: each has its code, nothing of it is stored, and others notice
//! nothing. In one process and, where the services are, in a cluster.

use serde_json::{Value, json};
use tungstenite::Message;
use tungstenite::protocol::frame::Frame;
use tungstenite::protocol::frame::coding::{Data, OpCode};

use crate::http::{User, new_user};
use crate::places::{self, Places};
use crate::socket::Socket;
use crate::stand::{frame, history, say};

/// Far more than anybody may send at once, and than it takes until a socket that goes on all the same is closed.
const TOO_MANY: u32 = 1_000;
/// That leave together.
const AT_ONCE: u32 = 20;

/// What [`history`] asks for at most.
const PAGE: usize = 200;

const BAD_FRAME: u32 = 1000;
const BAD_FIELD: u32 = 1001;
const RATE: u32 = 1401;

#[test]
fn in_one_process() {
    places::in_one_process(&[], manners);
}

#[test]
fn in_a_cluster() {
    places::in_a_cluster(&[], manners);
}

fn manners(at: &Places<'_>) {
    let [anna, bert, cara] = ["anna", "bert", "cara"].map(|name| new_user(at.api, name, "a long secret"));
    let mut b = Socket::open(at.far, &bert.token);

    let conversation = refused_and_goes_on(at, [&anna, &bert, &cara], &mut b);
    closes(at, &anna, Message::binary(vec![b' '; 2 << 20]), 1009);
    let bad_text = Frame::message(&b"{\"ping\":\xff}"[..], OpCode::Data(Data::Text), true);
    closes(at, &anna, Message::Frame(bad_text), 1007);

    let (said, unanswered) = says_too_much(at, &anna, &bert);
    let mut c = Socket::open(at.near, &cara.token);
    let other = say(&mut c, 1, &bert.id, "and what do you say?")["conversation"].clone();
    while b.until("event")["conversation"] != other {}
    let mut stored = history(at.api, &conversation, &bert);
    let is_whole = stored.len() < PAGE;
    // What was under way as the socket was closed may have been taken.
    stored.retain(|text| !unanswered.contains(text));
    let wanted: Vec<String> = std::iter::once("from me".to_owned()).chain(said).collect();
    assert!(wanted.ends_with(&stored) && (!is_whole || stored == wanted), "{stored:?} of {wanted:?}");
}

/// Each wrong frame is answered with what was wrong; the next right one goes through, under the sender's own name.
fn refused_and_goes_on(at: &Places<'_>, [anna, bert, cara]: [&User; 3], b: &mut Socket) -> Value {
    let mut a = Socket::open(at.near, &anna.token);
    let mut empty = frame(1, &bert.id, "");
    empty["send"]["body"] = json!({ "text": "" });
    let wrong = [
        ("send me", BAD_FRAME),
        (r#"{"dance":{}}"#, BAD_FRAME),
        (r#"{"send":{"body":7}}"#, BAD_FIELD),
        (&empty.to_string(), BAD_FIELD),
    ];
    for (text, code) in wrong {
        assert!(a.send_raw(Message::text(text)));
        let (_, nack) = a.until_any(&["nack"]);
        assert_eq!(nack["code"], json!(code), "{text}: {nack}");
        assert!(nack["message"].as_str().is_some_and(|words| words.len() > 5), "{text}: {nack}");
    }
    let mut forged = frame(2, &bert.id, "from me");
    forged["send"]["sender"] = json!(cara.id);
    a.send(&forged);
    let conversation = a.until("ack")["conversation"].clone();
    assert_eq!(b.until("event")["sender"], json!(anna.id));
    conversation
}

fn closes(at: &Places<'_>, user: &User, message: Message, code: u16) {
    let mut socket = Socket::open(at.near, &user.token);
    // It may be closed before all of it has left.
    let _ = socket.send_raw(message);
    assert_eq!(socket.close_code(), code);
}

/// Refused with advice, and closed when the advice is not taken. Gives what was acknowledged before, and what nobody answered.
fn says_too_much(at: &Places<'_>, from: &User, to: &User) -> (Vec<String>, Vec<String>) {
    let mut socket = Socket::open(at.near, &from.token);
    let (mut said, mut refused) = (Vec::new(), 0);
    for first in (100..100 + TOO_MANY).step_by(AT_ONCE as usize) {
        for number in first..first + AT_ONCE {
            let _ =
                socket.send_raw(Message::text(frame(number, &to.id, &format!("no. {number}")).to_string()));
        }
        let mut unanswered: Vec<String> =
            (first..first + AT_ONCE).map(|number| format!("no. {number}")).collect();
        while !unanswered.is_empty() {
            let told = match socket.frame_or_close() {
                Ok(told) => told,
                Err(code) => {
                    assert_eq!(code, 4429);
                    assert!(refused > 0, "not without a word");
                    return (said, unanswered);
                }
            };
            let answered = if let Some(ack) = told.get("ack") {
                said.push(text_of(ack));
                text_of(ack)
            } else if let Some(nack) = told.get("nack") {
                assert_eq!(nack["code"], json!(RATE), "{nack}");
                assert!(nack["retry_after_ms"].as_u64().is_some_and(|wait| wait > 0), "{nack}");
                refused += 1;
                text_of(nack)
            } else {
                continue;
            };
            unanswered.retain(|text| *text != answered);
        }
    }
    panic!("{TOO_MANY} messages, {refused} of them refused, and the socket is still there");
}

/// As [`says_too_much`] wrote it.
fn text_of(answer: &Value) -> String {
    let id = answer["client_message_id"].as_str().expect("an id");
    let number = u32::from_str_radix(&id[id.len() - 12..], 16).expect("a number");
    format!("no. {number}")
}
