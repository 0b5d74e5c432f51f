//! WebSocket frames as a server sends them (RFC 6455 §5.2): unmasked, unfragmented.

use anyhow::bail;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A whole message.
    Message,
    /// Wants a pong.
    Ping,
    /// Needs nothing.
    Pong,
    /// The server said goodbye.
    Close,
}

/// One frame at the start of `bytes`: its kind and where its payload begins and ends; `None` while it is not whole.
pub fn parse(bytes: &[u8]) -> anyhow::Result<Option<(Kind, usize, usize)>> {
    let [first, second, ..] = *bytes else { return Ok(None) };
    let kind = match first {
        0x81 | 0x82 => Kind::Message,
        0x88 => Kind::Close,
        0x89 => Kind::Ping,
        0x8a => Kind::Pong,
        _ => bail!(
            "the server sent a frame that begins with {first:#04x}: fragments, extensions or an unknown kind"
        ),
    };
    let (start, length) = match second {
        0..=125 => (2, usize::from(second)),
        126 => match bytes.get(2..4) {
            Some(length) => (4, usize::from(u16::from_be_bytes([length[0], length[1]]))),
            None => return Ok(None),
        },
        127 => match bytes.get(2..10).map(<[u8; 8]>::try_from) {
            Some(Ok(length)) => (10, usize::try_from(u64::from_be_bytes(length))?),
            _ => return Ok(None),
        },
        128.. => bail!("the server masks its frames"),
    };
    if length > 16 << 20 {
        bail!("the server sent a frame of {length} bytes");
    }
    Ok((bytes.len() >= start + length).then_some((kind, start, start + length)))
}

/// Replaces `out` by one whole, masked frame that begins with the byte `first`.
pub fn mask(out: &mut Vec<u8>, first: u8, mask: [u8; 4], payload: &[u8]) {
    let length = payload.len();
    out.clear();
    out.push(first);
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short @ ..=125), _) => out.push(0x80 | short),
        (_, Ok(medium)) => {
            out.push(0x80 | 126);
            out.extend_from_slice(&medium.to_be_bytes());
        }
        _ => {
            out.push(0x80 | 127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&mask);
    let start = out.len();
    out.extend_from_slice(payload);
    for (byte, mask) in out[start..].iter_mut().zip(mask.iter().cycle()) {
        *byte ^= mask;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_payloads_of_every_length_form() {
        for length in [0, 1, 125, 126, 65_535, 65_536] {
            let mut bytes = vec![0x81];
            match length {
                0..=125 => bytes.push(length as u8),
                126..=65_535 => {
                    bytes.push(126);
                    bytes.extend((length as u16).to_be_bytes());
                }
                _ => {
                    bytes.push(127);
                    bytes.extend((length as u64).to_be_bytes());
                }
            }
            let start = bytes.len();
            bytes.resize(start + length, b'x');
            assert_eq!(parse(&bytes).expect("good"), Some((Kind::Message, start, start + length)));
            assert_eq!(parse(&bytes[..bytes.len() - 1]).expect("good"), None, "not whole");
        }
    }

    #[test]
    fn refuses_what_a_server_must_not_send() {
        for bytes in [[0x01, 0x00], [0x81, 0x80], [0xc1, 0x00], [0x83, 0x00]] {
            assert!(parse(&bytes).is_err(), "{bytes:?}");
        }
    }
}
