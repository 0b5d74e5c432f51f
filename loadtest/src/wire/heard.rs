//! Server frames, scanned: of an `ack` and an `event`, which are nearly all there is, only the few fields that the
//! audit needs; every other frame is decoded by `proto`.

use memchr::memmem::Finder;
use proto::{Encoding, ServerFrame};

use super::protobuf::{Content, each_field, next_field};
use crate::stamp::Stamp;

/// What a frame said.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard {
    /// A send is durable.
    Ack(AckHeard),
    /// An entry was pushed. No stamp: it is not a message of a run.
    Event {
        /// Its place.
        seq: u64,
        /// Which message it is.
        stamp: Option<Stamp>,
    },
    /// A send was not done.
    Refused {
        /// Which; `None` when the server did not say.
        stamp: Option<Stamp>,
        /// Its name or number.
        code: &'static str,
    },
    /// The server is ready for this connection.
    Ready,
    /// The server wants to hear that somebody is there.
    Call,
    /// Any other of Tidegate's frames.
    Other(Box<ServerFrame>),
    /// Something that means nothing here.
    Nothing,
}

/// What an ack said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AckHeard {
    /// Which message it is; `None` when the client message id is not of a run.
    pub stamp: Option<Stamp>,
    /// Its place.
    pub seq: u64,
    /// Its handle.
    pub message_id: u64,
}

/// Scans frames of one encoding.
#[derive(Debug)]
pub struct Scanner {
    encoding: Encoding,
    seq: Finder<'static>,
    text: Finder<'static>,
    client_message_id: Finder<'static>,
    message_id: Finder<'static>,
}

