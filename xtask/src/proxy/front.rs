//! The one address of a cluster, as a load balancer would have it: sockets go to gateways, everything else to API processes.

use std::io::Read as _;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, bail};

use super::{CONNECT_MAX, Route};

/// The longest that a client may take for the first line.
const FIRST_LINE_MAX: Duration = Duration::from_secs(10);
const FIRST_BYTES_MAX: usize = 16 * 1024;
/// Where sockets are.
const SOCKET_PATHS: &[&str] = &["/ws", "/chat", "/api/v1/ws"];

/// Who serves what; each in turn.
#[derive(Clone, Debug)]
pub struct Front {
    gateways: Vec<SocketAddr>,
    apis: Vec<SocketAddr>,
    turn: Arc<AtomicUsize>,
}

impl Front {
    /// In front of these.
    pub fn new(gateways: Vec<SocketAddr>, apis: Vec<SocketAddr>) -> Self {
        Self { gateways, apis, turn: Arc::default() }
    }

    /// Of those that serve it, the next one that can be reached.
    fn reach(&self, first: &[u8]) -> anyhow::Result<TcpStream> {
        let servers = if wants_socket(first) { &self.gateways } else { &self.apis };
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let mut in_turn = (0..servers.len()).map(|index| servers[(turn + index) % servers.len()]);
        in_turn
            .find_map(|server| TcpStream::connect_timeout(&server, CONNECT_MAX).ok())
            .context("nobody who serves this can be reached")
    }
}

impl Route {
    /// The other side of `client`, and what was read of it to find that out.
    pub(super) fn connect(&self, client: &TcpStream) -> anyhow::Result<(TcpStream, Vec<u8>)> {
        match self {
            Self::To(address) => Ok((TcpStream::connect_timeout(address, CONNECT_MAX)?, Vec::new())),
            Self::Front(front) => {
                let first = first_line(client)?;
                Ok((front.reach(&first)?, first))
            }
        }
    }
}

/// What a client says until its first line is whole.
fn first_line(mut client: &TcpStream) -> anyhow::Result<Vec<u8>> {
    client.set_read_timeout(Some(FIRST_LINE_MAX))?;
    let (mut first, mut buffer) = (Vec::new(), [0; 2048]);
    while !first.contains(&b'\n') {
        let length = client.read(&mut buffer)?;
        first.extend_from_slice(&buffer[..length]);
        if length == 0 || first.len() > FIRST_BYTES_MAX {
            bail!("no first line");
        }
    }
    client.set_read_timeout(None)?;
    Ok(first)
}

/// Whether the request is for a socket, by its path.
fn wants_socket(request: &[u8]) -> bool {
    let target = request.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
    let path = target.split(|byte| *byte == b'?').next().unwrap_or_default();
    SOCKET_PATHS.iter().any(|socket| socket.as_bytes() == path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_is_told_by_its_path() {
        assert!(wants_socket(b"GET /ws HTTP/1.1\r\n"));
        assert!(wants_socket(b"GET /api/v1/ws?ticket=1 HTTP/1.1\r\n"));
        assert!(!wants_socket(b"GET /api/v1/groups HTTP/1.1\r\n"));
        assert!(!wants_socket(b"GET /wsx HTTP/1.1\r\n"));
        assert!(!wants_socket(b"nonsense"));
    }
}
