//! How state is written for the next process: numbers little-endian, bytes and texts behind their length, lists behind their
//! count. No names and no types: both sides are told apart by [`super::VERSION`].

use super::Malformed;

/// Writes.
#[derive(Default)]
pub(crate) struct Out(Vec<u8>);

/// Reads what [`Out`] wrote; never panics on anything else.
pub(crate) struct In<'a>(&'a [u8]);

impl Out {
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    pub(crate) fn u8(&mut self, number: u8) {
        self.0.push(number);
    }

    pub(crate) fn flag(&mut self, flag: bool) {
        self.0.push(flag.into());
    }

    pub(crate) fn u16(&mut self, number: u16) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    pub(crate) fn u32(&mut self, number: u32) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    pub(crate) fn u64(&mut self, number: u64) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    /// Of something in memory: a count or a length.
    pub(crate) fn size(&mut self, size: usize) {
        self.u32(u32::try_from(size).unwrap_or_else(|_| unreachable!("nothing of a session has 4 GiB")));
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.size(bytes.len());
        self.0.extend_from_slice(bytes);
    }

    pub(crate) fn text(&mut self, text: impl std::fmt::Display) {
        self.bytes(text.to_string().as_bytes());
    }

    pub(crate) fn text_if_any(&mut self, text: Option<impl std::fmt::Display>) {
        self.flag(text.is_some());
        if let Some(text) = text {
            self.text(text);
        }
    }
}

impl<'a> In<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Everything was read.
    pub(crate) fn end(self) -> Result<(), Malformed> {
        if self.0.is_empty() { Ok(()) } else { Err(Malformed("bytes behind the end")) }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (array, rest) = self.0.split_first_chunk().ok_or(Malformed("it ends too soon"))?;
        self.0 = rest;
        Ok(*array)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, Malformed> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(crate) fn flag(&mut self) -> Result<bool, Malformed> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Malformed("a flag that is neither")),
        }
    }

    pub(crate) fn u16(&mut self) -> Result<u16, Malformed> {
        self.array().map(u16::from_le_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Malformed> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, Malformed> {
        self.array().map(u64::from_le_bytes)
    }

    /// A length that is there, or a count of things of which each takes a byte at least.
    pub(crate) fn size(&mut self) -> Result<usize, Malformed> {
        let size = self.u32()? as usize;
        if size <= self.0.len() { Ok(size) } else { Err(Malformed("more is announced than is there")) }
    }

    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let size = self.size()?;
        let (bytes, rest) = self.0.split_at(size);
        self.0 = rest;
        Ok(bytes)
    }

    pub(crate) fn text<T>(&mut self, parse: impl FnOnce(&str) -> Option<T>) -> Result<T, Malformed> {
        let text = std::str::from_utf8(self.bytes()?).map_err(|_| Malformed("a text that is none"))?;
        parse(text).ok_or(Malformed("a name that is none"))
    }

    pub(crate) fn text_if_any<T>(
        &mut self,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, Malformed> {
        if self.flag()? { self.text(parse).map(Some) } else { Ok(None) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_cut_anywhere_is_refused() {
        let mut out = Out::default();
        out.u64(7);
        out.text("alice");
        out.text_if_any(Some("bob"));
        out.text_if_any(None::<&str>);
        let bytes = out.into_bytes();
        let read = |bytes: &[u8]| {
            let mut input = In::new(bytes);
            let own = |text: &str| Some(text.to_owned());
            let all = (input.u64()?, input.text(own)?, input.text_if_any(own)?, input.text_if_any(own)?);
            input.end().map(|()| all)
        };
        assert_eq!(read(&bytes), Ok((7, "alice".to_owned(), Some("bob".to_owned()), None)));
        for cut in 0..bytes.len() {
            assert!(read(&bytes[..cut]).is_err(), "{cut}");
        }
        assert!(read(&[bytes, vec![0]].concat()).is_err());
    }
}
