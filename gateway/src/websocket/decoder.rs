//! From a client's bytes to messages and control frames.

mod carried;
mod unfinished;

use self::unfinished::{Message, Payload, Unfinished};
use super::close::{self, Close};
use super::deflate::COMPRESSED;
use super::header::{Header, Opcode, RESERVED};
use super::{ProtocolError, mask};

/// What one connection may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one message, over all its frames.
    pub message_bytes_max: u32,
    /// Frames of one message. Bounds the work of a message that never ends in empty fragments.
    pub frames_per_message_max: u32,
}

/// What a client said. Borrows from the input or from what the decoder kept; gone with the next event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// A whole text message.
    Text(&'a str),
    /// A whole binary message.
    Binary(&'a [u8]),
    /// A text message that is compressed: inflate it, and check that it is UTF-8 then.
    DeflatedText(&'a [u8]),
    /// A binary message that is compressed.
    DeflatedBinary(&'a [u8]),
    /// A ping: answer it with a pong of the same payload.
    Ping(&'a [u8]),
    /// A pong.
    Pong(&'a [u8]),
    /// The client closes, perhaps with a code: answer with a close frame. Nothing follows it.
    Close(Option<Close<'a>>),
}

/// The decoder of one connection: 24 bytes, and heap memory only while a frame or message is unfinished.
#[derive(Debug)]
pub struct Decoder {
    limits: Limits,
    /// `permessage-deflate` was agreed.
    deflate: bool,
    ended: bool,
    unfinished: Option<Box<Unfinished>>,
}

/// The events in one piece of input. Dropping it drops what is unread; see [`Events::unread`].
#[derive(Debug)]
pub struct Events<'d, 'i> {
    decoder: &'d mut Decoder,
    input: &'i mut [u8],
    /// The payload of the last event, when it had to be put together.
    assembled: Vec<u8>,
}

/// What a complete payload is.
#[derive(Clone, Copy)]
struct Kind {
    opcode: Opcode,
    compressed: bool,
}

/// A complete payload and where it lies.
enum Ready<'i> {
    InInput(Kind, &'i [u8]),
    Assembled(Kind),
}

impl Decoder {
    /// A decoder at the start of a connection.
    pub const fn new(limits: Limits) -> Self {
        Self { limits, deflate: false, ended: false, unfinished: None }
    }

    /// The same where `permessage-deflate` was agreed: messages may be compressed, and are limited as they come, not as what
    /// they become.
    pub const fn with_deflate(limits: Limits) -> Self {
        Self { limits, deflate: true, ended: false, unfinished: None }
    }

    /// Begins to read `input`, which follows what was read before; it is unmasked in place. Call
    /// [`Events::next`] until it gives `None`: by then all of the input is read, and unfinished bytes are kept.
    pub fn events<'d, 'i>(&'d mut self, input: &'i mut [u8]) -> Events<'d, 'i> {
        Events { decoder: self, input, assembled: Vec::new() }
    }

    /// After a close frame or an error: everything that follows is discarded (section 5.5.1, 7.1.7).
    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// Bytes of heap memory held for something unfinished.
    pub fn kept_bytes(&self) -> usize {
        self.unfinished.as_ref().map_or(0, |unfinished| size_of::<Unfinished>() + unfinished.kept_bytes())
    }
}

impl<'i> Events<'_, 'i> {
    /// The next event; `None` when all of the input is read, or when the connection has ended.
    ///
    /// # Errors
    /// The client broke the protocol. Nothing is read any more after that.
    #[expect(clippy::should_implement_trait, reason = "lends its buffer, which Iterator cannot")]
    pub fn next(&mut self) -> Result<Option<Event<'_>>, ProtocolError> {
        if self.decoder.ended {
            return Ok(None);
        }
        let ready = match self.advance() {
            Ok(Some(ready)) => ready,
            Ok(None) => return Ok(None),
            Err(error) => {
                self.decoder.end();
                return Err(error);
            }
        };
        let event = match ready {
            Ready::InInput(kind, payload) => read_event(kind, payload),
            Ready::Assembled(kind) => read_event(kind, &self.assembled),
        };
        if matches!(event, Ok(Event::Close(_)) | Err(_)) {
            self.decoder.end();
        }
        event.map(Some)
    }

    /// The input that was not read yet, for a caller that stops before the end; it must come first next time.
    pub fn unread(&self) -> &[u8] {
        self.input
    }

    /// Reads until something is complete or the input is used up.
    fn advance(&mut self) -> Result<Option<Ready<'i>>, ProtocolError> {
        loop {
            if self.decoder.unfinished.as_ref().is_some_and(|unfinished| unfinished.in_payload()) {
                if self.input.is_empty() {
                    return Ok(None);
                }
            } else {
                let Some(header) = self.read_header()? else { return Ok(None) };
                self.decoder.admit(&header)?;
                if let Some(ready) = self.take_whole(&header)? {
                    return Ok(Some(ready));
                }
            }
            if let Some(ready) = self.read_payload()? {
                return Ok(Some(ready));
            }
        }
    }

    /// Takes a header off the input; keeps what there is of it when it is not all there.
    fn read_header(&mut self) -> Result<Option<Header>, ProtocolError> {
        let reserved = self.decoder.reserved();
        let kept = self.decoder.unfinished.as_deref_mut().filter(|unfinished| unfinished.in_header());
        let (read, used) = match kept {
            Some(unfinished) => unfinished.continue_header(self.input, reserved)?,
            None => match Header::read(self.input, reserved)? {
                Some((header, used)) => (Some(header), used),
                None if self.input.is_empty() => return Ok(None),
                None => {
                    self.decoder.unfinished.get_or_insert_default().begin_header(self.input);
                    (None, self.input.len())
                }
            },
        };
        self.skip(used);
        Ok(read)
    }

    /// The fast way: the payload lies whole in the input and stands for itself. Otherwise notes that it begins.
    fn take_whole(&mut self, header: &Header) -> Result<Option<Ready<'i>>, ProtocolError> {
        let alone = header.opcode.is_control() || (header.fin && header.opcode != Opcode::Continuation);
        if !alone || (self.input.len() as u64) < header.payload {
            let unfinished = self.decoder.unfinished.get_or_insert_default();
            unfinished.begin_payload(header);
            return Ok(None);
        }
        self.decoder.forget_if_nothing_is_unfinished();
        let payload = self.skip(header.payload as usize);
        mask::unmask(payload, header.key);
        let kind = Kind { opcode: header.opcode, compressed: header.compressed };
        Ok(Some(Ready::InInput(kind, payload)))
    }

    /// Keeps what there is of an unfinished payload, and gives the whole once it is complete.
    fn read_payload(&mut self) -> Result<Option<Ready<'i>>, ProtocolError> {
        let Some(unfinished) = self.decoder.unfinished.as_deref_mut() else { return Ok(None) };
        let length = unfinished.payload_missing().min(self.input.len());
        let (part, rest) = std::mem::take(&mut self.input).split_at_mut(length);
        self.input = rest;
        let complete = unfinished.keep_payload(part)?;
        self.decoder.forget_if_nothing_is_unfinished();
        let Some(Payload { opcode, compressed, bytes }) = complete else { return Ok(None) };
        self.assembled = bytes;
        Ok(Some(Ready::Assembled(Kind { opcode, compressed })))
    }

    fn skip(&mut self, length: usize) -> &'i mut [u8] {
        let (taken, rest) = std::mem::take(&mut self.input).split_at_mut(length);
        self.input = rest;
        taken
    }
}

