//! Client frames as bytes, and decoding a stream to values that can be compared.

use gateway::websocket::{Decoder, Event, Limits, ProtocolError};

pub const LIMITS: Limits = Limits { message_bytes_max: 1_000, frames_per_message_max: 8 };

pub const CONTINUATION: u8 = 0x0;
pub const TEXT: u8 = 0x1;
pub const BINARY: u8 = 0x2;
pub const CLOSE: u8 = 0x8;
pub const PING: u8 = 0x9;
pub const PONG: u8 = 0xA;

/// How a client writes the length of a payload.
#[derive(Clone, Copy, Debug)]
pub enum Length {
    Shortest,
    TwoBytes,
    EightBytes,
}

/// A frame as a client sends it. `first` is the whole first byte.
pub fn raw_frame(first: u8, length: Length, key: Option<[u8; 4]>, payload: &[u8]) -> Vec<u8> {
    let masked = if key.is_some() { 0x80 } else { 0 };
    let mut out = vec![first];
    match (length, payload.len()) {
        (Length::Shortest, short @ 0..126) => out.push(masked | short as u8),
        (Length::TwoBytes, two) | (Length::Shortest, two @ 126..=0xFFFF) => {
            out.push(masked | 126);
            out.extend((two as u16).to_be_bytes());
        }
        (_, eight) => {
            out.push(masked | 127);
            out.extend((eight as u64).to_be_bytes());
        }
    }
    let key = key.inspect(|key| out.extend(key)).unwrap_or_default();
    out.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
    out
}

/// A final frame.
pub fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    raw_frame(0x80 | opcode, Length::Shortest, Some([0x37, 0xFA, 0x21, 0x3D]), payload)
}

/// A frame after which more of the message follows.
pub fn fragment(opcode: u8, payload: &[u8]) -> Vec<u8> {
    raw_frame(opcode, Length::Shortest, Some([0x37, 0xFA, 0x21, 0x3D]), payload)
}

pub fn close(code: u16, reason: &[u8]) -> Vec<u8> {
    frame(CLOSE, &[&code.to_be_bytes(), reason].concat())
}

/// An event that owns its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owned {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<(u16, String)>),
}

impl From<Event<'_>> for Owned {
    fn from(event: Event<'_>) -> Self {
        match event {
            Event::Text(text) => Self::Text(text.to_owned()),
            Event::Binary(bytes) => Self::Binary(bytes.to_owned()),
            Event::DeflatedText(_) | Event::DeflatedBinary(_) => unreachable!("nothing was agreed"),
            Event::Ping(bytes) => Self::Ping(bytes.to_owned()),
            Event::Pong(bytes) => Self::Pong(bytes.to_owned()),
            Event::Close(close) => Self::Close(close.map(|close| (close.code, close.reason.to_owned()))),
        }
    }
}

pub fn text(text: &str) -> Owned {
    Owned::Text(text.to_owned())
}

/// What came out of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub events: Vec<Owned>,
    pub error: Option<ProtocolError>,
    /// Nothing more is read.
    pub ended: bool,
}

/// Decodes a stream that arrives in these pieces.
pub fn decode_pieces<'a>(limits: Limits, pieces: impl IntoIterator<Item = &'a [u8]>) -> Outcome {
    let mut decoder = Decoder::new(limits);
    let mut outcome = Outcome { events: Vec::new(), error: None, ended: false };
    for piece in pieces {
        let mut piece = piece.to_vec();
        let mut events = decoder.events(&mut piece);
        loop {
            match events.next() {
                Ok(Some(event)) => outcome.events.push(event.into()),
                Ok(None) => break,
                Err(error) => {
                    assert_eq!(outcome.error, None, "an error is told once");
                    outcome.error = Some(error);
                }
            }
        }
    }
    outcome.ended = decoder.has_ended();
    outcome
}

/// Decodes a stream that arrives at once, and checks that byte by byte makes no difference.
pub fn decode(frames: &[Vec<u8>]) -> Outcome {
    let stream = frames.concat();
    let whole = decode_pieces(LIMITS, [&stream[..]]);
    assert_eq!(decode_pieces(LIMITS, stream.chunks(1)), whole, "byte by byte");
    whole
}

/// The events of a stream without a violation.
#[track_caller]
pub fn accepted(frames: &[Vec<u8>]) -> Vec<Owned> {
    let outcome = decode(frames);
    assert_eq!(outcome.error, None);
    outcome.events
}

/// The violation in a stream; what came before it must be `events`.
#[track_caller]
pub fn refused(frames: &[Vec<u8>], events: &[Owned]) -> ProtocolError {
    let outcome = decode(frames);
    assert_eq!(outcome.events, events);
    assert!(outcome.ended);
    outcome.error.expect("the stream breaks the protocol")
}
