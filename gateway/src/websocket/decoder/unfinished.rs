//! What a decoder keeps between two pieces of input: part of a header, part of a payload, part of a message.

use super::super::header::{HEADER_BYTES_MAX, Header, Opcode};
use super::super::{ProtocolError, mask};

/// Everything unfinished. A message that is between two fragments, a frame that is between two reads, or both.
#[derive(Debug, Default)]
pub(super) struct Unfinished {
    /// The data message whose last frame has not come yet.
    pub(super) message: Option<Message>,
    /// The frame whose payload is coming.
    pub(super) frame: Option<Frame>,
    /// The payload of a control frame, which may come between two fragments of the message.
    pub(super) control: Vec<u8>,
    pub(super) header: [u8; HEADER_BYTES_MAX],
    pub(super) header_bytes: u8,
}

/// A frame whose payload is not all there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    pub(super) fin: bool,
    pub(super) opcode: Opcode,
    /// Begins at the next byte that comes.
    pub(super) key: [u8; 4],
    pub(super) missing: usize,
}

/// A data message as far as it came.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) opcode: Opcode,
    pub(super) compressed: bool,
    pub(super) payload: Vec<u8>,
    /// Text that is not compressed: the payload is UTF-8 up to here, and what follows may become so.
    pub(super) utf8_bytes: usize,
    pub(super) frames: u32,
}

/// A payload that had to be put together, now whole.
pub(super) struct Payload {
    pub(super) opcode: Opcode,
    pub(super) compressed: bool,
    pub(super) bytes: Vec<u8>,
}

impl Unfinished {
    pub(super) fn in_header(&self) -> bool {
        self.header_bytes > 0
    }

    pub(super) fn in_payload(&self) -> bool {
        self.frame.is_some()
    }

    pub(super) fn payload_missing(&self) -> usize {
        self.frame.map_or(0, |frame| frame.missing)
    }

    pub(super) fn is_nothing(&self) -> bool {
        self.message.is_none() && self.frame.is_none() && self.header_bytes == 0
    }

    pub(super) fn kept_bytes(&self) -> usize {
        self.control.capacity() + self.message.as_ref().map_or(0, |message| message.payload.capacity())
    }

    /// Keeps the first bytes of a header that is known to be incomplete, so shorter than the buffer.
    pub(super) fn begin_header(&mut self, bytes: &[u8]) {
        self.header[..bytes.len()].copy_from_slice(bytes);
        self.header_bytes = bytes.len() as u8;
    }

    /// Adds to the kept part of a header. Gives the header, once complete, and how much of `input` belongs to it.
    pub(super) fn continue_header(
        &mut self,
        input: &[u8],
        reserved: u8,
    ) -> Result<(Option<Header>, usize), ProtocolError> {
        let kept = usize::from(self.header_bytes);
        let added = input.len().min(HEADER_BYTES_MAX - kept);
        self.header[kept..kept + added].copy_from_slice(&input[..added]);
        match Header::read(&self.header[..kept + added], reserved)? {
            Some((header, length)) => {
                self.header_bytes = 0;
                Ok((Some(header), length - kept))
            }
            None => {
                self.header_bytes = (kept + added) as u8;
                Ok((None, added))
            }
        }
    }

    /// Begins the payload of an admitted frame.
    pub(super) fn begin_payload(&mut self, header: &Header) {
        let Header { fin, opcode, compressed, key, payload } = *header;
        self.frame = Some(Frame { fin, opcode, key, missing: payload as usize });
        if opcode.is_control() {
            return;
        }
        let message = self.message.get_or_insert_with(|| Message::new(opcode, compressed));
        message.frames += 1;
    }

    /// Takes the next bytes of the payload, at most as many as are missing. Gives the payload of a control frame or
    /// of the whole message when they were its last.
    pub(super) fn keep_payload(&mut self, part: &mut [u8]) -> Result<Option<Payload>, ProtocolError> {
        let Some(frame) = &mut self.frame else { return Ok(None) };
        mask::unmask(part, frame.key);
        frame.key = mask::advance(frame.key, part.len());
        frame.missing -= part.len();
        let Frame { fin, opcode, missing, .. } = *frame;
        if missing == 0 {
            self.frame = None;
        }
        if opcode.is_control() {
            grow(&mut self.control, part, missing);
            let whole = || Payload { opcode, compressed: false, bytes: std::mem::take(&mut self.control) };
            return Ok((missing == 0).then(whole));
        }
        let Some(message) = &mut self.message else { return Ok(None) };
        message.keep(part, missing)?;
        if missing > 0 || !fin {
            return Ok(None);
        }
        Ok(self.message.take().map(|message| Payload {
            opcode: message.opcode,
            compressed: message.compressed,
            bytes: message.payload,
        }))
    }
}

impl Message {
    fn new(opcode: Opcode, compressed: bool) -> Self {
        Self { opcode, compressed, payload: Vec::new(), utf8_bytes: 0, frames: 0 }
    }

    /// Bytes and frames so far.
    pub(super) fn size(&self) -> (u64, u32) {
        (self.payload.len() as u64, self.frames)
    }

    /// Adds bytes; text that can no longer become UTF-8 is refused at once.
    fn keep(&mut self, part: &[u8], missing: usize) -> Result<(), ProtocolError> {
        grow(&mut self.payload, part, missing);
        if self.opcode == Opcode::Text && !self.compressed {
            match std::str::from_utf8(&self.payload[self.utf8_bytes..]) {
                Ok(_) => self.utf8_bytes = self.payload.len(),
                Err(error) if error.error_len().is_none() => self.utf8_bytes += error.valid_up_to(),
                Err(_) => return Err(ProtocolError::TextNotUtf8),
            }
        }
        Ok(())
    }
}

/// Appends `part`, of a payload of which `missing` bytes are still to come. Capacity doubles with what came, so that
/// an announced length costs nothing, but never passes what the frame can need.
fn grow(payload: &mut Vec<u8>, part: &[u8], missing: usize) {
    let needed = payload.len() + part.len();
    if needed > payload.capacity() {
        let capacity = (2 * needed).min(needed + missing);
        payload.reserve_exact(capacity - payload.len());
    }
    payload.extend_from_slice(part);
}
