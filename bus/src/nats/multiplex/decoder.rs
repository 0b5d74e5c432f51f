//! What a NATS server says on a client's connection, from bytes that arrive in any pieces.
//!
//! ```text
//! INFO {json}␍␊   MSG subject sid [reply] bytes␍␊payload␍␊   HMSG subject sid [reply] header-bytes bytes␍␊headers payload␍␊
//! PING␍␊   PONG␍␊   +OK␍␊   -ERR 'text'␍␊
//! ```
//!
//! **Guarantees.** No io, no clock. However the stream is cut, the same operations come out, and the same error at the
//! same place; after an error nothing more. Nothing is copied: an operation borrows the buffer it was read into.
//!
//! **Does not** judge subjects beyond UTF-8, read the JSON of `INFO`, or look into payloads.
//!
//! **Limits.** A line has at most [`LINE_BYTES_MAX`] bytes (`INFO`, which lists servers: [`INFO_BYTES_MAX`]), a message
//! the bytes given by [`Decoder::allow_messages_of`]. No more than one unfinished operation and one read is kept.

mod line;

use bytes::{Buf as _, BytesMut};
use memchr::memchr;

use line::Line;
pub use line::ProtocolError;

/// Bytes of a line, without its end.
pub const LINE_BYTES_MAX: usize = 4 * 1024;
/// Bytes of an `INFO` line: room for some thousand servers.
pub const INFO_BYTES_MAX: usize = 64 * 1024;
/// Bytes of a message before the server said how many it allows.
const MESSAGE_BYTES_AT_FIRST: usize = 1024 * 1024;
/// Room that is made for one read.
const READ_BYTES: usize = 32 * 1024;
/// A buffer above this is given back once it is empty.
const KEPT_BYTES_MAX: usize = 256 * 1024;
/// The line end, and the end of a payload.
const END: &[u8] = b"\r\n";

/// One operation of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op<'a> {
    /// The server about itself, as JSON; at the beginning, and whenever something changed.
    Info(&'a [u8]),
    /// A message of a subscription.
    Message(Message<'a>),
    /// To be answered with `PONG`.
    Ping,
    /// The answer to a `PING`.
    Pong,
    /// Only said to who asked for it by `verbose`.
    Ok,
    /// What the server did not like, without the quotes around it.
    Error(&'a str),
}

/// A message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// What it was published to.
    pub subject: &'a str,
    /// Our number of the subscription.
    pub sid: u64,
    /// Where an answer is expected.
    pub reply: Option<&'a str>,
    /// Empty, or `NATS/1.0`, perhaps a status, and header lines.
    pub headers: &'a [u8],
    /// Bytes.
    pub payload: &'a [u8],
}

impl Message<'_> {
    /// The status that a server puts into headers; 503 when a request had nobody to answer it.
    pub fn status(&self) -> Option<u16> {
        let status = self.headers.strip_prefix(line::HEADERS_BEGIN)?.strip_prefix(b" ")?.get(..3)?;
        std::str::from_utf8(status).ok()?.parse().ok()
    }
}

/// See the module.
#[derive(Debug)]
pub struct Decoder {
    buffer: BytesMut,
    /// Bytes at the front that were given out and are dropped at the next call.
    given: usize,
    /// Bytes of the unfinished line that are known to have no end.
    scanned: usize,
    /// A message's line that was read and whose payload is awaited.
    awaiting: Option<(usize, Line)>,
    message_bytes_max: usize,
    failed: Option<ProtocolError>,
}

impl Default for Decoder {
    fn default() -> Self {
        Self {
            buffer: BytesMut::new(),
            given: 0,
            scanned: 0,
            awaiting: None,
            message_bytes_max: MESSAGE_BYTES_AT_FIRST,
            failed: None,
        }
    }
}

impl Decoder {
    /// From now on messages (headers and payload) of up to so many bytes are taken.
    pub fn allow_messages_of(&mut self, bytes: usize) {
        self.message_bytes_max = bytes;
    }

    /// Where the next bytes of the stream are appended, with room for a read.
    pub fn buffer(&mut self) -> &mut BytesMut {
        self.drop_given();
        if self.buffer.is_empty() && self.buffer.capacity() > KEPT_BYTES_MAX {
            self.buffer = BytesMut::new();
        }
        if self.buffer.capacity() - self.buffer.len() < READ_BYTES / 2 {
            self.buffer.reserve(READ_BYTES);
        }
        &mut self.buffer
    }

    /// Whether everything that arrived was given out.
    pub fn is_empty(&self) -> bool {
        self.buffer.len() == self.given
    }

    /// The next operation; `None` until more bytes arrive.
    pub fn next_op(&mut self) -> Result<Option<Op<'_>>, ProtocolError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        self.drop_given();
        match self.advance() {
            Ok(None) => Ok(None),
            Ok(Some((line_bytes, line, bytes))) => {
                self.given = bytes;
                Ok(Some(line.op(&self.buffer[..bytes], line_bytes)))
            }
            Err(error) => {
                self.failed = Some(error);
                Err(error)
            }
        }
    }

    /// The next whole operation: bytes of its line, what the line says, and bytes in all.
    fn advance(&mut self) -> Result<Option<(usize, Line, usize)>, ProtocolError> {
        let (line_bytes, line) = match self.awaiting.take() {
            Some(awaiting) => awaiting,
            None => match self.line()? {
                Some(line) => line,
                None => return Ok(None),
            },
        };
        let Some(content) = line.content_bytes() else {
            return Ok(Some((line_bytes, line, line_bytes)));
        };
        let bytes = line_bytes + content + END.len();
        if self.buffer.len() < bytes {
            self.awaiting = Some((line_bytes, line));
            return Ok(None);
        }
        let content = &self.buffer[line_bytes..bytes];
        line.check_content(content)?;
        Ok(Some((line_bytes, line, bytes)))
    }

    /// The next whole line with its end.
    fn line(&mut self) -> Result<Option<(usize, Line)>, ProtocolError> {
        let max = if self.buffer.starts_with(line::INFO) { INFO_BYTES_MAX } else { LINE_BYTES_MAX };
        let found = memchr(b'\n', &self.buffer[self.scanned..]).map(|at| self.scanned + at + 1);
        let Some(bytes) = found else {
            self.scanned = self.buffer.len();
            return if self.scanned < max + END.len() { Ok(None) } else { Err(ProtocolError::LongLine) };
        };
        if bytes > max + END.len() {
            return Err(ProtocolError::LongLine);
        }
        self.scanned = 0;
        let text = self.buffer[..bytes].strip_suffix(END).ok_or(ProtocolError::NoEnd)?;
        if memchr(b'\r', text).is_some() {
            return Err(ProtocolError::NoEnd);
        }
        Ok(Some((bytes, Line::parse(text, self.message_bytes_max)?)))
    }

    fn drop_given(&mut self) {
        self.buffer.advance(self.given);
        self.given = 0;
    }
}

#[cfg(test)]
mod tests;
