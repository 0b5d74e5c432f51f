//! The same random streams through this codec and through tungstenite's.
//!
//! Both must give the same messages, and both must accept or refuse. The differences are these, and only these:
//!
//! * A length in more bytes than needed: refused here (section 5.2, "the minimal number of bytes MUST be used"),
//!   accepted there. In a control frame it is reported as too long, as only one byte of length fits there.
//! * A close code that may not be sent: refused here, turned there into a close with 1002.
//! * Close code 1014, which the IANA registry has since added: accepted here, turned there into a close with 1002.
//! * A frame that is not all there: refused here as soon as a byte of it breaks a rule, judged there at its end.

use std::io::{self, Read, Write};

use gateway::websocket::ProtocolError;
use proptest::prelude::*;
use tungstenite::protocol::{Role, WebSocket, WebSocketConfig};
use tungstenite::{Error, Message};

use crate::random_stream::{damaged_stream, lawless_stream, valid_stream};
use crate::wire::{BINARY, LIMITS, Length, Outcome, Owned, PING, close, decode_pieces, frame, raw_frame};

/// How a stream ended for tungstenite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// It waits for more.
    Open,
    Closed,
    Refused,
}

/// Reads from a slice, and swallows what is written.
struct Pipe<'a>(&'a [u8]);

impl Read for Pipe<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match self.0.read(out)? {
            0 => Err(io::ErrorKind::WouldBlock.into()),
            length => Ok(length),
        }
    }
}

impl Write for Pipe<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn tungstenite(stream: &[u8]) -> (Vec<Owned>, End) {
    let limit = Some(LIMITS.message_bytes_max as usize);
    let config = WebSocketConfig::default().max_message_size(limit).max_frame_size(limit);
    let mut socket = WebSocket::from_raw_socket(Pipe(stream), Role::Server, Some(config));
    let mut events = Vec::new();
    loop {
        events.push(match socket.read() {
            Ok(Message::Text(text)) => Owned::Text(text.to_string()),
            Ok(Message::Binary(bytes)) => Owned::Binary(bytes.to_vec()),
            Ok(Message::Ping(bytes)) => Owned::Ping(bytes.to_vec()),
            Ok(Message::Pong(bytes)) => Owned::Pong(bytes.to_vec()),
            Ok(Message::Close(close)) => {
                Owned::Close(close.map(|close| (close.code.into(), close.reason.to_string())))
            }
            Ok(Message::Frame(_)) => unreachable!("only written, never read"),
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => return (events, End::Open),
            Err(Error::ConnectionClosed) => return (events, End::Closed),
            Err(_) => return (events, End::Refused),
        });
    }
}

/// Whether the stream ends inside a frame, by nothing but the lengths in its headers.
fn ends_inside_a_frame(mut stream: &[u8]) -> bool {
    while !stream.is_empty() {
        let Some(second) = stream.get(1) else { return true };
        let extended = match second & 0x7F {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let key = if second & 0x80 == 0 { 0 } else { 4 };
        let Some(digits) = stream.get(2..2 + extended) else { return true };
        let short = if extended == 0 { u64::from(second & 0x7F) } else { 0 };
        let payload = digits.iter().fold(short, |length, digit| length << 8 | u64::from(*digit));
        let end = (2 + extended as u64 + key).saturating_add(payload);
        if end > stream.len() as u64 {
            return true;
        }
        stream = &stream[end as usize..];
    }
    false
}

/// What tungstenite makes of a close code that it does not know.
fn as_tungstenite_tells_it(event: Owned) -> Owned {
    match event {
        Owned::Close(Some((1014, _))) => Owned::Close(Some((1002, "Protocol violation".to_owned()))),
        event => event,
    }
}

fn compare(stream: &[u8]) -> Result<(), TestCaseError> {
    let Outcome { events, error, ended } = decode_pieces(LIMITS, [stream]);
    let mut expected: Vec<Owned> = events.into_iter().map(as_tungstenite_tells_it).collect();
    let (theirs, end) = tungstenite(stream);
    match error {
        None => {
            prop_assert_eq!(theirs, expected);
            prop_assert_eq!(end, if ended { End::Closed } else { End::Open });
        }
        Some(ProtocolError::LengthNotMinimal | ProtocolError::ControlTooLong) => {
            prop_assert_eq!(theirs.get(..expected.len()), Some(&expected[..]));
        }
        Some(ProtocolError::CloseCodeInvalid) if end != End::Refused => {
            expected.push(Owned::Close(Some((1002, "Protocol violation".to_owned()))));
            prop_assert_eq!(theirs, expected);
            prop_assert_eq!(end, End::Closed);
        }
        Some(error) => {
            prop_assert_eq!(theirs, expected);
            let early = end == End::Open && ends_inside_a_frame(stream);
            prop_assert!(end == End::Refused || early, "refused here with {error:?}, {end:?} there");
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn on_valid_streams(stream in valid_stream()) {
        compare(&stream)?;
    }

    #[test]
    fn on_damaged_streams(stream in damaged_stream()) {
        compare(&stream)?;
    }

    #[test]
    fn on_lawless_streams(stream in lawless_stream()) {
        compare(&stream)?;
    }
}

#[test]
fn except_that_a_length_must_be_minimal_here() {
    let long = raw_frame(0x80 | BINARY, Length::TwoBytes, Some([1, 2, 3, 4]), b"x");
    assert_eq!(tungstenite(&long), (vec![Owned::Binary(b"x".to_vec())], End::Open));
    assert_eq!(decode_pieces(LIMITS, [&long[..]]).error, Some(ProtocolError::LengthNotMinimal));

    let long = raw_frame(0x80 | PING, Length::TwoBytes, Some([1, 2, 3, 4]), b"x");
    assert_eq!(tungstenite(&long), (vec![Owned::Ping(b"x".to_vec())], End::Open));
    assert_eq!(decode_pieces(LIMITS, [&long[..]]).error, Some(ProtocolError::ControlTooLong));
}

#[test]
fn except_that_a_forbidden_close_code_is_an_error_here() {
    let violation = Owned::Close(Some((1002, "Protocol violation".to_owned())));
    for code in [999, 1005, 1006, 1015, 2999, 5000] {
        let forbidden = close(code, b"");
        assert_eq!(tungstenite(&forbidden), (vec![violation.clone()], End::Closed));
        let ours = decode_pieces(LIMITS, [&forbidden[..]]);
        assert_eq!((ours.events, ours.error), (vec![], Some(ProtocolError::CloseCodeInvalid)));
    }
}

#[test]
fn except_that_the_registered_code_1014_is_known_here() {
    let registered = close(1014, b"bad gateway");
    let violation = Owned::Close(Some((1002, "Protocol violation".to_owned())));
    assert_eq!(tungstenite(&registered), (vec![violation], End::Closed));
    let ours = decode_pieces(LIMITS, [&registered[..]]);
    assert_eq!(ours.events, [Owned::Close(Some((1014, "bad gateway".to_owned())))]);
}

#[test]
fn except_that_a_bad_byte_does_not_wait_for_its_frame_here() {
    let text = frame(0x1, b"\xFF and more");
    let begun = &text[..8];
    assert_eq!(tungstenite(begun), (vec![], End::Open));
    assert_eq!(decode_pieces(LIMITS, [begun]).error, Some(ProtocolError::TextNotUtf8));
    assert_eq!(tungstenite(&text), (vec![], End::Refused));
}
