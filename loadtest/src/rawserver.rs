//! `rawserver`: WebSocket and nothing else. It checks nobody, stores nothing and knows no JSON: what it does is the least
//! that any server has to, so its figures are the limit of this machine, its kernel and this generator.
//!
//! ```text
//! epoll ─► read ─► unmask ─► dm: one event to the other, an ack to the sender
//!                            group: one event to everybody else, an ack to the sender
//!      ◄─ one write for each socket and turn, or one for each message (--write)
//! ```
//!
//! **Limits.** One thread. [`WAITING_BYTES_MAX`] wait for one socket, then it is closed. The protocol is that of
//! [`crate::driver::Raw`].

mod incoming;
mod socket;

use std::io;
use std::net::SocketAddr;
use std::ops::Range;
use std::time::Duration;

use anyhow::Context as _;
use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token};

use crate::arguments::{Rawserver, WriteMode};
use crate::driver::GROUP;
use incoming::Incoming;
use socket::{Client, Role};

/// The most that waits for one socket.
pub const WAITING_BYTES_MAX: usize = 64 << 20;
const LISTENER: Token = Token(usize::MAX);
const BUFFER_BYTES: usize = 256 * 1024;

/// Serves until the process ends.
pub fn run(settings: &Rawserver) -> anyhow::Result<()> {
    crate::open_files::raise()?;
    let mut server = Server::bind(settings.listen, settings.write)?;
    println!("ws://{}", server.address()?);
    loop {
        server.turn(None)?;
    }
}

/// See the module.
#[derive(Debug)]
pub struct Server {
    poll: Poll,
    events: Events,
    listener: TcpListener,
    clients: Clients,
    buffer: Vec<u8>,
}

/// Everybody who is connected.
#[derive(Debug)]
struct Clients {
    all: Vec<Option<Client>>,
    free: Vec<usize>,
    /// By number of connection, for direct messages.
    places: Vec<Option<usize>>,
    group: Vec<usize>,
    /// The last seq of each pair, and of the group.
    pairs: Vec<u64>,
    group_seq: u64,
    /// Who has something to be written.
    dirty: Vec<usize>,
    round: Round,
    write: WriteMode,
}

/// What was sent to the group in this turn.
#[derive(Debug, Default)]
struct Round {
    frames: Vec<u8>,
    /// Whose, and where.
    parts: Vec<(usize, Range<usize>)>,
}

impl Server {
    /// Listens at `address`.
    pub fn bind(address: SocketAddr, write: WriteMode) -> anyhow::Result<Self> {
        let socket = socket2::Socket::new(
            socket2::Domain::for_address(address),
            socket2::Type::STREAM,
            Some(socket2::Protocol::TCP),
        )?;
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into()).with_context(|| format!("listening at {address}"))?;
        socket.listen(4096)?;
        let mut listener = TcpListener::from_std(socket.into());
        let poll = Poll::new().context("epoll")?;
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        let clients = Clients {
            all: Vec::new(),
            free: Vec::new(),
            places: Vec::new(),
            group: Vec::new(),
            pairs: Vec::new(),
            group_seq: 0,
            dirty: Vec::new(),
            round: Round::default(),
            write,
        };
        Ok(Self {
            poll,
            events: Events::with_capacity(4096),
            listener,
            clients,
            buffer: vec![0; BUFFER_BYTES],
        })
    }

    /// Where it listens.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Waits for something to happen, at most `timeout`, and handles all that did.
    pub fn turn(&mut self, timeout: Option<Duration>) -> anyhow::Result<()> {
        if let Err(error) = self.poll.poll(&mut self.events, timeout) {
            return if error.kind() == io::ErrorKind::Interrupted { Ok(()) } else { Err(error.into()) };
        }
        for event in &self.events {
            if event.token() == LISTENER {
                accept(&self.listener, &self.poll, &mut self.clients)?;
                continue;
            }
            let who = event.token().0;
            if event.is_writable() {
                self.clients.flush(who);
            }
            if event.is_readable() {
                self.clients.read(who, &mut self.buffer);
            }
        }
        self.clients.end_turn();
        Ok(())
    }
}

