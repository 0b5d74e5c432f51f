//! From values to bytes and back, in both encodings.
//!
//! ```text
//! JSON text ──client_json──┐                         ┌──server_json──► JSON text
//!                          ├─check─► frames ──────────┤
//! protobuf ──client_wire───┘                         └──server_wire──► protobuf
//! ```
//!
//! **Guarantees.** What is decoded is valid and within the limits of the protocol; decoding any bytes ends in a
//! frame or a [`FrameError`], and no error repeats what was sent. What is encoded decodes to an equal frame, but for
//! [`crate::Entry::counted`], which is not told to clients.

mod body_json;
mod change;
mod check;
mod client_json;
mod client_wire;
pub(crate) mod confirmations;
mod contact;
mod group_json;
mod invitation;
mod message;
mod overlay_json;
mod overlay_wire;
pub(crate) mod presence;
mod presence_json;
pub(crate) mod readers;
mod retention;
mod room;
mod server_from_wire;
mod server_json_read;
mod server_json_write;
mod server_wire;
pub(crate) mod settings;
mod settings_json;

/// What envelopes share with client frames.
pub(crate) mod client {
    pub(crate) use super::check::recipient;
    pub(crate) use super::client_wire::{
        fetch, fetch_to_wire, position_from_wire as position, recipient_to_wire, send_of_any_kind,
        send_to_wire, sync, sync_to_wire,
    };
}

/// What envelopes share with server frames.
pub(crate) mod server {
    pub(crate) use super::message::payload;
    pub(crate) use super::server_from_wire::{event, nack};
    pub(crate) use super::server_wire::{event_to_wire, nack_to_wire};
}

use bytes::Bytes;

use crate::{ClientFrame, Encoding, FrameError, ServerFrame};

impl ClientFrame {
    /// Reads one frame: a whole WebSocket message without its header.
    pub fn decode(encoding: Encoding, bytes: &[u8]) -> Result<Self, FrameError> {
        match encoding {
            Encoding::Json => client_json::read(bytes),
            Encoding::Proto => client_wire::decode(bytes),
        }
    }

    /// Writes one frame, without a WebSocket header.
    pub fn encode(&self, encoding: Encoding) -> Vec<u8> {
        match encoding {
            Encoding::Json => client_json::write(self),
            Encoding::Proto => client_wire::encode(self),
        }
    }
}

impl ServerFrame {
    /// Reads one frame: a whole WebSocket message without its header.
    pub fn decode(encoding: Encoding, bytes: &[u8]) -> Result<Self, FrameError> {
        match encoding {
            Encoding::Json => server_json_read::read(bytes),
            Encoding::Proto => server_wire::decode(bytes),
        }
    }

    /// Reads one protobuf frame without copying its bodies: they share `bytes`.
    pub fn decode_shared(bytes: Bytes) -> Result<Self, FrameError> {
        server_wire::decode(bytes)
    }

    /// Appends the frame to `out`, without a WebSocket header.
    pub fn encode_into(&self, encoding: Encoding, out: &mut Vec<u8>) {
        match encoding {
            Encoding::Json => server_json_write::write(self, out),
            Encoding::Proto => server_wire::encode(self, out),
        }
    }

    /// A complete, unmasked WebSocket message (RFC 6455 §5.2) holding the frame: one final frame, text for JSON and
    /// binary for protobuf.
    pub fn encode_message(&self, encoding: Encoding) -> Bytes {
        message::encode(self, encoding)
    }
}
