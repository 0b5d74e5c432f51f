//! `permessage-deflate` (RFC 7692) without context takeover in either direction: each message is compressed by itself, so a
//! connection keeps nothing, one pair of codecs serves a whole shard, and one compressed message serves a whole fan-out.
//!
//! **Guarantees.** What comes out of an [`Inflater`] is counted piece by piece: a message that would pass its limits is
//! refused after one piece more. A message that does not become smaller is sent as it is.
//!
//! **Does not** check that text is UTF-8; the caller does, once it is text again.
//!
//! **Limits.** [`InflateLimits`]. The codecs hold about 300 KiB with the largest window.

mod offer;

pub use offer::agree;

use bytes::{BufMut, Bytes, BytesMut};
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use super::ProtocolError;

/// What a sender takes off the end of a compressed message, and a receiver puts back (section 7.2.1).
const TAIL: [u8; 4] = [0, 0, 0xFF, 0xFF];
/// RSV1: the message is compressed (section 6).
pub(super) const COMPRESSED: u8 = 0x40;
/// Bytes inflated between two looks at the limits.
const PIECE_BYTES: usize = 8 * 1024;
/// A small message may be as repetitive as it likes: only what inflates to more has a ratio.
const RATIO_FREE_BYTES: usize = 16 * 1024;
/// What is kept of a large buffer.
const KEPT_BYTES: usize = 64 * 1024;
/// What a message that cannot be compressed grows by, beyond its eighth.
const SLACK_BYTES: usize = 64;
/// Of zlib's nine: most of the gain for chat-sized text, at a third of the cost of the usual six.
const LEVEL: u32 = 3;

/// What a message may become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InflateLimits {
    /// Bytes of the message once inflated.
    pub message_bytes_max: u32,
    /// How many times its compressed size a message of more than 16 KiB may be.
    pub ratio_max: u32,
}

/// Inflates messages, one after the other.
pub struct Inflater {
    stream: Decompress,
    limits: InflateLimits,
    message: Vec<u8>,
}

/// Compresses messages, one after the other.
pub struct Deflater {
    stream: Compress,
    window_bits: u8,
    bytes_min: usize,
    scratch: Vec<u8>,
}

impl Inflater {
    /// With the largest window, so whatever the client chose.
    pub fn new(limits: InflateLimits) -> Self {
        Self { stream: Decompress::new(false), limits, message: Vec::new() }
    }

    /// The message that was compressed to `payload`; good until the next one.
    ///
    /// # Errors
    /// It is not a deflate stream, or it grows too large, or too fast.
    pub fn inflate(&mut self, payload: &[u8]) -> Result<&[u8], ProtocolError> {
        self.stream.reset(false);
        self.message.clear();
        self.message.shrink_to(KEPT_BYTES);
        self.feed(payload, payload.len())?;
        self.feed(&TAIL, payload.len())?;
        Ok(&self.message)
    }

    fn feed(&mut self, mut input: &[u8], compressed: usize) -> Result<(), ProtocolError> {
        let mut piece = [0; PIECE_BYTES];
        loop {
            let (read, written) = (self.stream.total_in(), self.stream.total_out());
            let status = self
                .stream
                .decompress(input, &mut piece, FlushDecompress::Sync)
                .map_err(|_| ProtocolError::NotDeflated)?;
            let read = (self.stream.total_in() - read) as usize;
            let written = (self.stream.total_out() - written) as usize;
            input = &input[read..];
            self.keep(&piece[..written], compressed)?;
            if status == Status::StreamEnd {
                // Section 7.2.3.4: a sender may end its stream; what follows, the tail at least, begins another.
                self.stream.reset(false);
            }
            if written < PIECE_BYTES && (input.is_empty() || read == 0) {
                return if input.is_empty() { Ok(()) } else { Err(ProtocolError::NotDeflated) };
            }
        }
    }

    fn keep(&mut self, piece: &[u8], compressed: usize) -> Result<(), ProtocolError> {
        let bytes = self.message.len() + piece.len();
        if bytes > self.limits.message_bytes_max as usize {
            return Err(ProtocolError::MessageTooLarge);
        }
        if bytes > RATIO_FREE_BYTES && bytes / compressed.max(1) > self.limits.ratio_max as usize {
            return Err(ProtocolError::RatioTooHigh);
        }
        self.message.extend_from_slice(piece);
        Ok(())
    }
}

impl Deflater {
    /// With a window of `2^window_bits` bytes, 9 to 15. Messages of fewer than `bytes_min` bytes are left as they are.
    pub fn new(window_bits: u8, bytes_min: usize) -> Self {
        Self { stream: compressor(window_bits), window_bits, bytes_min, scratch: Vec::new() }
    }

    /// The same message compressed; `None` where that would gain nothing. `message` is one whole unmasked frame, as a server
    /// writes it; control frames are never compressed.
    pub fn deflate(&mut self, message: &Bytes) -> Option<Bytes> {
        let (first, payload) = split(message)?;
        if first & 0x08 != 0 || payload.len() < self.bytes_min.max(TAIL.len()) {
            return None;
        }
        // Room for what grows, too: a reset does not forget all of what a stream could not write, and zlib-rs 0.6 panics
        // when that has added up.
        self.scratch.resize(payload.len() + payload.len() / 8 + SLACK_BYTES, 0);
        let done = self.stream.compress(payload, &mut self.scratch, FlushCompress::Sync);
        let (read, written) = (self.stream.total_in() as usize, self.stream.total_out() as usize);
        if done.is_err() || read < payload.len() || written >= self.scratch.len() {
            self.stream = compressor(self.window_bits);
            return None;
        }
        self.stream.reset();
        if written >= payload.len() {
            return None;
        }
        let compressed = self.scratch[..written].strip_suffix(&TAIL)?;
        let framed = framed(first | COMPRESSED, compressed);
        self.scratch.clear();
        self.scratch.shrink_to(KEPT_BYTES);
        Some(framed)
    }
}

fn compressor(window_bits: u8) -> Compress {
    Compress::new_with_window_bits(Compression::new(LEVEL), false, window_bits.clamp(9, 15))
}

/// The first byte and the payload of an unmasked frame that is whole.
fn split(frame: &[u8]) -> Option<(u8, &[u8])> {
    let header = match *frame.get(1)? {
        126 => 4,
        127 => 10,
        _ => 2,
    };
    Some((frame[0], frame.get(header..)?))
}

fn framed(first: u8, payload: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(10 + payload.len());
    out.put_u8(first);
    match payload.len() {
        short @ 0..126 => out.put_u8(short as u8),
        two @ 126..=0xFFFF => {
            out.put_u8(126);
            out.put_u16(two as u16);
        }
        eight => {
            out.put_u8(127);
            out.put_u64(eight as u64);
        }
    }
    out.put_slice(payload);
    out.freeze()
}
