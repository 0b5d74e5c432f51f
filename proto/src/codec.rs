//! From values to bytes and back, in both encodings.

use bytes::Bytes;

use crate::{ClientFrame, Encoding, FrameError, ServerFrame};

impl ClientFrame {
    /// Reads one frame. `bytes` is a whole WebSocket message, already known to be UTF-8 for JSON.
    pub fn decode(_encoding: Encoding, _bytes: &[u8]) -> Result<Self, FrameError> {
        Err(FrameError::Malformed("not built yet".into()))
    }

    /// Writes one frame, without a WebSocket header.
    pub fn encode(&self, _encoding: Encoding) -> Vec<u8> {
        Vec::new()
    }
}

impl ServerFrame {
    /// Reads one frame; what the reference client does.
    pub fn decode(_encoding: Encoding, _bytes: &[u8]) -> Result<Self, FrameError> {
        Err(FrameError::Malformed("not built yet".into()))
    }

    /// Appends the frame to `out`, without a WebSocket header.
    pub fn encode_into(&self, _encoding: Encoding, _out: &mut Vec<u8>) {}

    /// A complete, unmasked WebSocket message holding the frame.
    pub fn encode_message(&self, _encoding: Encoding) -> Bytes {
        Bytes::new()
    }
}
