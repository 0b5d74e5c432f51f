//! Frames as a client sends them (masked), and the two that this server sends.

use std::ops::Range;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Incoming {
    Message,
    Ping,
    Pong,
    Close,
}

/// One frame; its payload is unmasked in place.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub kind: Incoming,
    pub payload: Range<usize>,
}

/// It is not a frame that this server understands.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Nonsense;

/// Longer ones are nonsense.
const PAYLOAD_BYTES_MAX: usize = 64 * 1024;

/// The frame at the start of `bytes`; `None` while it is not whole.
pub(super) fn next(bytes: &mut [u8]) -> Result<Option<Frame>, Nonsense> {
    let [first, second, ..] = *bytes else { return Ok(None) };
    let kind = match first {
        0x81 | 0x82 => Incoming::Message,
        0x88 => Incoming::Close,
        0x89 => Incoming::Ping,
        0x8a => Incoming::Pong,
        _ => return Err(Nonsense),
    };
    let (header, length) = match second.checked_sub(0x80) {
        Some(short @ ..=125) => (2, usize::from(short)),
        Some(126) => match bytes.get(2..4) {
            Some(length) => (4, usize::from(u16::from_be_bytes([length[0], length[1]]))),
            None => return Ok(None),
        },
        _ => return Err(Nonsense),
    };
    if length > PAYLOAD_BYTES_MAX {
        return Err(Nonsense);
    }
    let (start, end) = (header + 4, header + 4 + length);
    let Some(masked) = bytes.get_mut(header..end) else { return Ok(None) };
    let (mask, payload) = masked.split_at_mut(4);
    for (byte, mask) in payload.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= mask;
    }
    Ok(Some(Frame { kind, payload: start..end }))
}

/// An event (1) or an ack (0).
pub(super) fn put_frame(out: &mut Vec<u8>, kind: u8, seq: u64, body: &[u8]) {
    let length = 1 + 8 + body.len();
    out.push(0x82);
    match u8::try_from(length) {
        Ok(short @ ..=125) => out.push(short),
        _ => {
            out.push(126);
            // Bodies are shorter than the payloads that this server accepts.
            out.extend_from_slice(&u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes());
        }
    }
    out.push(kind);
    out.extend_from_slice(&seq.to_be_bytes());
    out.extend_from_slice(body);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::frame;

    #[test]
    fn what_a_client_masks_is_read_in_place() {
        for length in [0, 1, 125, 126, 4000] {
            let payload: Vec<u8> = (0..length).map(|number| number as u8).collect();
            let mut bytes = Vec::new();
            frame::mask(&mut bytes, 0x82, [1, 2, 3, 4], &payload);
            let whole = bytes.len();
            for cut in 0..whole.min(200) {
                assert_eq!(next(&mut bytes.clone()[..cut]), Ok(None));
            }
            let frame = next(&mut bytes).expect("good").expect("whole");
            assert_eq!((frame.kind, frame.payload.end), (Incoming::Message, whole));
            assert_eq!(bytes[frame.payload], payload);
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for mut bytes in [[0x82, 0x05], [0x02, 0x85], [0x82, 0xff], [0xc2, 0x80]] {
            assert_eq!(next(&mut bytes), Err(Nonsense), "{bytes:?}");
        }
    }

    #[test]
    fn what_is_sent_is_what_the_generator_parses() {
        for length in [12, 116, 117, 3000] {
            let mut out = Vec::new();
            put_frame(&mut out, 1, 7, &vec![b'x'; length]);
            let (_, start, end) = frame::parse(&out).expect("good").expect("whole");
            assert_eq!((end - start, end), (length + 9, out.len()));
        }
    }
}
