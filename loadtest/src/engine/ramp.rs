//! Opening many connections, a bounded number at a time.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs as _};
use std::time::Duration;

use anyhow::{Context as _, bail};
use client::ServerUrl;
use client::handshake::Upgrade;
use proto::{Encoding, UserId};
use socket2::{Domain, Protocol, Socket, Type};

use super::connection::Connection;
use super::{Engine, Listener};
use crate::clock::SECOND;
use crate::latency::Latencies;
use crate::tokens::Tokens;

/// Connections to open.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The server.
    pub url: ServerUrl,
    /// Who connects, in this order.
    pub users: Vec<UserId>,
    /// Proof of identity.
    pub tokens: Tokens,
    /// How frames are written.
    pub encoding: Encoding,
    /// Connections being opened at the same time.
    pub opening_max: usize,
    /// Connections from one address of this machine, when the server is on it.
    pub sockets_per_address: usize,
}

/// How the opening went.
#[derive(Clone, Debug, Default)]
pub struct Ramp {
    /// From connect to the answer of the first `sync`, for each connection.
    pub ready: Latencies,
    /// All of it, in seconds.
    pub seconds: f64,
}

/// Without a new ready connection for this long, the server is stuck.
const PATIENCE: u64 = 15 * SECOND;

impl Engine {
    /// Opens all of the plan and waits until each is ready; `progress` is told how many are, now and then.
    pub fn open(
        &mut self,
        plan: &Plan,
        listener: &mut impl Listener,
        mut progress: impl FnMut(usize),
    ) -> anyhow::Result<Ramp> {
        let address = (plan.url.host.as_str(), plan.url.port)
            .to_socket_addrs()
            .and_then(|mut addresses| addresses.next().ok_or_else(|| std::io::ErrorKind::NotFound.into()))
            .with_context(|| format!("the address of {}", plan.url.authority()))?;
        let clock = self.clock();
        let (began, first) = (clock.now(), self.sockets.connections.len());
        let (mut opened, mut ready, mut moved) = (0, 0, began);
        let mut ramp = Ramp::default();
        let mut waiting: Vec<usize> = Vec::new();
        while ready < plan.users.len() {
            while opened < plan.users.len() && opened - ready < plan.opening_max {
                self.begin(plan, address, opened)?;
                waiting.push(first + opened);
                opened += 1;
            }
            self.turn(Duration::from_millis(20), listener)?;
            let connections = &self.sockets.connections;
            let before = ready;
            waiting.retain(|who| {
                let connection = &connections[*who];
                if connection.is_ready() {
                    ready += 1;
                    ramp.ready.record(connection.ready_after());
                }
                !connection.is_ready()
            });
            if ready > before {
                moved = clock.now();
                progress(ready);
            } else if clock.now() - moved > PATIENCE {
                bail!(
                    "{ready} of {} connections are ready, and no more became so for 15 s",
                    plan.users.len()
                );
            }
        }
        ramp.seconds = (clock.now() - began) as f64 / SECOND as f64;
        Ok(ramp)
    }

    fn begin(&mut self, plan: &Plan, address: SocketAddr, index: usize) -> anyhow::Result<()> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))
            .context("a socket; see `ulimit -n`")?;
        socket.set_nonblocking(true)?;
        socket.set_tcp_nodelay(true)?;
        if let Some(source) = source(address, index, plan) {
            socket.bind(&source.into()).with_context(|| format!("binding to {source}"))?;
        }
        let connecting = socket.connect(&address.into());
        if let Err(error) = connecting
            && error.raw_os_error() != Some(rustix::io::Errno::INPROGRESS.raw_os_error())
        {
            return Err(error).with_context(|| format!("connecting to {address}"));
        }
        let stream = mio::net::TcpStream::from_std(socket.into());
        let upgrade = Upgrade::new(plan.encoding);
        let request = upgrade.request(&plan.url, &plan.tokens.issue(&plan.users[index]));
        let connection = Connection::new(stream, upgrade, request, self.sockets.clock.now());
        self.sockets.register(&self.poll, connection)
    }
}

/// One address has some 28,000 ports for one server; on a loopback, all of 127.0.0.0/8 is ours.
fn source(server: SocketAddr, index: usize, plan: &Plan) -> Option<SocketAddr> {
    let many = plan.users.len() > plan.sockets_per_address;
    if !many || !server.ip().is_loopback() || server.is_ipv6() {
        return None;
    }
    let number = index / plan.sockets_per_address;
    let third = u8::try_from(1 + number / 250).unwrap_or(u8::MAX);
    let last = u8::try_from(1 + number % 250).unwrap_or(u8::MAX);
    Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 0, third, last)), 0))
}
