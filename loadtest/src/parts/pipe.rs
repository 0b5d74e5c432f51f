//! Messages over a pipe: four bytes of length, and so many bytes.

use std::io::{self, Read, Write};

/// Longer messages are a mistake.
const MESSAGE_BYTES_MAX: u32 = 1 << 30;

/// Writes one.
pub(super) fn write(mut pipe: impl Write, message: &[u8]) -> io::Result<()> {
    let length = u32::try_from(message.len()).ok().filter(|length| *length <= MESSAGE_BYTES_MAX);
    let length = length.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "too long for a pipe"))?;
    pipe.write_all(&length.to_be_bytes())?;
    pipe.write_all(message)?;
    pipe.flush()
}

/// Reads one; `None` at the end.
pub(super) fn read(mut pipe: impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0; 4];
    match pipe.read_exact(&mut length) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    let length = u32::from_be_bytes(length);
    if length > MESSAGE_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "this is not a message of a part"));
    }
    let mut message = Vec::new();
    let read = pipe.take(u64::from(length)).read_to_end(&mut message)?;
    if read < length as usize {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(Some(message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_out_as_they_went_in() {
        let mut pipe = Vec::new();
        let long = vec![7; 100_000];
        for message in [&b"hello"[..], b"", &long] {
            write(&mut pipe, message).expect("written");
        }
        let mut rest = &pipe[..];
        assert_eq!(read(&mut rest).expect("read"), Some(b"hello".to_vec()));
        assert_eq!(read(&mut rest).expect("read"), Some(Vec::new()));
        assert_eq!(read(&mut rest).expect("read"), Some(long));
        assert_eq!(read(&mut rest).expect("read"), None);
        assert!(read(&pipe[..7]).is_err(), "cut short");
        assert!(read(&b"GET / HTTP"[..]).is_err(), "something else");
    }
}
