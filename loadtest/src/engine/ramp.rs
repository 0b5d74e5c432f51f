//! Opening many connections: a bounded number at a time, or at a fixed rate.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::Range;
use std::time::Duration;

use anyhow::{Context as _, bail};
use client::tls::{TlsLink, Trust};
use proto::UserId;
use serde::{Deserialize, Serialize};
use socket2::{Domain, Protocol, Socket, Type};

use super::connection::Connection;
use super::wire::Wire;
use super::{Engine, Listener};
use crate::clock::{Nanos, SECOND};
use crate::latency::Latencies;

/// How connections are opened.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Connections being opened at the same time.
    pub opening_max: usize,
    /// Connections from one address of this machine, when the server is on it.
    pub sockets_per_address: usize,
    /// How many there will be in all.
    pub connections: usize,
    /// The numbers of connections among those of all processes.
    pub places: Places,
    /// Where they come from; empty where the system chooses.
    pub sources: Vec<Ipv4Addr>,
    /// Whom to believe to be a server with TLS; there is one if any URL has it.
    pub trust: Option<Trust>,
}

/// The number of each connection among those of all processes: first some in a row, then others in another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// The first ones.
    pub own: Range<usize>,
    /// The number of the first behind them.
    pub more: usize,
}

impl Places {
    /// Of this process's connection `who`.
    pub fn of(&self, who: usize) -> usize {
        if who < self.own.len() { self.own.start + who } else { self.more + who - self.own.len() }
    }
}

/// How the opening went.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Ramp {
    /// From connect, or from when it was due, until the connection was ready, for each.
    pub ready: Latencies,
    /// All of it, in seconds.
    pub seconds: f64,
    /// Connections that could not be opened.
    pub failed: u64,
}

impl Ramp {
    /// Adds that of another process, which opened at the same time.
    pub fn merge(&mut self, other: &Self) {
        self.ready.merge(&other.ready);
        self.seconds = self.seconds.max(other.seconds);
        self.failed += other.failed;
    }
}

/// Without a new ready connection for this long, the server is stuck.
const PATIENCE: Nanos = 15 * SECOND;

/// Connections that are being opened.
#[derive(Debug)]
pub struct Ramping {
    users: Vec<UserId>,
    /// The first of them.
    first: usize,
    opened: usize,
    finished: usize,
    waiting: Vec<usize>,
    /// A second; `None`: as fast as the server answers.
    pace: Option<f64>,
    began: Nanos,
    moved: Nanos,
    /// How it goes.
    pub ramp: Ramp,
}

impl Ramping {
    /// Begins now. With a `pace`, connections are due at fixed times and count from then.
    pub fn new(engine: &mut Engine, users: &[UserId], pace: Option<f64>) -> Self {
        let began = engine.clock().now();
        let first = engine.sockets.users.len();
        engine.sockets.users.extend_from_slice(users);
        Self {
            users: users.to_vec(),
            first,
            opened: 0,
            finished: 0,
            waiting: Vec::new(),
            pace,
            began,
            moved: began,
            ramp: Ramp::default(),
        }
    }

    /// Connections that are ready or have failed.
    pub fn finished(&self) -> usize {
        self.finished
    }

    /// Whether all are ready or have failed.
    pub fn is_done(&self) -> bool {
        self.finished == self.users.len()
    }

    /// Opens what may be opened now, and looks which are ready.
    pub fn step(&mut self, engine: &mut Engine) -> anyhow::Result<()> {
        if self.is_done() {
            return Ok(());
        }
        let now = engine.clock().now();
        while self.opened < self.users.len() && self.opened - self.finished < engine.plan.opening_max {
            let due = match self.pace {
                Some(pace) => self.began + (self.opened as f64 / pace * SECOND as f64) as Nanos,
                None => engine.clock().now(),
            };
            if self.pace.is_some() && due > now {
                break;
            }
            let who = self.first + self.opened;
            let connection = engine.connect(who, due)?;
            engine.sockets.register(&engine.poll, who, connection)?;
            self.waiting.push(who);
            self.opened += 1;
        }
        self.look(engine);
        if self.is_done() {
            self.ramp.seconds = (engine.clock().now() - self.began) as f64 / SECOND as f64;
        } else if engine.clock().now().saturating_sub(self.moved) > PATIENCE {
            bail!(
                "{} of {} connections are ready, and no more became so for 15 s",
                self.finished,
                self.users.len()
            );
        }
        Ok(())
    }

