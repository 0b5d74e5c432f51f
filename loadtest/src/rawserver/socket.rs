//! One socket: its upgrade, what is not whole yet, what did not fit.

use std::io::{self, Read as _, Write as _};

use client::handshake::expected_accept;
use mio::net::TcpStream;

use super::WAITING_BYTES_MAX;

/// The most bytes of a request.
const REQUEST_BYTES_MAX: usize = 8 * 1024;

/// What a client came for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// It has not said yet.
    Unknown,
    /// The connection of that number, for direct messages.
    Pair(usize),
    /// A member of the group, with its place in the list.
    Member(usize),
}

/// See the module.
#[derive(Debug)]
pub(super) struct Client {
    stream: TcpStream,
    pub role: Role,
    rest: Vec<u8>,
    out: Vec<u8>,
}

impl Client {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self { stream, role: Role::Unknown, rest: Vec::new(), out: Vec::new() }
    }

    /// What was kept and what could be read now; `None` when there is nothing. An error: it is gone.
    pub(super) fn read(&mut self, buffer: &mut Vec<u8>) -> io::Result<Option<usize>> {
        let rest = std::mem::take(&mut self.rest);
        if buffer.len() < rest.len() * 2 {
            buffer.resize(rest.len() * 2, 0);
        }
        buffer[..rest.len()].copy_from_slice(&rest);
        match self.stream.read(&mut buffer[rest.len()..]) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(length) => Ok(Some(rest.len() + length)),
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
                self.rest = rest;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    pub(super) fn keep(&mut self, rest: &[u8]) {
        if !rest.is_empty() {
            self.rest = rest.to_vec();
        }
    }

    /// What is to be written at the next flush.
    pub(super) fn out(&mut self) -> &mut Vec<u8> {
        &mut self.out
    }

    pub(super) fn put(&mut self, frame: &[u8]) {
        self.out.extend_from_slice(frame);
    }

    /// Writes `frames` now, behind what waits; `false`: too much waits, or the socket is gone.
    pub(super) fn write(&mut self, frames: &[u8]) -> bool {
        if !self.out.is_empty() {
            self.out.extend_from_slice(frames);
            return self.flush();
        }
        match self.stream.write(frames) {
            Ok(written) => self.out.extend_from_slice(&frames[written..]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.out.extend_from_slice(frames),
            Err(_) => return false,
        }
        self.out.len() <= WAITING_BYTES_MAX
    }

    /// As [`Self::write`], of what waits.
    pub(super) fn flush(&mut self) -> bool {
        while !self.out.is_empty() {
            match self.stream.write(&self.out) {
                Ok(written) => {
                    self.out.drain(..written);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return self.out.len() <= WAITING_BYTES_MAX;
                }
                Err(_) => return false,
            }
        }
        self.out = Vec::new();
        true
    }
}

/// Answers the request at the start of `read`; says what the client came for and how long the request is. `Some(None)`
/// while it is not whole, `None` when it is not one of this protocol.
#[expect(clippy::option_option, reason = "not whole yet is neither good nor bad")]
pub(super) fn upgrade(client: &mut Client, read: &[u8]) -> Option<Option<(Role, usize)>> {
    let Some(end) = memchr::memmem::find(read, b"\r\n\r\n") else {
        return (read.len() <= REQUEST_BYTES_MAX).then_some(None);
    };
    let head = std::str::from_utf8(&read[..end]).ok()?;
    let (role, key) = request(head)?;
    client.put(
        format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {}\r\n\r\n",
            expected_accept(key)
        )
        .as_bytes(),
    );
    Some(Some((role, end + 4)))
}

/// `GET /dm/7 HTTP/1.1` or `GET /group/7 HTTP/1.1`, and its key.
fn request(head: &str) -> Option<(Role, &str)> {
    let mut lines = head.split("\r\n");
    let path = lines.next()?.strip_prefix("GET /")?.strip_suffix(" HTTP/1.1")?;
    let (what, number) = path.split_once('/')?;
    // A number beyond any machine's sockets would make a list as long.
    let number = number.parse().ok().filter(|number| *number < 1 << 24)?;
    let role = match what {
        "dm" => Role::Pair(number),
        "group" => Role::Member(0),
        _ => return None,
    };
    let headers = lines.filter_map(|line| line.split_once(':'));
    let mut keys = headers.filter(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-key"));
    Some((role, keys.next()?.1.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_says_who_comes_for_what() {
        let request_of =
            |path: &str| format!("GET {path} HTTP/1.1\r\nHost: x\r\nsec-WebSocket-key:  abc \r\nX: y");
        assert_eq!(request(&request_of("/dm/7")), Some((Role::Pair(7), "abc")));
        assert_eq!(request(&request_of("/group/9")), Some((Role::Member(0), "abc")));
        for path in ["/", "/dm", "/dm/x", "/other/1", "/dm/99999999999"] {
            assert_eq!(request(&request_of(path)), None, "{path}");
        }
        assert_eq!(request("GET /dm/7 HTTP/1.1\r\nHost: x"), None, "no key");
    }
}
