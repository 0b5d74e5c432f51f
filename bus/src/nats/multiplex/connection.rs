//! One accepted connection: bytes in, bytes out, and whether the server is alive.

use std::time::Duration;

use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, ReadHalf, WriteHalf};
use tokio::time::Instant;

use super::decoder::{Decoder, ProtocolError};
use super::dial::{Dialled, Socket};
use super::servers::Server;

/// Bytes that wait to be written before no more changes are put there.
pub(super) const OUT_BYTES: usize = 64 * 1024;
/// Bytes that wait to be written when a connection counts as dead: the server does not read.
const OUT_BYTES_MAX: usize = 4 * OUT_BYTES;
/// `PING`s without an answer when a connection counts as dead.
const PINGS_MAX: usize = 2;

/// See the module.
pub(super) struct Connection {
    pub(super) server: Server,
    pub(super) reader: Reader,
    pub(super) writer: Writer,
}

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum Lost {
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("the server spoke otherwise than NATS does: {0}")]
    Protocol(#[from] ProtocolError),
    #[error("the server gave no sign of life")]
    Silent,
    #[error("the server does not read")]
    Stuck,
    #[error("the server ended it: {0}")]
    Refused(String),
}

pub(super) struct Reader {
    socket: ReadHalf<Box<dyn Socket>>,
    pub(super) decoder: Decoder,
    heard: Instant,
}

pub(super) struct Writer {
    socket: WriteHalf<Box<dyn Socket>>,
    out: BytesMut,
    flushed: bool,
    /// For each `PING` without an answer, how many changes the server had been told before.
    pings: std::collections::VecDeque<u64>,
    pinged: Instant,
}

impl Connection {
    pub(super) fn new(dialled: Dialled, now: Instant) -> Self {
        let Dialled { server, socket, decoder, .. } = dialled;
        let (reader, writer) = tokio::io::split(socket);
        Self {
            server,
            reader: Reader { socket: reader, decoder, heard: now },
            writer: Writer {
                socket: writer,
                out: BytesMut::new(),
                flushed: true,
                pings: std::collections::VecDeque::new(),
                pinged: now,
            },
        }
    }

    /// When something must be done though nothing happened.
    pub(super) fn due(&self, interval: Duration) -> Instant {
        self.reader.heard.max(self.writer.pinged) + interval
    }

    /// Asks a silent server for a sign of life; after two without an answer it is dead.
    pub(super) fn check(&mut self, now: Instant, interval: Duration, told: u64) -> Result<(), Lost> {
        if self.writer.out.len() > OUT_BYTES_MAX {
            return Err(Lost::Stuck);
        }
        if now < self.due(interval) {
            return Ok(());
        }
        if self.writer.pings.len() >= PINGS_MAX {
            return Err(Lost::Silent);
        }
        self.writer.ping(now, told);
        Ok(())
    }
}

impl Reader {
    /// Reads what there is. Cancel-safe.
    pub(super) async fn read(&mut self) -> Result<usize, Lost> {
        match self.socket.read_buf(self.decoder.buffer()).await? {
            0 => Err(Lost::Io(std::io::ErrorKind::UnexpectedEof.into())),
            bytes => {
                self.heard = Instant::now();
                Ok(bytes)
            }
        }
    }
}

impl Writer {
    /// Where to append what must be written, if there is room.
    pub(super) fn room(&mut self) -> Option<&mut BytesMut> {
        (self.out.len() < OUT_BYTES).then_some(&mut self.out)
    }

    pub(super) fn pong(&mut self) {
        self.out.extend_from_slice(b"PONG\r\n");
    }

    pub(super) fn ping(&mut self, now: Instant, told: u64) {
        self.out.extend_from_slice(b"PING\r\n");
        self.pings.push_back(told);
        self.pinged = now;
    }

    /// Ends subscriptions, and asks for a `PONG` behind the last of their messages.
    pub(super) fn end(&mut self, sids: &[u64], now: Instant) {
        for sid in sids {
            self.out.extend_from_slice(format!("UNSUB {sid}\r\n").as_bytes());
        }
        self.ping(now, 0);
    }

    /// How many changes the server will have heard of when it has answered all that it was asked; `None` when nothing is
    /// asked.
    pub(super) fn asked(&self) -> Option<u64> {
        self.pings.back().copied()
    }

    /// `PING`s that the server has not answered.
    pub(super) fn unanswered(&self) -> usize {
        self.pings.len()
    }

    /// A `PONG` came. Gives how many changes the server has heard of.
    pub(super) fn answered(&mut self) -> Option<u64> {
        self.pings.pop_front()
    }

    /// Whether [`Self::write`] has something to do.
    pub(super) fn has_work(&self) -> bool {
        !self.flushed || !self.out.is_empty()
    }

    /// Writes some of what waits. Cancel-safe.
    pub(super) async fn write(&mut self) -> Result<(), Lost> {
        if self.out.is_empty() {
            self.socket.flush().await?;
            self.flushed = true;
            return Ok(());
        }
        self.flushed = false;
        let written = self.socket.write(&self.out).await?;
        if written == 0 {
            return Err(Lost::Io(std::io::ErrorKind::WriteZero.into()));
        }
        self.out.advance(written);
        if self.out.is_empty() && self.out.capacity() > OUT_BYTES {
            self.out = BytesMut::new();
        }
        Ok(())
    }
}
