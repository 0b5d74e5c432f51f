//! A decoder on its way to another process: what it keeps, as bytes.

use super::super::header::{HEADER_BYTES_MAX, Opcode};
use super::unfinished::{Frame, Message, Unfinished};
use super::{Decoder, Limits};
use crate::handover::{In, Malformed, Out};

impl Decoder {
    /// Writes what is unfinished. Of a decoder that has ended there is nothing to carry.
    pub(crate) fn carry(&self, out: &mut Out) {
        out.flag(self.unfinished.is_some());
        if let Some(unfinished) = &self.unfinished {
            unfinished.carry(out);
        }
    }

    /// Reads a decoder, which goes on where the other one stopped, once it has [limits](Self::limit).
    pub(crate) fn carried(deflate: bool, input: &mut In<'_>) -> Result<Self, Malformed> {
        let limits = Limits { message_bytes_max: 0, frames_per_message_max: 0 };
        let unfinished = if input.flag()? { Some(Box::new(Unfinished::carried(input)?)) } else { None };
        Ok(Self { limits, deflate, ended: false, unfinished })
    }

    /// From now on these hold.
    pub(crate) fn limit(&mut self, limits: Limits) {
        self.limits = limits;
    }
}

impl Unfinished {
    fn carry(&self, out: &mut Out) {
        out.bytes(&self.header[..usize::from(self.header_bytes)]);
        out.bytes(&self.control);
        out.flag(self.frame.is_some());
        if let Some(Frame { fin, opcode, key, missing }) = self.frame {
            out.flag(fin);
            out.u8(opcode.number());
            out.u32(u32::from_le_bytes(key));
            out.u64(missing as u64);
        }
        out.flag(self.message.is_some());
        if let Some(Message { opcode, compressed, payload, utf8_bytes, frames }) = &self.message {
            out.u8(opcode.number());
            out.flag(*compressed);
            out.bytes(payload);
            out.size(*utf8_bytes);
            out.u32(*frames);
        }
    }

    fn carried(input: &mut In<'_>) -> Result<Self, Malformed> {
        let mut unfinished = Self::default();
        let header = input.bytes()?;
        if header.len() > HEADER_BYTES_MAX {
            return Err(Malformed("a header that is too long"));
        }
        unfinished.begin_header(header);
        unfinished.control = input.bytes()?.to_vec();
        if input.flag()? {
            unfinished.frame = Some(Frame {
                fin: input.flag()?,
                opcode: opcode(input)?,
                key: input.u32()?.to_le_bytes(),
                missing: usize::try_from(input.u64()?).map_err(|_| Malformed("a frame that is too long"))?,
            });
        }
        if input.flag()? {
            let (opcode, compressed) = (opcode(input)?, input.flag()?);
            let payload = input.bytes()?.to_vec();
            let utf8_bytes = input.u32()? as usize;
            if utf8_bytes > payload.len() {
                return Err(Malformed("more text than there is"));
            }
            let frames = input.u32()?;
            unfinished.message = Some(Message { opcode, compressed, payload, utf8_bytes, frames });
        }
        Ok(unfinished)
    }
}

fn opcode(input: &mut In<'_>) -> Result<Opcode, Malformed> {
    Opcode::of(input.u8()?).ok_or(Malformed("an opcode that is none"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::websocket::Event;

    const LIMITS: Limits = Limits { message_bytes_max: 1_000, frames_per_message_max: 10 };

    /// A fragmented text with a ping between its halves, and a frame with a long length.
    fn stream() -> Vec<u8> {
        let key = [1, 2, 3, 4];
        let mut bytes = Vec::new();
        let mut frame = |first: u8, payload: &[u8]| {
            bytes.push(first);
            match payload.len() {
                short @ 0..126 => bytes.push(0x80 | short as u8),
                long => {
                    bytes.push(0x80 | 126);
                    bytes.extend_from_slice(&(long as u16).to_be_bytes());
                }
            }
            bytes.extend_from_slice(&key);
            bytes.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
        };
        frame(0x01, "gr\u{fc}".as_bytes());
        frame(0x89, b"ping");
        frame(0x80, "n".as_bytes());
        frame(0x82, &[7; 300]);
        bytes
    }

    fn events(decoder: &mut Decoder, mut input: Vec<u8>, heard: &mut Vec<String>) {
        let mut events = decoder.events(&mut input);
        while let Some(event) = events.next().unwrap() {
            heard.push(match event {
                Event::Text(text) => text.to_owned(),
                other => format!("{other:?}"),
            });
        }
    }

    #[test]
    fn a_decoder_that_moves_at_any_byte_hears_the_same() {
        let (stream, mut whole) = (stream(), Vec::new());
        events(&mut Decoder::new(LIMITS), stream.clone(), &mut whole);
        assert_eq!(whole.len(), 3);
        for cut in 0..=stream.len() {
            let (mut heard, mut before) = (Vec::new(), Decoder::new(LIMITS));
            events(&mut before, stream[..cut].to_vec(), &mut heard);
            let mut out = Out::default();
            before.carry(&mut out);
            let bytes = out.into_bytes();
            let mut input = In::new(&bytes);
            let mut after = Decoder::carried(false, &mut input).unwrap();
            input.end().unwrap();
            after.limit(LIMITS);
            events(&mut after, stream[cut..].to_vec(), &mut heard);
            assert_eq!(heard, whole, "moved at byte {cut}");
        }
    }
}
