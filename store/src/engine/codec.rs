//! How values are written: numbers as LEB128 varints, texts and bytes with their length before them.
//!
//! A value may grow new fields at its end: a reader takes what is missing there as absent.

use bytes::{Buf, Bytes};

use crate::StoreError;

/// Writes one value.
#[derive(Default)]
pub(crate) struct Writer(Vec<u8>);

impl Writer {
    /// Appends a number.
    pub(crate) fn number(&mut self, mut number: u64) -> &mut Self {
        while number >= 0x80 {
            self.0.push((number & 0x7f) as u8 | 0x80);
            number >>= 7;
        }
        self.0.push((number & 0x7f) as u8);
        self
    }

    /// Appends bytes of a length that the reader knows.
    pub(crate) fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// Appends bytes with their length.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.number(bytes.len() as u64).raw(bytes)
    }

    /// Appends a text with its length.
    pub(crate) fn text(&mut self, text: &str) -> &mut Self {
        self.bytes(text.as_bytes())
    }

    /// Appends a yes or no.
    pub(crate) fn flag(&mut self, flag: bool) -> &mut Self {
        self.number(u64::from(flag))
    }

    /// What was written.
    pub(crate) fn finish(&mut self) -> Bytes {
        std::mem::take(&mut self.0).into()
    }

    /// What was written, leaving the room for the next value.
    pub(crate) fn written(&self) -> &[u8] {
        &self.0
    }

    /// Forgets what was written.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}

/// Reads one value that [`Writer`] wrote. `what` names it in errors.
pub(crate) struct Reader {
    what: &'static str,
    rest: Bytes,
}

impl Reader {
    /// Begins.
    pub(crate) fn new(what: &'static str, value: Bytes) -> Self {
        Self { what, rest: value }
    }

    /// Takes a number.
    pub(crate) fn number(&mut self) -> Result<u64, StoreError> {
        let mut number = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(self.corrupt())
    }

    /// Takes a number that must fit a smaller type.
    pub(crate) fn small<T: TryFrom<u64>>(&mut self) -> Result<T, StoreError> {
        let number = self.number()?;
        T::try_from(number).map_err(|_| self.corrupt())
    }

    /// Takes bytes of a known length.
    pub(crate) fn raw<const N: usize>(&mut self) -> Result<[u8; N], StoreError> {
        let chunk = self.rest.first_chunk::<N>().copied().ok_or_else(|| self.corrupt())?;
        self.rest.advance(N);
        Ok(chunk)
    }

    /// Takes bytes with their length.
    pub(crate) fn bytes(&mut self) -> Result<Bytes, StoreError> {
        let length: usize = self.small()?;
        if length > self.rest.len() {
            return Err(self.corrupt());
        }
        Ok(self.rest.split_to(length))
    }

    /// Takes a text.
    pub(crate) fn text(&mut self) -> Result<String, StoreError> {
        String::from_utf8(self.bytes()?.into()).map_err(|_| self.corrupt())
    }

    /// Takes a text and makes an id of it.
    pub(crate) fn id<T, E>(&mut self, parse: impl FnOnce(&str) -> Result<T, E>) -> Result<T, StoreError> {
        let bytes = self.bytes()?;
        let text = std::str::from_utf8(&bytes).map_err(|_| self.corrupt())?;
        parse(text).map_err(|_| self.corrupt())
    }

    /// Takes a yes or no.
    pub(crate) fn flag(&mut self) -> Result<bool, StoreError> {
        Ok(self.number()? != 0)
    }

    /// Whether nothing is left: fields that came later are absent.
    pub(crate) fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    /// The error for what cannot be.
    pub(crate) fn corrupt(&self) -> StoreError {
        StoreError::corrupt(self.what)
    }

    fn byte(&mut self) -> Result<u8, StoreError> {
        let byte = *self.rest.first().ok_or_else(|| self.corrupt())?;
        self.rest.advance(1);
        Ok(byte)
    }
}
