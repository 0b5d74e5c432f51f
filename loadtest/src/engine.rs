//! Many sockets on one thread: `epoll`, one shared read buffer, frames handled many at a time.
//!
//! ```text
//! Plan ──► opening (bounded) ──► upgraded ──► what the driver says ──► ready ──► Listener hears frames
//! ```
//!
//! **Guarantees.** A connection counts as ready only when its driver says so: from then on, nothing falls between its
//! subscriptions and its messages.
//!
//! **Does not** judge what it hears.
//!
//! **Limits.** [`OUT_BYTES_MAX`] wait per socket; the server has to read in the end.

mod connection;
mod ramp;
mod reading;
mod wire;

use std::collections::HashMap;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::time::Duration;

use anyhow::Context as _;
use client::ServerUrl;
use mio::{Events, Interest, Poll, Token};
use proto::{ClientFrame, UserId};

use crate::clock::{Clock, MILLISECOND, Nanos};
use crate::driver::Driver;
use crate::retries::Retries;
use crate::wire::heard::Heard;
use crate::wire::outgoing::To;
use connection::Connection;
pub use connection::OUT_BYTES_MAX;
pub use ramp::{Places, Plan, Ramp, Ramping};

/// Bytes read at once; large enough that a busy socket is emptied by one call.
const READ_BYTES: usize = 256 * 1024;
/// Between two reads of a slow reader.
const SLOW_EVERY: Nanos = 50 * MILLISECOND;
/// Reasons that are kept of connections that could not be opened.
const REASONS: usize = 5;

/// Who hears what the sockets receive.
pub trait Listener {
    /// Connection `who` received a frame, at `at`.
    fn heard(&mut self, at: Nanos, who: usize, heard: Heard);
}

/// All sockets of a run.
#[derive(Debug)]
pub struct Engine {
    poll: Poll,
    events: Events,
    sockets: Sockets,
    plan: Plan,
    /// Of the servers; connections go to one after the other.
    addresses: Vec<SocketAddr>,
    /// How many servers further on than its own a connection is that went elsewhere.
    elsewhere: HashMap<usize, usize>,
}

/// What a turn of the engine works on.
#[derive(Debug)]
struct Sockets {
    clock: Clock,
    connections: Vec<Connection>,
    users: Vec<UserId>,
    places: Places,
    buffer: Box<[u8]>,
    driver: Box<dyn Driver>,
    tally: Tally,
    /// Slow readers, and how many bytes a second they read.
    slow: Vec<(usize, u32)>,
    slow_read_at: Nanos,
    /// Connections whose opening was refused for now.
    refused: Retries<usize>,
    /// Whether a connection that cannot be opened ends the run.
    strict: bool,
    reasons: Vec<String>,
}

/// What happened beside frames.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    /// Sockets that the server closed.
    pub closed: u64,
    /// Sockets that could not be opened.
    pub failed: u64,
    /// Refusals of openings, each of which was repeated.
    pub openings_refused: u64,
    /// Bytes received.
    pub received_bytes: u64,
    /// Reads that gave something.
    pub reads: u64,
    /// Heartbeats that were answered.
    pub heartbeats: u64,
    /// Connections that are not there now.
    gone: u64,
}

impl Engine {
    /// No socket yet; those that come are opened as `plan` says.
    pub fn new(clock: Clock, driver: Box<dyn Driver>, plan: Plan) -> anyhow::Result<Self> {
        let addresses = driver.urls().iter().map(address).collect::<anyhow::Result<Vec<_>>>()?;
        let sockets = Sockets {
            clock,
            connections: Vec::new(),
            users: Vec::new(),
            places: plan.places.clone(),
            buffer: vec![0; READ_BYTES].into_boxed_slice(),
            driver,
            tally: Tally::default(),
            slow: Vec::new(),
            slow_read_at: 0,
            refused: Retries::default(),
            strict: true,
            reasons: Vec::new(),
        };
        Ok(Self {
            poll: Poll::new().context("epoll")?,
            events: Events::with_capacity(4096),
            sockets,
            plan,
            addresses,
            elsewhere: HashMap::new(),
        })
    }

    /// From now on, a connection that cannot be opened is counted and does not end the run.
    pub fn tolerate_failures(&mut self) {
        self.sockets.strict = false;
    }

    /// Why connections could not be opened, the first few.
    pub fn reasons(&self) -> &[String] {
        &self.sockets.reasons
    }

    /// The run's clock.
    pub fn clock(&self) -> Clock {
        self.sockets.clock
    }

    /// What happened beside frames.
    pub fn tally(&self) -> Tally {
        self.sockets.tally
    }

    /// Sockets that are there.
    pub fn open_count(&self) -> u64 {
        (self.sockets.connections.len() as u64).saturating_sub(self.sockets.tally.gone)
    }

    /// Whether no socket is left: the server is gone.
    pub fn is_deserted(&self) -> bool {
        self.open_count() == 0
    }

    /// Whether connection `who` can be used.
    pub fn is_ready(&self, who: usize) -> bool {
        self.sockets.connections.get(who).is_some_and(Connection::is_ready)
    }

    /// Whether connection `who` is not there any more.
    pub fn is_closed(&self, who: usize) -> bool {
        self.sockets.connections.get(who).is_some_and(Connection::is_closed)
    }

    /// Whether connection `who` reads slowly.
    pub fn is_slow(&self, who: usize) -> bool {
        self.sockets.connections.get(who).is_some_and(|connection| connection.slow)
    }

