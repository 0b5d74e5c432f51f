//! Where services listen: URLs taken apart, ports that are free.

use std::net::{SocketAddr, TcpListener, ToSocketAddrs as _};

use anyhow::Context as _;

use super::kind::Kind;

/// Where programs that want several ports begin.
const FIRST_OF_MANY: u16 = 30_000;
/// How many ports are tried, from the first one on.
const TRIES: u16 = 200;

/// The address that `url` names.
pub fn of_url(kind: Kind, url: &str) -> anyhow::Result<SocketAddr> {
    let host = host_and_port(kind, url);
    let mut addresses = host.to_socket_addrs().with_context(|| format!("{url} is no address"))?;
    addresses.next().with_context(|| format!("{url} has no address"))
}

/// What is between scheme and user on one side and path on the other; the usual port is added when none is there. Of
/// several, separated by commas, the first.
fn host_and_port(kind: Kind, url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let rest = rest.split(['/', '?', ',']).next().unwrap_or_default();
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    let bare = host.rsplit(']').next().unwrap_or_default();
    if bare.contains(':') { host.to_owned() } else { format!("{host}:{}", kind.usual_port()) }
}

/// A port of this machine that nobody listens on now, at `first` or above it.
pub(super) fn free_port(first: u16) -> anyhow::Result<u16> {
    let mut ports = first..first.saturating_add(TRIES);
    let free = ports.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
    free.with_context(|| format!("no free port between {first} and {}", first.saturating_add(TRIES)))
}

/// Free ports for several programs, none twice, all below the range from which systems choose: they stay free while a
/// program is stopped.
#[derive(Debug)]
pub struct Ports {
    next: u16,
}

impl Ports {
    /// Begins at a place that depends on this process.
    pub fn new() -> Self {
        Self { next: FIRST_OF_MANY + (std::process::id() % 100 * 20) as u16 }
    }

    /// The next one on loopback.
    pub fn take(&mut self) -> anyhow::Result<SocketAddr> {
        let port = free_port(self.next)?;
        self.next = port + 1;
        Ok(SocketAddr::from(([127, 0, 0, 1], port)))
    }
}

impl Default for Ports {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_path_and_missing_port_are_understood() {
        for (url, host) in [
            ("nats://localhost", "localhost:4222"),
            ("nats://me:secret@example.org:99/", "example.org:99"),
            ("nats://a:1,nats://b:2", "a:1"),
            ("nats://[::1]", "[::1]:4222"),
            ("nats://[::1]:7", "[::1]:7"),
        ] {
            assert_eq!(host_and_port(Kind::Nats, url), host, "{url}");
        }
    }

    #[test]
    fn a_port_in_use_is_passed_over() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        if port < u16::MAX - TRIES {
            assert!(free_port(port).unwrap() > port);
        }
    }
}
