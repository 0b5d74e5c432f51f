//! Many sockets on one thread: `epoll`, one shared read buffer, frames handled many at a time.
//!
//! ```text
//! Plan ──► opening (bounded) ──► upgraded ──► welcome, sync ──► ready ──► Listener hears frames
//! ```
//!
//! **Guarantees.** A connection counts as ready only when the server has answered a `sync` on it: from then on, nothing
//! falls between its subscriptions and its messages.
//!
//! **Does not** judge what it hears.
//!
//! **Limits.** [`OUT_BYTES_MAX`] wait per socket; the server has to read in the end.

mod connection;
mod ramp;

use std::io;
use std::time::Duration;

use anyhow::{Context as _, bail};
use mio::{Events, Interest, Poll, Token};
use proto::{ClientFrame, Encoding};

use crate::clock::{Clock, Nanos};
use crate::wire::frame::{self, Kind};
use crate::wire::heard::{Heard, Scanner};
use crate::wire::outgoing::{Builder, To};
use connection::Connection;
pub use connection::OUT_BYTES_MAX;
pub use ramp::{Plan, Ramp};

/// Bytes read at once; large enough that a busy socket is emptied by one call.
const READ_BYTES: usize = 256 * 1024;

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
}

/// What a turn of the engine works on.
#[derive(Debug)]
struct Sockets {
    clock: Clock,
    connections: Vec<Connection>,
    buffer: Box<[u8]>,
    scanner: Scanner,
    builder: Builder,
    tally: Tally,
}

/// What happened beside frames.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    /// Sockets that the server closed.
    pub closed: u64,
    /// Bytes received.
    pub received_bytes: u64,
    /// Reads that gave something.
    pub reads: u64,
}

impl Engine {
    /// No socket yet.
    pub fn new(clock: Clock, encoding: Encoding, builder: Builder) -> anyhow::Result<Self> {
        let sockets = Sockets {
            clock,
            connections: Vec::new(),
            buffer: vec![0; READ_BYTES].into_boxed_slice(),
            scanner: Scanner::new(encoding),
            builder,
            tally: Tally::default(),
        };
        Ok(Self { poll: Poll::new().context("epoll")?, events: Events::with_capacity(4096), sockets })
    }

    /// The run's clock.
    pub fn clock(&self) -> Clock {
        self.sockets.clock
    }

    /// What happened beside frames.
    pub fn tally(&self) -> Tally {
        self.sockets.tally
    }

    /// Sockets that were opened and not closed by the server.
    pub fn open_count(&self) -> u64 {
        self.sockets.connections.len() as u64 - self.sockets.tally.closed
    }

    /// Whether the server has closed every socket: it is gone.
    pub fn is_deserted(&self) -> bool {
        self.sockets.tally.closed >= self.sockets.connections.len() as u64
    }

    /// Sends message `number` on connection `who`. `false`: the server has not read for so long that the message
    /// could not even wait.
    pub fn send(&mut self, who: usize, number: u64, to: To<'_>) -> bool {
        let Sockets { connections, builder, .. } = &mut self.sockets;
        connections[who].write(builder.send(number, to))
    }

    /// Sends any frame on connection `who`.
    pub fn send_frame(&mut self, who: usize, frame: &ClientFrame) -> bool {
        let Sockets { connections, builder, .. } = &mut self.sockets;
        connections[who].write(builder.frame(frame))
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
        Ok(())
    }

    /// Says goodbye on every socket.
    pub fn close(&mut self) {
        let Sockets { connections, builder, .. } = &mut self.sockets;
        for connection in connections {
            connection.write(builder.close());
        }
    }
}

impl Sockets {
    fn writable(&mut self, who: usize) -> anyhow::Result<()> {
        let connection = &mut self.connections[who];
        if let Some(error) = connection.failure() {
            bail!("connection {who} could not be opened: {error}");
        }
        connection.flush();
        Ok(())
    }

    /// Reads until the socket is empty.
    fn readable(&mut self, who: usize, listener: &mut impl Listener) -> anyhow::Result<()> {
        loop {
            let connection = &mut self.connections[who];
            let kept = connection.take_rest(&mut self.buffer);
            let read = connection.read(&mut self.buffer[kept..]);
            let at = self.clock.now();
            let length = match read {
                Ok(0) => return self.closed(who, kept),
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    connection.keep_rest(&self.buffer[..kept]);
                    return Ok(());
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                    connection.keep_rest(&self.buffer[..kept]);
                    continue;
                }
                Err(_) => return self.closed(who, 0),
            };
            self.tally.reads += 1;
            self.tally.received_bytes += length as u64;
            let filled = kept + length;
            let used = self.handle(at, who, filled, listener)?;
            if used == 0 && filled == self.buffer.len() {
                let larger = self.buffer.len() * 2;
                let mut buffer = std::mem::take(&mut self.buffer).into_vec();
                buffer.resize(larger, 0);
                self.buffer = buffer.into_boxed_slice();
            }
            self.connections[who].keep_rest(&self.buffer[used..filled]);
            // Edge-triggered: a read that did not fill the buffer emptied the socket, and what comes later is told.
            if filled < self.buffer.len() {
                return Ok(());
            }
        }
    }

    /// Handles the whole frames among the first `filled` bytes of the buffer; says how many bytes they took.
    fn handle(
        &mut self,
        at: Nanos,
        who: usize,
        filled: usize,
        listener: &mut impl Listener,
    ) -> anyhow::Result<usize> {
        let Self { connections, buffer, scanner, builder, .. } = self;
        let connection = &mut connections[who];
        let mut used = 0;
        if let Some(upgrade) = connection.upgrade() {
            match upgrade.answer(&buffer[..filled]).context("opening a connection")? {
                Some(taken) => used = taken,
                None => return Ok(0),
            }
            connection.upgraded();
        }
        while let Some((kind, start, end)) = frame::parse(&buffer[used..filled])? {
            let payload = &buffer[used + start..used + end];
            used += end;
            match kind {
                Kind::Message => {
                    let heard = scanner.scan(payload)?;
                    connection.note(&heard, builder, at);
                    listener.heard(at, who, heard);
                }
                Kind::Ping => {
                    connection.write(builder.pong(payload));
                }
                Kind::Pong => {}
                Kind::Close => connection.told_close(payload),
            }
        }
        Ok(used)
    }

    /// The socket ended; the first `kept` bytes of the buffer are the start of something.
    fn closed(&mut self, who: usize, kept: usize) -> anyhow::Result<()> {
        let connection = &mut self.connections[who];
        // A reset socket is told of again and again.
        if connection.is_closed() {
            return Ok(());
        }
        if let Some(upgrade) = connection.upgrade() {
            upgrade.answer(&self.buffer[..kept]).context("opening a connection")?;
            bail!("the server hung up while connection {who} was being opened");
        }
        let code = connection.close_code();
        if !connection.is_ready() {
            bail!("the server closed connection {who} before it was ready, with code {code:?}");
        }
        connection.close();
        self.tally.closed += 1;
        Ok(())
    }

    fn register(&mut self, poll: &Poll, mut connection: Connection) -> anyhow::Result<()> {
        let token = Token(self.connections.len());
        let interests = Interest::READABLE | Interest::WRITABLE;
        poll.registry().register(connection.stream(), token, interests).context("watching a socket")?;
        self.connections.push(connection);
        Ok(())
    }
}
