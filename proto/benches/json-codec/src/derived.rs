//! What serde's derive needs for the same JSON.

use std::borrow::Cow;
use std::fmt;

use proto::{ClientMessageId, ServerFrame};
use serde::de::{Deserializer, Error, Visitor};
use serde::{Deserialize, Serialize, Serializer};

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(dead_code, reason = "only read")]
pub enum ClientFrame<'a> {
    #[serde(borrow)]
    Send(Send<'a>),
    #[serde(borrow)]
    Delivered(Position<'a>),
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "only read")]
pub struct Send<'a> {
    #[serde(borrow, alias = "clientMessageId")]
    pub client_message_id: Cow<'a, str>,
    #[serde(borrow, default)]
    pub conversation: Cow<'a, str>,
    #[serde(borrow, default, alias = "toUser")]
    pub to_user: Cow<'a, str>,
    #[serde(borrow)]
    pub body: BodyIn<'a>,
    #[serde(borrow, default)]
    ack: Cow<'a, str>,
    #[serde(default, deserialize_with = "wide")]
    attempt: u64,
    #[serde(default, alias = "ageMs", deserialize_with = "wide")]
    age_ms: u64,
    #[serde(borrow, default)]
    after: Cow<'a, str>,
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "only read")]
pub struct Position<'a> {
    #[serde(borrow)]
    pub conversation: Cow<'a, str>,
    #[serde(default, deserialize_with = "wide")]
    seq: u64,
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "only read")]
pub struct BodyIn<'a> {
    #[serde(borrow, default)]
    pub text: Cow<'a, str>,
}

/// A number, or a number in a string.
fn wide<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    struct Wide;
    impl Visitor<'_> for Wide {
        type Value = u64;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a number")
        }
        fn visit_u64<E: Error>(self, value: u64) -> Result<u64, E> {
            Ok(value)
        }
        fn visit_str<E: Error>(self, value: &str) -> Result<u64, E> {
            value.parse().map_err(E::custom)
        }
    }
    deserializer.deserialize_any(Wide)
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Server<'a> {
    Event(Event<'a>),
    Ack(Ack<'a>),
}

#[derive(Serialize)]
pub struct Event<'a> {
    conversation: &'a str,
    #[serde(serialize_with = "text")]
    seq: u64,
    #[serde(serialize_with = "text")]
    message_id: u64,
    sender: &'a str,
    #[serde(serialize_with = "text")]
    time: u64,
    body: BodyOut<'a>,
    #[serde(serialize_with = "text")]
    client_message_id: ClientMessageId,
}

#[derive(Serialize)]
pub struct BodyOut<'a> {
    text: &'a str,
}

#[derive(Serialize)]
pub struct Ack<'a> {
    #[serde(serialize_with = "text")]
    client_message_id: ClientMessageId,
    conversation: &'a str,
    #[serde(serialize_with = "text")]
    seq: u64,
    #[serde(serialize_with = "text")]
    message_id: u64,
    #[serde(serialize_with = "text")]
    time: u64,
}

fn text<T: fmt::Display, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

pub fn server(frame: &ServerFrame) -> Server<'_> {
    match frame {
        ServerFrame::Event(event) => Server::Event(Event {
            conversation: event.conversation.as_str(),
            seq: event.entry.seq.0,
            message_id: event.entry.message_id.0,
            sender: event.entry.sender.as_str(),
            time: event.entry.time.0,
            body: BodyOut { text: event.entry.body.as_text().unwrap_or_default() },
            client_message_id: event.entry.client_message_id,
        }),
        ServerFrame::Ack(ack) => Server::Ack(Ack {
            client_message_id: ack.client_message_id,
            conversation: ack.conversation.as_str(),
            seq: ack.seq.0,
            message_id: ack.message_id.0,
            time: ack.time.0,
        }),
        other => unreachable!("not measured: {other:?}"),
    }
}
