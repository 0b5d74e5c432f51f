//! The control frames that a server writes: final, unmasked, at most 125 bytes of payload (RFC 6455 section 5.5).

use bytes::{BufMut, Bytes, BytesMut};

use super::close::REASON_BYTES_MAX;
use super::header::CONTROL_PAYLOAD_BYTES_MAX;

const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;
const PONG: u8 = 0x8A;

/// A ping without a payload: the heartbeat, shared by all.
pub const EMPTY_PING: Bytes = Bytes::from_static(&[PING, 0]);

/// A ping frame. What is past 125 bytes of `payload` is cut off.
pub fn ping_frame(payload: &[u8]) -> Bytes {
    frame(PING, payload)
}

/// A pong frame that answers a ping with this payload. What is past 125 bytes is cut off, which no received ping has.
pub fn pong_frame(payload: &[u8]) -> Bytes {
    frame(PONG, payload)
}

/// A close frame. `reason` is cut at a character boundary to its first 123 bytes.
pub fn close_frame(code: u16, reason: &str) -> Bytes {
    let reason = &reason[..reason.floor_char_boundary(REASON_BYTES_MAX)];
    let mut body = [0; CONTROL_PAYLOAD_BYTES_MAX];
    let length = 2 + reason.len();
    body[..2].copy_from_slice(&code.to_be_bytes());
    body[2..length].copy_from_slice(reason.as_bytes());
    frame(CLOSE, &body[..length])
}

fn frame(first: u8, payload: &[u8]) -> Bytes {
    let payload = &payload[..payload.len().min(CONTROL_PAYLOAD_BYTES_MAX)];
    let mut out = BytesMut::with_capacity(2 + payload.len());
    out.put_u8(first);
    out.put_u8(payload.len() as u8);
    out.put_slice(payload);
    out.freeze()
}
