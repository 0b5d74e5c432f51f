//! Messages of sessions that agreed to compress: one pair of codecs for all of a shard, as no window outlives a message.

use bytes::Bytes;
use proto::delivery::SharedFrame;
use proto::{CloseCode, Encoding};

use super::Shard;
use crate::config::{Compression, SessionLimits};
use crate::metrics::{Tally, count_protocol_error};
use crate::session::{Flags, Session, SessionKey};
use crate::websocket::ProtocolError;
use crate::websocket::deflate::{Deflater, InflateLimits, Inflater};

/// See the module.
pub(super) struct Codecs {
    deflater: Deflater,
    /// Not here while a message that it holds is carried out.
    inflater: Option<Inflater>,
}

impl Codecs {
    pub(super) fn new(compression: Compression, session: &SessionLimits) -> Self {
        let limits =
            InflateLimits { message_bytes_max: session.message_bytes_max, ratio_max: compression.ratio_max };
        Self {
            deflater: Deflater::new(compression.window_bits, compression.bytes_min),
            inflater: Some(Inflater::new(limits)),
        }
    }

    fn deflate(&mut self, tally: &mut Tally, message: &Bytes) -> Option<Bytes> {
        let deflated = self.deflater.deflate(message)?;
        tally.deflated_bytes += message.len() as u64;
        tally.deflated_to_bytes += deflated.len() as u64;
        Some(deflated)
    }
}

/// A message that goes to one session alone.
pub(super) fn for_one(
    codecs: &mut Option<Codecs>,
    tally: &mut Tally,
    session: &Session,
    message: Bytes,
) -> Bytes {
    match codecs {
        Some(codecs) if session.flags.has(Flags::DEFLATE) => {
            codecs.deflate(tally, &message).unwrap_or(message)
        }
        _ => message,
    }
}

/// A message of a fan-out: compressed for the first session that wants it so, and shared by the others.
pub(super) fn for_many<'a>(
    codecs: &mut Option<Codecs>,
    tally: &mut Tally,
    session: &Session,
    frame: &'a SharedFrame,
) -> &'a Bytes {
    match codecs {
        Some(codecs) if session.flags.has(Flags::DEFLATE) => {
            frame.deflated(session.encoding, |message| codecs.deflate(tally, message))
        }
        _ => frame.message(session.encoding),
    }
}

impl Shard {
    /// A whole compressed message of a client.
    pub(super) fn on_deflated(&mut self, key: SessionKey, kind: Encoding, payload: &[u8]) {
        // Taken out, because what a frame does may need the whole shard.
        let inflater = self.codecs.as_mut().and_then(|codecs| codecs.inflater.take());
        let Some(mut inflater) = inflater else { return };
        let inflated = inflater.inflate(payload).and_then(|message| {
            let is_text = kind == Encoding::Proto || std::str::from_utf8(message).is_ok();
            if is_text { Ok(message) } else { Err(ProtocolError::TextNotUtf8) }
        });
        match inflated {
            Ok(message) => self.on_message(key, kind, message),
            Err(error) => self.on_protocol_error(key, error),
        }
        if let Some(codecs) = &mut self.codecs {
            codecs.inflater = Some(inflater);
        }
    }

    /// Closes who broke the protocol.
    pub(super) fn on_protocol_error(&mut self, key: SessionKey, error: ProtocolError) {
        count_protocol_error(error.label());
        let code: CloseCode = error.close_code();
        self.close(key, code, &error.to_string());
    }
}