fn accept(listener: &TcpListener, poll: &Poll, clients: &mut Clients) -> anyhow::Result<()> {
    loop {
        match listener.accept() {
            Ok((mut stream, _)) => {
                // A socket that is gone already says so when it is read.
                let _ = stream.set_nodelay(true);
                let who = clients.free.pop().unwrap_or(clients.all.len());
                poll.registry().register(&mut stream, Token(who), Interest::READABLE | Interest::WRITABLE)?;
                if who == clients.all.len() {
                    clients.all.push(None);
                }
                clients.all[who] = Some(Client::new(stream));
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => return Err(error).context("accepting; see `ulimit -n`"),
        }
    }
}

impl Clients {
    fn client(&mut self, who: usize) -> Option<&mut Client> {
        self.all.get_mut(who)?.as_mut()
    }

    /// Reads until the socket is empty.
    fn read(&mut self, who: usize, buffer: &mut Vec<u8>) {
        loop {
            let Some(client) = self.client(who) else { return };
            let filled = match client.read(buffer) {
                Ok(Some(filled)) => filled,
                Ok(None) => return,
                Err(_) => return self.leave(who),
            };
            let emptied = filled < buffer.len();
            if self.handle(who, &mut buffer[..filled]).is_none() {
                return self.leave(who);
            }
            if emptied {
                return;
            }
        }
    }

    /// Handles what was read; what is not whole is kept. `None`: the client said goodbye or nonsense.
    fn handle(&mut self, who: usize, read: &mut [u8]) -> Option<()> {
        let mut used = 0;
        if self.client(who)?.role == Role::Unknown {
            let Some((role, taken)) = socket::upgrade(self.client(who)?, read)? else {
                self.client(who)?.keep(read);
                return Some(());
            };
            used = taken;
            self.join(who, role);
        }
        while let Some(frame) = incoming::next(&mut read[used..]).ok()? {
            let (start, end) = (used + frame.payload.start, used + frame.payload.end);
            used += frame.payload.end;
            match frame.kind {
                Incoming::Message => self.message(who, &read[start..end])?,
                Incoming::Ping => self.client(who)?.put(&[0x8a, 0]),
                Incoming::Pong => {}
                Incoming::Close => return None,
            }
        }
        self.client(who)?.keep(&read[used..]);
        Some(())
    }

    fn join(&mut self, who: usize, role: Role) {
        match role {
            Role::Pair(number) => {
                if self.places.len() <= number {
                    self.places.resize(number | 1, None);
                    self.places.push(None);
                    self.pairs.resize(self.places.len() / 2, 0);
                }
                if self.places[number ^ 1].is_none() {
                    self.pairs[number / 2] = 0;
                }
                self.places[number] = Some(who);
            }
            Role::Member(_) => {
                if self.group.is_empty() {
                    self.group_seq = 0;
                }
                self.group.push(who);
            }
            Role::Unknown => {}
        }
        let place = self.group.len().saturating_sub(1);
        if let Some(client) = self.client(who) {
            client.role = match role {
                Role::Member(_) => Role::Member(place),
                other => other,
            };
        }
        self.dirty.push(who);
    }

    fn leave(&mut self, who: usize) {
        let Some(client) = self.all[who].take() else { return };
        self.free.push(who);
        match client.role {
            Role::Pair(number) => self.places[number] = None,
            Role::Member(place) => {
                self.group.swap_remove(place);
                if let Some(moved) = self.group.get(place).copied()
                    && let Some(moved) = self.client(moved)
                {
                    moved.role = Role::Member(place);
                }
            }
            Role::Unknown => {}
        }
    }

    /// `None`: it is not a message of this protocol.
    fn message(&mut self, who: usize, payload: &[u8]) -> Option<()> {
        let (to, body) = payload.split_first_chunk()?;
        let mark = body.get(..12)?;
        let to = u32::from_be_bytes(*to);
        let role = self.client(who)?.role;
        let seq = match role {
            Role::Pair(number) => {
                self.pairs[number / 2] += 1;
                self.pairs[number / 2]
            }
            Role::Member(_) if to == GROUP => {
                self.group_seq += 1;
                self.group_seq
            }
            Role::Member(_) | Role::Unknown => return None,
        };
        if to == GROUP {
            let start = self.round.frames.len();
            incoming::put_frame(&mut self.round.frames, 1, seq, body);
            self.round.parts.push((who, start..self.round.frames.len()));
        } else if let Some(other) = self.places.get(to as usize).copied().flatten() {
            incoming::put_frame(self.client(other)?.out(), 1, seq, body);
            self.changed(other);
        }
        incoming::put_frame(self.client(who)?.out(), 0, seq, mark);
        self.changed(who);
        if self.write == WriteMode::Message {
            self.end_turn();
        }
        Some(())
    }

    fn changed(&mut self, who: usize) {
        if self.write == WriteMode::Message {
            self.flush(who);
        } else {
            self.dirty.push(who);
        }
    }

    fn flush(&mut self, who: usize) {
        if self.client(who).is_some_and(|client| !client.flush()) {
            self.leave(who);
        }
    }

    /// Writes what came together in this turn.
    fn end_turn(&mut self) {
        let round = std::mem::take(&mut self.round);
        if !round.parts.is_empty() {
            let senders: std::collections::HashSet<usize> = round.parts.iter().map(|part| part.0).collect();
            for who in self.group.clone() {
                let Some(client) = self.client(who) else { continue };
                let alive = if senders.contains(&who) {
                    for (sender, place) in &round.parts {
                        if *sender != who {
                            client.out().extend_from_slice(&round.frames[place.clone()]);
                        }
                    }
                    client.flush()
                } else {
                    client.write(&round.frames)
                };
                if !alive {
                    self.leave(who);
                }
            }
        }
        self.round = Round { frames: recycled(round.frames), parts: Vec::new() };
        for who in std::mem::take(&mut self.dirty) {
            self.flush(who);
        }
    }
}

fn recycled(mut frames: Vec<u8>) -> Vec<u8> {
    frames.clear();
    frames
}
