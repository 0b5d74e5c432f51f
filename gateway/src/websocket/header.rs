//! Frame headers (RFC 6455 section 5.2).

use super::ProtocolError;
use super::deflate::COMPRESSED;

/// Bytes of the longest client header: two, a 64-bit length, a masking key.
pub(super) const HEADER_BYTES_MAX: usize = 14;
/// Bytes of the payload of a control frame at most (section 5.5).
pub(super) const CONTROL_PAYLOAD_BYTES_MAX: usize = 125;

const FIN: u8 = 0x80;
/// RSV1, RSV2, RSV3. An agreed `permessage-deflate` takes RSV1 out of this for the first frame of a message.
pub(super) const RESERVED: u8 = 0x70;
const MASKED: u8 = 0x80;

/// What a frame is (section 11.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opcode {
    Continuation,
    Text,
    Binary,
    Close,
    Ping,
    Pong,
}

impl Opcode {
    pub(super) fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }

    fn read(byte: u8) -> Result<Self, ProtocolError> {
        Self::of(byte & 0x0F).ok_or(ProtocolError::ReservedOpcode)
    }

    /// The opcode with that number.
    pub(super) fn of(number: u8) -> Option<Self> {
        match number {
            0x0 => Some(Self::Continuation),
            0x1 => Some(Self::Text),
            0x2 => Some(Self::Binary),
            0x8 => Some(Self::Close),
            0x9 => Some(Self::Ping),
            0xA => Some(Self::Pong),
            _ => None,
        }
    }

    /// As it is on the wire.
    pub(super) fn number(self) -> u8 {
        match self {
            Self::Continuation => 0x0,
            Self::Text => 0x1,
            Self::Binary => 0x2,
            Self::Close => 0x8,
            Self::Ping => 0x9,
            Self::Pong => 0xA,
        }
    }
}

/// The header of a client's frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) fin: bool,
    pub(super) opcode: Opcode,
    /// The message that begins here is compressed.
    pub(super) compressed: bool,
    pub(super) key: [u8; 4],
    /// Bytes of the payload.
    pub(super) payload: u64,
}

impl Header {
    /// Reads the header at the start of `bytes` and tells how long it is; `None` while it is not all there.
    ///
    /// `reserved` are the bits of the first byte that nothing gives a meaning.
    ///
    /// Each byte is judged as soon as it is there, in order, so that the verdict does not depend on how much follows.
    pub(super) fn read(bytes: &[u8], reserved: u8) -> Result<Option<(Self, usize)>, ProtocolError> {
        let Some(&first) = bytes.first() else { return Ok(None) };
        if first & reserved != 0 {
            return Err(ProtocolError::ReservedBit);
        }
        let opcode = Opcode::read(first)?;
        let compressed = first & COMPRESSED != 0;
        // RFC 7692 section 6.1: on control frames and on fragments after the first it has no meaning either.
        if compressed && !matches!(opcode, Opcode::Text | Opcode::Binary) {
            return Err(ProtocolError::ReservedBit);
        }
        let fin = first & FIN != 0;
        if opcode.is_control() && !fin {
            return Err(ProtocolError::ControlFragmented);
        }

        let Some(&second) = bytes.get(1) else { return Ok(None) };
        if second & MASKED == 0 {
            return Err(ProtocolError::Unmasked);
        }
        let short = second & !MASKED;
        if opcode.is_control() && usize::from(short) > CONTROL_PAYLOAD_BYTES_MAX {
            return Err(ProtocolError::ControlTooLong);
        }

        let Some((payload, length_end)) = read_length(short, bytes)? else { return Ok(None) };
        let Some(key) = bytes.get(length_end..).and_then(<[u8]>::first_chunk) else { return Ok(None) };
        Ok(Some((Self { fin, opcode, compressed, key: *key, payload }, length_end + 4)))
    }
}

/// The payload's length and the offset after it.
fn read_length(short: u8, bytes: &[u8]) -> Result<Option<(u64, usize)>, ProtocolError> {
    let extended = &bytes[2..];
    match short {
        126 => {
            let Some(length) = extended.first_chunk() else { return Ok(None) };
            let length = u16::from_be_bytes(*length);
            if length < 126 {
                return Err(ProtocolError::LengthNotMinimal);
            }
            Ok(Some((length.into(), 4)))
        }
        127 => {
            if extended.first().is_some_and(|byte| byte & 0x80 != 0) {
                return Err(ProtocolError::LengthTooLarge);
            }
            let Some(length) = extended.first_chunk() else { return Ok(None) };
            let length = u64::from_be_bytes(*length);
            if length <= u16::MAX.into() {
                return Err(ProtocolError::LengthNotMinimal);
            }
            Ok(Some((length, 10)))
        }
        _ => Ok(Some((short.into(), 2))),
    }
}
