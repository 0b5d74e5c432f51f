//! The WebSocket header in front of a frame (RFC 6455 §5.2).

use bytes::Bytes;

use crate::{Encoding, ServerFrame};

/// FIN and opcode 1.
const TEXT: u8 = 0x81;
/// FIN and opcode 2.
const BINARY: u8 = 0x82;
/// The longest header of an unmasked frame.
const HEADER_BYTES_MAX: usize = 10;

/// Writes the frame behind room for the longest header, then the header right in front of it, so that nothing has
/// to move.
pub(super) fn encode(frame: &ServerFrame, encoding: Encoding) -> Bytes {
    let mut out = Vec::with_capacity(HEADER_BYTES_MAX + size_hint(frame));
    out.resize(HEADER_BYTES_MAX, 0);
    frame.encode_into(encoding, &mut out);
    let opcode = match encoding {
        Encoding::Json => TEXT,
        Encoding::Proto => BINARY,
    };
    let start = write_header(&mut out, opcode);
    Bytes::from(out).slice(start..)
}

/// What [`encode`] put behind the header.
pub(crate) fn payload(message: &Bytes) -> Bytes {
    let header = match message.get(1) {
        Some(126) => 4,
        Some(127) => 10,
        _ => 2,
    };
    message.slice(header.min(message.len())..)
}

/// Writes the shortest header that fits, ending at [`HEADER_BYTES_MAX`]; gives its first byte's place.
fn write_header(out: &mut [u8], opcode: u8) -> usize {
    let length = out.len() - HEADER_BYTES_MAX;
    let (start, marker) = match length {
        0..=125 => (8, u8::try_from(length).unwrap_or(0)),
        126..=0xffff => {
            out[8..10].copy_from_slice(&u16::try_from(length).unwrap_or(0).to_be_bytes());
            (6, 126)
        }
        _ => {
            out[2..10].copy_from_slice(&(length as u64).to_be_bytes());
            (0, 127)
        }
    };
    out[start] = opcode;
    out[start + 1] = marker;
    start
}

/// Room enough for most frames of the kind, so that the buffer rarely grows and little of it is wasted.
fn size_hint(frame: &ServerFrame) -> usize {
    const EVENT: usize = 224;
    match frame {
        ServerFrame::Event(event) => EVENT + event.entry.body.encoded().len(),
        ServerFrame::Page(page) => {
            page.entries.iter().map(|entry| EVENT + 64 + entry.body.encoded().len()).sum::<usize>() + 128
        }
        ServerFrame::Delta(delta) => delta.conversations.len() * 512 + 128,
        ServerFrame::Welcome(_) => 384,
        _ => 192,
    }
}
