//! What must hold for any bytes of a NATS server. The fuzz target calls it, and so does a test on the stable compiler
//! (`bus/tests/fuzz_seeds_and_their_neighbours.rs`).

use bus::nats::multiplex::{Decoder, Op, ProtocolError};

const MESSAGE_BYTES_MAX: usize = 4_096;

/// The first byte says how long the pieces are, the rest is the stream. Nothing panics, the pieces make no difference, no
/// message passes the limit, and no more is kept than came.
pub fn check(data: &[u8]) {
    let Some((&piece_bytes, stream)) = data.split_first() else { return };
    let whole = decode(stream, stream.len().max(1));
    assert_eq!(whole, decode(stream, usize::from(piece_bytes).max(1)));
    assert_eq!(whole, decode(stream, 1));
}

fn decode(stream: &[u8], piece_bytes: usize) -> (Vec<String>, Option<ProtocolError>) {
    let mut decoder = Decoder::default();
    decoder.allow_messages_of(MESSAGE_BYTES_MAX);
    let mut seen = Vec::new();
    for piece in stream.chunks(piece_bytes) {
        let buffer = decoder.buffer();
        buffer.extend_from_slice(piece);
        assert!(buffer.len() <= stream.len());
        loop {
            match decoder.next_op() {
                Ok(Some(op)) => {
                    if let Op::Message(message) = op {
                        assert!(message.headers.len() + message.payload.len() <= MESSAGE_BYTES_MAX);
                        assert!(!message.subject.contains([' ', '\r', '\n']));
                        let _: Option<u16> = message.status();
                    }
                    seen.push(format!("{op:?}"));
                }
                Ok(None) => break,
                Err(error) => return (seen, Some(error)),
            }
        }
    }
    (seen, None)
}
