//! One line of the server.

use std::ops::Range;

use super::{END, Message, Op};

/// How an `INFO` line begins.
pub(super) const INFO: &[u8] = b"INFO";
/// How headers begin.
pub(super) const HEADERS_BEGIN: &[u8] = b"NATS/1.0";

/// What a server must not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolError {
    /// Longer than any line may be.
    #[error("a line is too long")]
    LongLine,
    /// A line without the carriage return, or a payload that goes on.
    #[error("a line or a payload does not end where it must")]
    NoEnd,
    /// A first word that is no operation.
    #[error("an unknown operation")]
    UnknownOperation,
    /// Too few or too many words, or a number that is none.
    #[error("a message with a malformed line")]
    MalformedMessage,
    /// More than the server said it would allow.
    #[error("a message of {bytes} bytes where {max} are allowed")]
    LargeMessage {
        /// Headers and payload.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// Headers that do not begin with their version.
    #[error("malformed headers")]
    MalformedHeaders,
    /// Text that is no UTF-8.
    #[error("text that is not UTF-8")]
    NotText,
}

/// Where things are in a line.
#[derive(Clone, Debug)]
pub(super) enum Line {
    Info(Range<usize>),
    Message { subject: Range<usize>, sid: u64, reply: Option<Range<usize>>, headers: usize, bytes: usize },
    Ping,
    Pong,
    Ok,
    Error(Range<usize>),
}

/// Words of the longest line: HMSG subject sid reply header-bytes bytes.
const WORDS_MAX: usize = 6;

impl Line {
    /// Reads a line without its end.
    pub(super) fn parse(text: &[u8], message_bytes_max: usize) -> Result<Self, ProtocolError> {
        let first = words(text).next().unwrap_or(0..0);
        let rest = || trim(text, first.end..text.len());
        match &text[first.clone()] {
            b"MSG" => Self::message(text, false, message_bytes_max),
            b"HMSG" => Self::message(text, true, message_bytes_max),
            b"PING" => Ok(Self::Ping),
            b"PONG" => Ok(Self::Pong),
            b"+OK" => Ok(Self::Ok),
            b"-ERR" => {
                let mut range = rest();
                let quoted = &text[range.clone()];
                if quoted.len() >= 2 && quoted.starts_with(b"'") && quoted.ends_with(b"'") {
                    range = range.start + 1..range.end - 1;
                }
                Self::text(text, range).map(Self::Error)
            }
            word if word == INFO => Ok(Self::Info(rest())),
            _ => Err(ProtocolError::UnknownOperation),
        }
    }

    fn message(text: &[u8], with_headers: bool, max: usize) -> Result<Self, ProtocolError> {
        let mut found = [const { 0..0 }; WORDS_MAX];
        let mut count = 0;
        for word in words(text) {
            *found.get_mut(count).ok_or(ProtocolError::MalformedMessage)? = word;
            count += 1;
        }
        // The operation, subject, sid and the numbers; one word more is the reply subject.
        let numbers = if with_headers { 2 } else { 1 };
        let (reply, numbers) = match (count.checked_sub(3 + numbers), &found[..count]) {
            (Some(0), [_, _, _, numbers @ ..]) => (None, numbers),
            (Some(1), [_, _, _, reply, numbers @ ..]) => (Some(reply.clone()), numbers),
            _ => return Err(ProtocolError::MalformedMessage),
        };
        let number = |at: &Range<usize>| number(&text[at.clone()]).ok_or(ProtocolError::MalformedMessage);
        let size =
            |at| number(at).and_then(|n| usize::try_from(n).map_err(|_| ProtocolError::MalformedMessage));
        let (headers, bytes) = match numbers {
            [bytes] => (0, size(bytes)?),
            [headers, bytes] => (size(headers)?, size(bytes)?),
            _ => return Err(ProtocolError::MalformedMessage),
        };
        if headers > bytes || (with_headers && headers < HEADERS_BEGIN.len()) {
            return Err(ProtocolError::MalformedMessage);
        }
        if bytes > max {
            return Err(ProtocolError::LargeMessage { bytes, max });
        }
        let subject = Self::text(text, found[1].clone())?;
        let reply = reply.map(|reply| Self::text(text, reply)).transpose()?;
        Ok(Self::Message { subject, sid: number(&found[2])?, reply, headers, bytes })
    }

    fn text(text: &[u8], range: Range<usize>) -> Result<Range<usize>, ProtocolError> {
        std::str::from_utf8(&text[range.clone()]).map_err(|_| ProtocolError::NotText)?;
        Ok(range)
    }

    /// Bytes that follow the line, without their end; `None` when nothing follows.
    pub(super) fn content_bytes(&self) -> Option<usize> {
        match self {
            Self::Message { bytes, .. } => Some(*bytes),
            _ => None,
        }
    }

    /// Checks what follows the line, its end included.
    pub(super) fn check_content(&self, content: &[u8]) -> Result<(), ProtocolError> {
        let Self::Message { headers, .. } = self else { return Ok(()) };
        let content = content.strip_suffix(END).ok_or(ProtocolError::NoEnd)?;
        if *headers > 0 && !content[..*headers].starts_with(HEADERS_BEGIN) {
            return Err(ProtocolError::MalformedHeaders);
        }
        Ok(())
    }

    /// The operation, from its bytes.
    pub(super) fn op(self, bytes: &[u8], line_bytes: usize) -> Op<'_> {
        // Was checked when the line was read.
        let text = |range: Range<usize>| std::str::from_utf8(&bytes[range]).unwrap_or_default();
        match self {
            Self::Info(range) => Op::Info(&bytes[range]),
            Self::Ping => Op::Ping,
            Self::Pong => Op::Pong,
            Self::Ok => Op::Ok,
            Self::Error(range) => Op::Error(text(range)),
            Self::Message { subject, sid, reply, headers, bytes: content } => {
                let (headers, payload) = bytes[line_bytes..line_bytes + content].split_at(headers);
                Op::Message(Message { subject: text(subject), sid, reply: reply.map(text), headers, payload })
            }
        }
    }
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// Words between blanks.
fn words(text: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + text[at..].iter().position(|byte| !is_blank(*byte))?;
        let rest = &text[start..];
        at = start + rest.iter().position(|byte| is_blank(*byte)).unwrap_or(rest.len());
        Some(start..at)
    })
}

fn trim(text: &[u8], mut range: Range<usize>) -> Range<usize> {
    while range.start < range.end && is_blank(text[range.start]) {
        range.start += 1;
    }
    while range.start < range.end && is_blank(text[range.end - 1]) {
        range.end -= 1;
    }
    range
}

/// Digits only, and not so many that they could overflow.
fn number(digits: &[u8]) -> Option<u64> {
    const DIGITS_MAX: usize = 19;
    if digits.is_empty() || digits.len() > DIGITS_MAX {
        return None;
    }
    digits
        .iter()
        .try_fold(0_u64, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + u64::from(digit - b'0')))
}
