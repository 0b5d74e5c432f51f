//! A client's bytes, whole and in pieces: `cargo fuzz run websocket_decoder`.
//!
//! The first byte says how long the pieces are, the rest is the stream. Nothing panics, the pieces make no difference,
//! no message passes the limit, and no more is kept than came.
#![no_main]

use gateway::websocket::{Decoder, Event, Limits, ProtocolError};
use libfuzzer_sys::fuzz_target;

const LIMITS: Limits = Limits { message_bytes_max: 4_096, frames_per_message_max: 16 };
/// Bytes that a decoder may hold beside the payload: its own bookkeeping and a control frame.
const BOOKKEEPING_BYTES_MAX: usize = 512;

fuzz_target!(|data: &[u8]| {
    let Some((&piece_bytes, stream)) = data.split_first() else { return };
    let whole = decode(stream, stream.len().max(1));
    let pieces = decode(stream, usize::from(piece_bytes).max(1));
    assert_eq!(whole, pieces);
});

fn decode(stream: &[u8], piece_bytes: usize) -> (Vec<String>, Option<ProtocolError>) {
    let mut decoder = Decoder::new(LIMITS);
    let (mut seen, mut error) = (Vec::new(), None);
    for piece in stream.chunks(piece_bytes) {
        let mut piece = piece.to_vec();
        let mut events = decoder.events(&mut piece);
        loop {
            match events.next() {
                Ok(Some(event)) => {
                    assert!(payload_bytes(&event) <= LIMITS.message_bytes_max as usize);
                    seen.push(format!("{event:?}"));
                }
                Ok(None) => break,
                Err(violation) => error = Some(violation),
            }
        }
        assert!(decoder.kept_bytes() <= 2 * stream.len() + BOOKKEEPING_BYTES_MAX);
    }
    (seen, error)
}

fn payload_bytes(event: &Event<'_>) -> usize {
    match event {
        Event::Text(text) => text.len(),
        Event::DeflatedText(_) | Event::DeflatedBinary(_) => unreachable!("nothing was agreed"),
        Event::Binary(bytes) | Event::Ping(bytes) | Event::Pong(bytes) => bytes.len(),
        Event::Close(close) => close.map_or(0, |close| close.reason.len()),
    }
}
