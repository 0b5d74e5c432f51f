//! What an entry says, kept in its protobuf form from the sender to every reader.

use bytes::Bytes;
use prost::Message as _;

use crate::{limits, wire};

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
        Self::from_wire(&wire::Body { kind: Some(wire::body::Kind::Text(text.into())) })
    }

    /// A change of the conversation, or a notice.
    pub fn system(change: wire::system::Change) -> Self {
        let system = wire::System { change: Some(change) };
        Self::from_wire(&wire::Body { kind: Some(wire::body::Kind::System(system)) })
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

    /// Whether a client may send it: a known kind, not `system`, not empty, not too large. The error says what is
    /// allowed.
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
        match self.to_wire().kind {
            Some(wire::body::Kind::Text(text)) if text.is_empty() => Err("the text is empty".to_owned()),
            Some(wire::body::Kind::Text(_)) => Ok(()),
            Some(wire::body::Kind::Custom(custom))
                if custom.r#type.is_empty() || custom.r#type.len() > 64 =>
            {
                Err("custom.type has 1 to 64 characters".to_owned())
            }
            Some(wire::body::Kind::Custom(_)) => Ok(()),
            Some(wire::body::Kind::System(_)) => Err("clients cannot write system entries".to_owned()),
            None => Err("one of text, custom is required".to_owned()),
        }
    }
}

impl std::fmt::Debug for Body {
    /// Bodies are private: only the size is shown.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Body({} bytes)", self.encoded.len())
    }
}
