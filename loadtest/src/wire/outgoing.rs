//! Client frames, built straight into their masked WebSocket form.

use proto::client_frame::{AckMode, Recipient, Send};
use proto::{Body, ClientFrame, ConversationId, Encoding, UserId};

use super::frame;
use crate::stamp::Stamp;

/// Builds frames of one run. Reuses its buffer: what a method returns holds until the next call.
#[derive(Debug)]
pub struct Builder {
    encoding: Encoding,
    run: u32,
    started_ms: u64,
    /// What follows the mark in each text.
    padding: Vec<u8>,
    mask: [u8; 4],
    payload: Vec<u8>,
    frame: Vec<u8>,
}

/// Where a message goes, in the form in which the frame has it.
#[derive(Clone, Copy, Debug)]
pub enum To<'a> {
    /// The direct conversation with the user of a connection.
    User(&'a str, usize),
    /// A conversation by its id.
    Conversation(&'a str),
}

impl Builder {
    /// For texts of `text_bytes`, the mark included.
    pub fn new(encoding: Encoding, run: u32, started_ms: u64, text_bytes: usize) -> Self {
        Self {
            encoding,
            run,
            started_ms,
            padding: vec![b'.'; text_bytes.saturating_sub(crate::stamp::STAMP_BYTES)],
            mask: rand::random(),
            payload: Vec::with_capacity(1024),
            frame: Vec::with_capacity(1024),
        }
    }

    /// A first try of message `number`.
    pub fn send(&mut self, number: u64, to: To<'_>) -> &[u8] {
        self.payload.clear();
        match self.encoding {
            Encoding::Json => self.send_json(number, to),
            Encoding::Proto => self.send_proto(number, to),
        }
        self.finish(self.opcode())
    }

    /// A second try of message `number`, and it says so: the server then looks whether it has the first.
    pub fn resend(&mut self, number: u64, to: To<'_>) -> &[u8] {
        let stamp = Stamp { run: self.run, number };
        let text = [&stamp.to_text()[..], &self.padding].concat();
        let to = match to {
            To::User(user, _) => UserId::parse(user).map(Recipient::User),
            To::Conversation(conversation) => {
                ConversationId::parse(conversation).map(Recipient::Conversation)
            }
        };
        let send = Send {
            client_message_id: stamp.to_id(self.started_ms),
            to: to.unwrap_or_else(|_| unreachable!("ids of a topology are made from ids")),
            body: Body::text(String::from_utf8_lossy(&text).into_owned()),
            ack: AckMode::Persisted,
            attempt: 1,
            age_ms: 0,
            after: None,
        };
        self.frame(&ClientFrame::Send(send))
    }

    /// Any frame.
    pub fn frame(&mut self, frame: &ClientFrame) -> &[u8] {
        self.payload = frame.encode(self.encoding);
        self.finish(self.opcode())
    }

    /// The answer to a ping.
    pub fn pong(&mut self, payload: &[u8]) -> &[u8] {
        self.payload.clear();
        self.payload.extend_from_slice(payload);
        self.finish(0x8a)
    }

    /// Goodbye, with code 1000.
    pub fn close(&mut self) -> &[u8] {
        self.payload.clear();
        self.payload.extend_from_slice(&1000_u16.to_be_bytes());
        self.finish(0x88)
    }

    fn opcode(&self) -> u8 {
        match self.encoding {
            Encoding::Json => 0x81,
            Encoding::Proto => 0x82,
        }
    }

    fn send_json(&mut self, number: u64, to: To<'_>) {
        let stamp = Stamp { run: self.run, number };
        let out = &mut self.payload;
        out.extend_from_slice(br#"{"send":{"client_message_id":""#);
        out.extend_from_slice(stamp.to_id(self.started_ms).hyphenated(&mut [0; 36]).as_bytes());
        // Ids have no character that JSON escapes.
        match to {
            To::User(user, _) => {
                out.extend_from_slice(br#"","to_user":""#);
                out.extend_from_slice(user.as_bytes());
            }
            To::Conversation(conversation) => {
                out.extend_from_slice(br#"","conversation":""#);
                out.extend_from_slice(conversation.as_bytes());
            }
        }
        out.extend_from_slice(br#"","body":{"text":""#);
        out.extend_from_slice(&stamp.to_text());
        out.extend_from_slice(&self.padding);
        out.extend_from_slice(br#""}}}"#);
    }

    fn send_proto(&mut self, number: u64, to: To<'_>) {
        let stamp = Stamp { run: self.run, number };
        let (field, name) = match to {
            To::User(user, _) => (3, user),
            To::Conversation(conversation) => (2, conversation),
        };
        let text = crate::stamp::STAMP_BYTES + self.padding.len();
        let body = 1 + varint_bytes(text) + text;
        let send = 2 + 36 + 1 + varint_bytes(name.len()) + name.len() + 1 + varint_bytes(body) + body;
        let out = &mut self.payload;
        // Field numbers of client.proto: ClientFrame.send 2, Send.client_message_id 1, conversation 2, to_user 3,
        // body 4, Body.text 1; all length-delimited.
        put_field(out, 2, send);
        put_field(out, 1, 36);
        out.extend_from_slice(stamp.to_id(self.started_ms).hyphenated(&mut [0; 36]).as_bytes());
        put_field(out, field, name.len());
        out.extend_from_slice(name.as_bytes());
        put_field(out, 4, body);
        put_field(out, 1, text);
        out.extend_from_slice(&stamp.to_text());
        out.extend_from_slice(&self.padding);
    }

    fn finish(&mut self, first: u8) -> &[u8] {
        frame::mask(&mut self.frame, first, self.mask, &self.payload);
        &self.frame
    }
}

fn put_field(out: &mut Vec<u8>, field: u8, length: usize) {
    out.push(field << 3 | 2);
    let mut rest = length;
    while rest >= 0x80 {
        out.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

fn varint_bytes(value: usize) -> usize {
    ((usize::BITS - (value | 1).leading_zeros()) as usize).div_ceil(7)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unmasked(frame: &[u8]) -> Vec<u8> {
        let start = match frame[1] & 0x7f {
            126 => 4,
            127 => 10,
            _ => 2,
        };
        let mask = &frame[start..start + 4];
        frame[start + 4..].iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect()
    }

    #[test]
    fn what_is_built_is_what_the_protocol_reads() {
        for encoding in [Encoding::Json, Encoding::Proto] {
            for text_bytes in [18, 60, 200, 20_000] {
                let mut builder = Builder::new(encoding, 7, 1_790_000_000_000, text_bytes);
                let (bob, me) = (UserId::parse("bob").expect("id"), UserId::parse("me").expect("id"));
                let conversation = ConversationId::direct(&me, &bob);
                let targets = [
                    (To::User("bob", 1), Recipient::User(bob.clone())),
                    (To::Conversation(conversation.as_str()), Recipient::Conversation(conversation.clone())),
                ];
                for (to, expected) in targets {
                    let stamp = Stamp { run: 7, number: 99 };
                    let text = String::from_utf8(stamp.to_text().to_vec()).expect("ASCII");
                    let send = Send {
                        client_message_id: stamp.to_id(1_790_000_000_000),
                        to: expected,
                        body: Body::text(text + &".".repeat(text_bytes - 18)),
                        ack: AckMode::Persisted,
                        attempt: 0,
                        age_ms: 0,
                        after: None,
                    };
                    let payload = unmasked(builder.send(99, to));
                    assert_eq!(ClientFrame::decode(encoding, &payload), Ok(ClientFrame::Send(send.clone())));
                    let again = ClientFrame::Send(Send { attempt: 1, ..send });
                    let payload = unmasked(builder.resend(99, to));
                    assert_eq!(ClientFrame::decode(encoding, &payload), Ok(again));
                }
            }
        }
    }
}
