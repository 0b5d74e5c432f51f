//! The PROXY protocol, version 2: what a proxy says of its client before the client's own bytes.
//! <https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt>, section 2.2.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt as _};

const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// Bytes of what follows the first 16 at most: two addresses are 216, the rest is the proxy's notes.
const REST_BYTES_MAX: usize = 4 * 1024;

/// A connection of a trusted proxy that does not begin as it must. Nothing more can be read from it.
#[derive(Debug, Error)]
pub enum BadPreface {
    /// It ended, or broke, before that was there.
    #[error("the connection ended within the PROXY header")]
    Io(#[from] io::Error),
    /// It begins with something else. The proxy does not send the PROXY protocol, or version 1.
    #[error("the connection does not begin with a PROXY header of version 2")]
    Signature,
    /// A command, a length or an address family that does not go together.
    #[error("the PROXY header is malformed")]
    Malformed,
    /// It is longer than any need.
    #[error("the PROXY header is longer than {REST_BYTES_MAX} bytes")]
    TooLong,
}

/// Reads the header and not a byte more. `None` when the proxy speaks for itself, as in its checks of health, or does not know.
///
/// # Errors
/// See [`BadPreface`].
pub async fn read_preface(stream: &mut (impl AsyncRead + Unpin)) -> Result<Option<SocketAddr>, BadPreface> {
    let mut fixed = [0; 16];
    stream.read_exact(&mut fixed).await?;
    let (signature, [version_and_command, family, length @ ..]) = fixed
        .split_first_chunk::<12>()
        .and_then(|(head, tail)| Some((head, tail.first_chunk::<4>()?)))
        .ok_or(BadPreface::Malformed)?;
    if *signature != SIGNATURE || version_and_command >> 4 != 2 {
        return Err(BadPreface::Signature);
    }
    let length = usize::from(u16::from_be_bytes(*length));
    if length > REST_BYTES_MAX {
        return Err(BadPreface::TooLong);
    }
    let mut rest = vec![0; length];
    stream.read_exact(&mut rest).await?;
    match version_and_command & 0x0F {
        0 => Ok(None),
        1 => source(family >> 4, &rest),
        _ => Err(BadPreface::Malformed),
    }
}

fn source(family: u8, rest: &[u8]) -> Result<Option<SocketAddr>, BadPreface> {
    let parts = match family {
        // Two addresses, then two ports.
        1 => rest.first_chunk::<12>().map(|bytes| {
            let [a, b, c, d, _, _, _, _, port @ .., _, _] = *bytes;
            (IpAddr::V4(Ipv4Addr::new(a, b, c, d)), port)
        }),
        2 => rest.first_chunk::<36>().and_then(|bytes| {
            let address = IpAddr::V6(Ipv6Addr::from(*bytes.first_chunk::<16>()?));
            Some((address.to_canonical(), [bytes[32], bytes[33]]))
        }),
        // Unspecified, or a Unix socket: no address that could be counted.
        _ => return Ok(None),
    };
    let (address, port) = parts.ok_or(BadPreface::Malformed)?;
    Ok(Some(SocketAddr::new(address, u16::from_be_bytes(port))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn preface(version_and_command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
        [&SIGNATURE[..], &[version_and_command, family], &length, rest].concat()
    }

    /// What it says, and how many bytes behind it are left.
    async fn read(bytes: &[u8]) -> Result<(Option<SocketAddr>, usize), BadPreface> {
        let mut stream = bytes;
        let told = read_preface(&mut stream).await?;
        Ok((told, stream.len()))
    }

    const V4: [u8; 12] = [192, 0, 2, 1, 198, 51, 100, 1, 0x12, 0x34, 0, 80];

    #[tokio::test]
    async fn the_source_is_the_client_and_the_rest_is_left() {
        let bytes = [preface(0x21, 0x11, &V4), b"GET".to_vec()].concat();
        let (told, left) = read(&bytes).await.unwrap();
        assert_eq!((told, left), (Some("192.0.2.1:4660".parse().unwrap()), 3));

        let mut v6 = [0; 36];
        v6[..4].copy_from_slice(&[0x20, 1, 0x0d, 0xb8]);
        v6[15] = 7;
        v6[33] = 9;
        let with_notes = [&v6[..], &[4, 0, 1, 0]].concat();
        let (told, left) = read(&preface(0x21, 0x21, &with_notes)).await.unwrap();
        assert_eq!((told, left), (Some("[2001:db8::7]:9".parse().unwrap()), 0));
    }

    #[tokio::test]
    async fn a_proxy_may_speak_for_itself() {
        for bytes in [
            preface(0x20, 0, &[]),
            preface(0x20, 0x11, &V4),
            preface(0x21, 0, &[]),
            preface(0x21, 0x31, &[0; 216]),
        ] {
            assert_eq!(read(&bytes).await.unwrap(), (None, 0));
        }
    }

    #[tokio::test]
    async fn what_is_no_header_is_refused() {
        let v1 = b"PROXY TCP4 192.0.2.1 198.51.100.1 4660 80\r\n";
        assert!(matches!(read(v1).await, Err(BadPreface::Signature)));
        assert!(matches!(read(b"GET / HTTP/1.1\r\nhost: a\r\n").await, Err(BadPreface::Signature)));
        assert!(matches!(read(&preface(0x31, 0x11, &V4)).await, Err(BadPreface::Signature)));
        assert!(matches!(read(&preface(0x22, 0x11, &V4)).await, Err(BadPreface::Malformed)));
        assert!(matches!(read(&preface(0x21, 0x11, &V4[..11])).await, Err(BadPreface::Malformed)));
        assert!(matches!(read(&preface(0x21, 0x11, &[0; 5_000])).await, Err(BadPreface::TooLong)));
        assert!(matches!(read(&preface(0x21, 0x11, &V4)[..20]).await, Err(BadPreface::Io(_))));
    }
}