    fn look(&mut self, engine: &Engine) {
        let connections = &engine.sockets.connections;
        let (before, ramp) = (self.waiting.len(), &mut self.ramp);
        self.waiting.retain(|who| {
            let connection = &connections[*who];
            if connection.is_ready() {
                ramp.ready.record(connection.ready_after());
            }
            let failed = connection.is_closed();
            ramp.failed += u64::from(failed);
            !connection.is_ready() && !failed
        });
        if self.waiting.len() < before || self.waiting.is_empty() {
            self.finished += before - self.waiting.len();
            self.moved = engine.clock().now();
        }
    }
}

impl Engine {
    /// Opens connections for `users` and waits until each is ready; `progress` is told how many are, now and then.
    pub fn open(
        &mut self,
        users: &[UserId],
        listener: &mut impl Listener,
        mut progress: impl FnMut(usize) -> anyhow::Result<()>,
    ) -> anyhow::Result<Ramp> {
        let mut ramping = Ramping::new(self, users, None);
        while !ramping.is_done() {
            ramping.step(self)?;
            self.turn(Duration::from_millis(20), listener)?;
            progress(ramping.finished())?;
        }
        Ok(ramping.ramp)
    }

    /// A socket for connection `who`, whose user is known, that counts from `began`.
    pub(super) fn connect(&mut self, who: usize, began: Nanos) -> anyhow::Result<Connection> {
        let (place, plan) = (self.plan.places.of(who), &self.plan);
        let elsewhere = self.elsewhere.get(&who).copied().unwrap_or(0);
        let target = (place + elsewhere) % self.addresses.len();
        let address = self.addresses[target];
        let kind = Type::STREAM.nonblocking();
        let socket = Socket::new(Domain::for_address(address), kind, Some(Protocol::TCP))
            .context("a socket; see `ulimit -n`")?;
        socket.set_tcp_nodelay(true)?;
        if let Some(source) = source(address, (who, place), plan) {
            socket.bind(&source.into()).with_context(|| format!("binding to {source}"))?;
        }
        let connecting = socket.connect(&address.into());
        if let Err(error) = connecting
            && error.raw_os_error() != Some(rustix::io::Errno::INPROGRESS.raw_os_error())
        {
            return Err(error).with_context(|| format!("connecting to {address}"));
        }
        let tcp = mio::net::TcpStream::from_std(socket.into());
        let (upgrade, request) = self.sockets.driver.request(place, &self.sockets.users[who]);
        let url = &self.sockets.driver.urls()[target];
        let tls = match plan.trust.as_ref().filter(|_| url.tls) {
            Some(trust) => Some(Box::new(TlsLink::new(trust, &url.host)?)),
            None => None,
        };
        Ok(Connection::new(Wire { tcp, tls }, upgrade, request, began))
    }
}

/// One address has some 28,000 ports for all servers; on a loopback, all of 127.0.0.0/8 is ours.
fn source(server: SocketAddr, (who, place): (usize, usize), plan: &Plan) -> Option<SocketAddr> {
    if let Some(source) = plan.sources.get(who % plan.sources.len().max(1)) {
        return Some(SocketAddr::new(IpAddr::V4(*source), 0));
    }
    let many = plan.connections > plan.sockets_per_address;
    if !many || !server.ip().is_loopback() || server.is_ipv6() {
        return None;
    }
    let number = place / plan.sockets_per_address;
    let third = u8::try_from(1 + number / 250).unwrap_or(u8::MAX);
    let last = u8::try_from(1 + number % 250).unwrap_or(u8::MAX);
    Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 0, third, last)), 0))
}