    /// Connection `who` reads so many bytes a second from now on; `None`: whatever comes.
    pub fn slow_down(&mut self, who: usize, bytes_per_second: Option<u32>) {
        self.sockets.slow.retain(|(slow, _)| *slow != who);
        self.sockets.connections[who].slow = bytes_per_second.is_some();
        if let Some(bytes) = bytes_per_second {
            self.sockets.connections[who].shrink_buffer();
            self.sockets.slow.push((who, bytes));
        }
    }

    /// All slow readers read as fast as they can; what waited for them is read in the next turn.
    pub fn speed_up(&mut self, listener: &mut impl Listener) -> anyhow::Result<()> {
        for (who, _) in std::mem::take(&mut self.sockets.slow) {
            self.sockets.connections[who].slow = false;
            if !self.sockets.connections[who].is_closed() {
                self.sockets.readable(who, listener)?;
            }
        }
        Ok(())
    }

    /// Sends message `number` on connection `who`. `false`: the server has not read for so long that the message
    /// could not even wait.
    pub fn send(&mut self, who: usize, number: u64, to: To<'_>) -> bool {
        let Sockets { connections, driver, .. } = &mut self.sockets;
        connections[who].write(driver.send(number, to))
    }

    /// As [`Self::send`], of a message that was sent before on another socket.
    pub fn resend(&mut self, who: usize, number: u64, to: To<'_>) -> bool {
        let Sockets { connections, driver, .. } = &mut self.sockets;
        connections[who].write(driver.resend(number, to))
    }

    /// Sends any of Tidegate's frames on connection `who`; `false` also where the server does not know them.
    pub fn send_frame(&mut self, who: usize, frame: &ClientFrame) -> bool {
        let Sockets { connections, driver, .. } = &mut self.sockets;
        driver.frame(frame).is_some_and(|frame| connections[who].write(frame))
    }

    /// Ends the socket of connection `who` without a word, as a network does.
    pub fn hang_up(&mut self, who: usize) {
        let connection = &mut self.sockets.connections[who];
        if !connection.is_closed() {
            connection.hang_up();
            self.sockets.tally.gone += 1;
        }
    }

    /// Opens a socket for connection `who`, which is closed, again.
    pub fn reopen(&mut self, who: usize) -> anyhow::Result<()> {
        let at = self.clock().now();
        let connection = self.connect(who, at)?;
        self.sockets.tally.gone = self.sockets.tally.gone.saturating_sub(1);
        self.sockets.refused.settled(who);
        self.sockets.register(&self.poll, who, connection)
    }

    /// As [`Self::reopen`], at the next server.
    pub fn reopen_elsewhere(&mut self, who: usize) -> anyhow::Result<()> {
        *self.elsewhere.entry(who).or_default() += 1;
        self.reopen(who)
    }

    /// Waits at most `timeout` for something to happen and handles all that did.
    pub fn turn(&mut self, timeout: Duration, listener: &mut impl Listener) -> anyhow::Result<()> {
        if let Err(error) = self.poll.poll(&mut self.events, Some(timeout)) {
            if error.kind() == io::ErrorKind::Interrupted {
                return Ok(());
            }
            return Err(error).context("waiting for sockets");
        }
        for event in &self.events {
            let who = event.token().0;
            if event.is_writable() {
                self.sockets.writable(who)?;
            }
            if event.is_readable() {
                self.sockets.readable(who, listener)?;
            }
        }
        self.sockets.open_again();
        self.sockets.read_slowly(listener)
    }

    /// Says goodbye on every socket.
    pub fn close(&mut self) {
        let Sockets { connections, driver, .. } = &mut self.sockets;
        for connection in connections {
            connection.write(driver.close());
        }
    }
}

fn address(url: &ServerUrl) -> anyhow::Result<SocketAddr> {
    (url.host.as_str(), url.port)
        .to_socket_addrs()
        .and_then(|mut addresses| addresses.next().ok_or_else(|| io::ErrorKind::NotFound.into()))
        .with_context(|| format!("the address of {}", url.authority()))
}

impl Sockets {
    /// Connection `who` has a socket now.
    fn register(&mut self, poll: &Poll, who: usize, mut connection: Connection) -> anyhow::Result<()> {
        let interests = Interest::READABLE | Interest::WRITABLE;
        poll.registry().register(connection.stream(), Token(who), interests).context("watching a socket")?;
        match self.connections.get_mut(who) {
            Some(place) => {
                connection.slow = place.slow;
                *place = connection;
            }
            None => self.connections.push(connection),
        }
        Ok(())
    }

    /// Goes on with openings that were refused, when their time has come.
    fn open_again(&mut self) {
        while let Some(who) = self.refused.take_due(self.clock.now()) {
            self.connections[who].say_now();
        }
    }

    /// Connection `who` could not be opened.
    fn fail(&mut self, who: usize, error: anyhow::Error) -> anyhow::Result<()> {
        if self.strict {
            return Err(error);
        }
        let connection = &mut self.connections[who];
        if !connection.is_closed() {
            connection.close();
            self.tally.failed += 1;
            self.tally.gone += 1;
            let reason = format!("{error:#}");
            if self.reasons.len() < REASONS && !self.reasons.contains(&reason) {
                self.reasons.push(reason);
            }
        }
        Ok(())
    }
}
