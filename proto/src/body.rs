//! What an entry says, kept in its protobuf form from the sender to every reader.

mod change;
mod check;
mod confirm;
mod lifetime;

use bytes::Bytes;
use prost::Message as _;

use crate::{limits, wire};

pub use change::{Change, MessageTarget};

/// Field 1 (`text`), length-delimited: how the encoding of nearly every body begins.
pub(crate) const TEXT_TAG: u8 = 1 << 3 | 2;

/// A checked body: the encoded [`wire::Body`], at most [`limits::BODY_BYTES_MAX`] bytes.
///
/// It is decoded where it enters, to check it, and where a JSON reader needs it; the log and the bus carry bytes, so
/// that kinds which this version does not know pass through whole.
#[derive(Clone, PartialEq, Eq)]
pub struct Body {
    encoded: Bytes,
}

impl Body {
    /// A text message.
    pub fn text(text: impl Into<String>) -> Self {
        Self::of_kind(wire::body::Kind::Text(text.into()))
    }

    /// A change of the conversation, or a notice.
    pub fn system(change: wire::system::Change) -> Self {
        let system = wire::System { change: Some(change) };
        Self::of_kind(wire::body::Kind::System(system))
    }

    /// Sets for how many seconds entries of the conversation are kept; 0: as configured.
    pub fn retention(seconds: u32) -> Self {
        Self::system(wire::system::Change::RetentionSet(wire::RetentionSet { seconds }))
    }

    /// A body of one kind, with nothing beside it.
    pub fn of_kind(kind: wire::body::Kind) -> Self {
        Self::from_wire(&wire::Body { kind: Some(kind), ..wire::Body::default() })
    }

    /// Encodes without checking; for bodies that this program made.
    pub fn from_wire(body: &wire::Body) -> Self {
        Self { encoded: body.encode_to_vec().into() }
    }

    /// Takes bytes that were checked when they entered (from the log or the bus).
    pub fn from_encoded(encoded: Bytes) -> Self {
        Self { encoded }
    }

    /// The protobuf form.
    pub fn encoded(&self) -> &Bytes {
        &self.encoded
    }

    /// Decodes it; bytes that do not decode are shown as an empty body.
    pub fn to_wire(&self) -> wire::Body {
        wire::Body::decode(self.encoded.clone()).unwrap_or_default()
    }

    /// The text, when the body is a text and nothing else. Does not copy.
    pub fn as_text(&self) -> Option<&str> {
        let (tag, mut rest) = self.encoded.split_first()?;
        if *tag != TEXT_TAG {
            return None;
        }
        let length = prost::encoding::decode_varint(&mut rest).ok()?;
        if length != rest.len() as u64 {
            return None;
        }
        std::str::from_utf8(rest).ok()
    }

    /// Whether a client may send it as a message: a known kind of the right shape, not `system`, no change of another
    /// message, not too large. The error names the member and says what is allowed.
    pub fn check_from_client(&self) -> Result<(), String> {
        if self.encoded.len() > limits::BODY_BYTES_MAX {
            return Err(format!(
                "{} bytes; at most {} are allowed",
                self.encoded.len(),
                limits::BODY_BYTES_MAX
            ));
        }
        if self.as_text().is_some_and(|text| !text.is_empty()) {
            return Ok(());
        }
        check::message(&self.to_wire())
    }
}

impl std::fmt::Debug for Body {
    /// Bodies are private: only the size is shown.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Body({} bytes)", self.encoded.len())
    }
}