impl Decoder {
    /// Judges a frame by its header and by the message it belongs to, before any of its payload is kept.
    fn admit(&self, header: &Header) -> Result<(), ProtocolError> {
        if header.opcode.is_control() {
            return Ok(());
        }
        let message = self.unfinished.as_ref().and_then(|unfinished| unfinished.message.as_ref());
        match (header.opcode, message) {
            (Opcode::Continuation, None) => return Err(ProtocolError::NothingToContinue),
            (Opcode::Text | Opcode::Binary, Some(_)) => return Err(ProtocolError::MessageUnfinished),
            _ => {}
        }
        let (bytes, frames) = message.map_or((0, 0), Message::size);
        // A message may have begun in a process that allowed more.
        if header.payload > u64::from(self.limits.message_bytes_max).saturating_sub(bytes) {
            return Err(ProtocolError::MessageTooLarge);
        }
        if frames >= self.limits.frames_per_message_max {
            return Err(ProtocolError::TooManyFragments);
        }
        Ok(())
    }

    /// The bits of a frame's first byte that nothing gives a meaning.
    fn reserved(&self) -> u8 {
        if self.deflate { RESERVED & !COMPRESSED } else { RESERVED }
    }

    fn forget_if_nothing_is_unfinished(&mut self) {
        if self.unfinished.as_ref().is_some_and(|unfinished| unfinished.is_nothing()) {
            self.unfinished = None;
        }
    }

    fn end(&mut self) {
        self.ended = true;
        self.unfinished = None;
    }
}

fn read_event(kind: Kind, payload: &[u8]) -> Result<Event<'_>, ProtocolError> {
    match kind.opcode {
        Opcode::Text if kind.compressed => Ok(Event::DeflatedText(payload)),
        Opcode::Binary | Opcode::Continuation if kind.compressed => Ok(Event::DeflatedBinary(payload)),
        Opcode::Text => std::str::from_utf8(payload).map(Event::Text).map_err(|_| ProtocolError::TextNotUtf8),
        Opcode::Binary | Opcode::Continuation => Ok(Event::Binary(payload)),
        Opcode::Ping => Ok(Event::Ping(payload)),
        Opcode::Pong => Ok(Event::Pong(payload)),
        Opcode::Close => close::read_body(payload).map(Event::Close),
    }
}