impl Scanner {
    /// Builds the searchers.
    pub fn new(encoding: Encoding) -> Self {
        Self {
            encoding,
            seq: Finder::new(r#""seq":"#),
            text: Finder::new(r#""text":""#),
            client_message_id: Finder::new(r#""client_message_id":""#),
            message_id: Finder::new(r#","message_id":"#),
        }
    }

    /// What the payload of one message says.
    pub fn scan(&self, payload: &[u8]) -> anyhow::Result<Heard> {
        let hot = match self.encoding {
            Encoding::Json => self.scan_json(payload),
            Encoding::Proto => scan_proto(payload),
        };
        match hot {
            Some(heard) => Ok(heard),
            None => Ok(Heard::Other(Box::new(ServerFrame::decode(self.encoding, payload)?))),
        }
    }

    fn scan_json(&self, payload: &[u8]) -> Option<Heard> {
        if payload.starts_with(br#"{"event":"#) {
            let seq = number(after(&self.seq, payload)?)?;
            let stamp = after(&self.text, payload).and_then(Stamp::from_text);
            return Some(Heard::Event { seq, stamp });
        }
        if payload.starts_with(br#"{"ack":"#) {
            let stamp = after(&self.client_message_id, payload).and_then(Stamp::from_hyphenated);
            let seq = number(after(&self.seq, payload)?)?;
            let message_id = number(after(&self.message_id, payload)?)?;
            return Some(Heard::Ack(AckHeard { stamp, seq, message_id }));
        }
        None
    }
}

fn after<'a>(name: &Finder<'_>, payload: &'a [u8]) -> Option<&'a [u8]> {
    let at = name.find(payload)?;
    payload.get(at + name.needle().len()..)
}

/// A number at the start of `text`, with or without quotes.
fn number(text: &[u8]) -> Option<u64> {
    let text = text.strip_prefix(b"\"").unwrap_or(text);
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit());
    let mut value = None;
    for digit in digits {
        let so_far: u64 = value.unwrap_or(0);
        value = Some(so_far.checked_mul(10)?.checked_add(u64::from(digit - b'0'))?);
    }
    value
}

/// Field numbers of client.proto: ServerFrame.ack 2 and .event 7; Ack.client_message_id 1, .seq 3, .message_id 4;
/// Event.seq 2, .body 6; Body.text 1.
fn scan_proto(payload: &[u8]) -> Option<Heard> {
    let (field, content, _) = next_field(payload)?;
    match (field, content) {
        (2, Content::Bytes(ack)) => {
            let (mut stamp, mut seq, mut message_id) = (None, 0, 0);
            each_field(ack, |field, content| match (field, content) {
                (1, Content::Bytes(id)) => stamp = Stamp::from_hyphenated(id),
                (3, Content::Number(number)) => seq = number,
                (4, Content::Number(number)) => message_id = number,
                _ => {}
            })?;
            Some(Heard::Ack(AckHeard { stamp, seq, message_id }))
        }
        (7, Content::Bytes(event)) => {
            let (mut stamp, mut seq) = (None, 0);
            each_field(event, |field, content| match (field, content) {
                (2, Content::Number(number)) => seq = number,
                (6, Content::Bytes(body)) => {
                    if let Some((1, Content::Bytes(text), _)) = next_field(body) {
                        stamp = Stamp::from_text(text);
                    }
                }
                _ => {}
            })?;
            Some(Heard::Event { seq, stamp })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proto::server_frame::{Ack, Event, Head};
    use proto::{Body, ConversationId, Entry, MessageId, Seq, Timestamp, UserId};

    use super::*;

    const STAMP: Stamp = Stamp { run: 5, number: 77 };

    fn conversation() -> ConversationId {
        ConversationId::direct(&UserId::parse("al").expect("id"), &UserId::parse("bob").expect("id"))
    }

    fn event(text: String) -> ServerFrame {
        let entry = Entry {
            seq: Seq(300),
            message_id: MessageId(1 << 60),
            sender: UserId::parse("al").expect("id"),
            time: Timestamp(1_790_000_000_000),
            counted: 1,
            client_message_id: STAMP.to_id(1_790_000_000_000),
            body: Body::text(text),
        };
        ServerFrame::Event(Event { conversation: conversation(), entry })
    }

    fn heard(frame: &ServerFrame) -> Vec<Heard> {
        let encodings = [Encoding::Json, Encoding::Proto];
        let scan = |encoding| {
            let mut bytes = Vec::new();
            frame.encode_into(encoding, &mut bytes);
            Scanner::new(encoding).scan(&bytes).expect("a frame")
        };
        encodings.into_iter().map(scan).collect()
    }

    #[test]
    fn acks_and_events_as_the_protocol_writes_them_are_understood() {
        let ack = ServerFrame::Ack(Ack {
            client_message_id: STAMP.to_id(1_790_000_000_000),
            conversation: conversation(),
            seq: Seq(300),
            message_id: MessageId(u64::MAX),
            time: Timestamp(1_790_000_000_000),
        });
        for heard in heard(&ack) {
            let expected = AckHeard { stamp: Some(STAMP), seq: 300, message_id: u64::MAX };
            assert_eq!(heard, Heard::Ack(expected));
        }
        let text = String::from_utf8(STAMP.to_text().to_vec()).expect("ASCII") + "....";
        for heard in heard(&event(text)) {
            assert_eq!(heard, Heard::Event { seq: 300, stamp: Some(STAMP) });
        }
    }

    #[test]
    fn a_text_cannot_pretend_to_be_a_seq_or_a_stamp() {
        for heard in heard(&event(r#"","seq":"1","text":"r000005n000000004d"#.to_owned())) {
            assert_eq!(heard, Heard::Event { seq: 300, stamp: None });
        }
    }

    #[test]
    fn other_frames_are_decoded_whole() {
        let head = ServerFrame::Head(Head::of(conversation(), Seq(4)));
        for heard in heard(&head) {
            assert_eq!(heard, Heard::Other(Box::new(head.clone())));
        }
        assert!(Scanner::new(Encoding::Json).scan(b"{\"event\":").is_err());
    }
}
