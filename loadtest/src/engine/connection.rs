//! One socket: what it is waiting for, and the bytes that did not fit.

use std::io;

use anyhow::bail;
use client::handshake::Upgrade;
use mio::net::TcpStream;
use proto::{CloseCode, UserId};

use super::wire::Wire;
use crate::clock::Nanos;
use crate::driver::{Driver, Opening};
use crate::wire::heard::Heard;

/// The most bytes that wait for one socket.
pub const OUT_BYTES_MAX: usize = 1024 * 1024;

/// The kernel's buffer of a slow reader.
const SLOW_BUFFER_BYTES: usize = 4096;

#[derive(Debug)]
enum Phase {
    /// The request is on its way, or waits for the socket to be connected; that may have failed.
    Upgrading(Box<Upgrade>, Option<io::Error>),
    /// A WebSocket; the driver is not satisfied yet, and may have to say this later.
    Syncing(Vec<u8>),
    Ready,
    Closed,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Connection {
    wire: Wire,
    phase: Phase,
    /// The start of a frame whose end has not come.
    rest: Vec<u8>,
    /// What the socket did not take.
    out: Vec<u8>,
    began: Nanos,
    ready_after: Nanos,
    close_code: Option<CloseCode>,
    /// Somebody reads on behalf of it now and then.
    pub slow: bool,
}

impl Connection {
    /// A socket that is being connected; `request` goes out as soon as it is.
    pub(super) fn new(wire: Wire, upgrade: Upgrade, request: Vec<u8>, began: Nanos) -> Self {
        let mut connection = Self {
            wire,
            phase: Phase::Upgrading(Box::new(upgrade), None),
            rest: Vec::new(),
            out: request,
            began,
            ready_after: 0,
            close_code: None,
            slow: false,
        };
        connection.request_at_once();
        connection
    }

    /// A socket to this machine is connected when `connect` returns, although it says that it is not: what can be sent
    /// now needs no turn of its own.
    fn request_at_once(&mut self) {
        if self.wire.tls.is_some() {
            return;
        }
        match (self.wire.write(&self.out), &mut self.phase) {
            (Ok(written), _) => {
                self.out.drain(..written);
            }
            (Err(error), Phase::Upgrading(_, failure)) if error.kind() != io::ErrorKind::WouldBlock => {
                *failure = Some(error);
            }
            (Err(_), _) => {}
        }
    }

    pub(super) fn stream(&mut self) -> &mut TcpStream {
        &mut self.wire.tcp
    }

    /// Why it could not be connected. Once the request is out it is.
    pub(super) fn failure(&mut self) -> Option<io::Error> {
        match &mut self.phase {
            Phase::Upgrading(_, failure) if !self.out.is_empty() => {
                failure.take().or_else(|| self.wire.tcp.take_error().ok().flatten())
            }
            _ => None,
        }
    }

    pub(super) fn upgrade(&self) -> Option<&Upgrade> {
        match &self.phase {
            Phase::Upgrading(upgrade, _) => Some(upgrade),
            _ => None,
        }
    }

    pub(super) fn upgraded(&mut self) {
        self.phase = Phase::Syncing(Vec::new());
    }

    pub(super) fn is_ready(&self) -> bool {
        matches!(self.phase, Phase::Ready)
    }

    /// From connect to the answer of the first sync.
    pub(super) fn ready_after(&self) -> Nanos {
        self.ready_after
    }

    /// Follows the opening of a connection with its number and user; `heard` is `None` at its begin. Gives the advice of a server that
    /// refuses for now.
    pub(super) fn note(
        &mut self,
        (who, user): (usize, &UserId),
        heard: Option<&Heard>,
        driver: &mut dyn Driver,
        at: Nanos,
    ) -> anyhow::Result<Option<u32>> {
        if !matches!(self.phase, Phase::Syncing(_)) {
            return Ok(None);
        }
        match driver.opening(who, user, heard) {
            Opening::Wait => {}
            Opening::Say(frame) => {
                self.write(frame);
            }
            Opening::Ready => {
                self.phase = Phase::Ready;
                self.ready_after = at.saturating_sub(self.began);
            }
            Opening::SayLater(retry_after_ms, frame) => {
                self.phase = Phase::Syncing(frame.to_vec());
                return Ok(Some(retry_after_ms));
            }
            Opening::Refused(code) => bail!("the server refused connection {who} with {code}"),
        }
        Ok(None)
    }

    /// Says what had to wait, if the driver is not satisfied yet.
    pub(super) fn say_now(&mut self) {
        if let Phase::Syncing(later) = &mut self.phase {
            let frame = std::mem::take(later);
            self.write(&frame);
        }
    }

    /// Ends the socket without a word.
    pub(super) fn hang_up(&mut self) {
        // One that is gone already needs no end.
        let _ = self.wire.tcp.shutdown(std::net::Shutdown::Both);
        self.phase = Phase::Closed;
        (self.rest, self.out) = (Vec::new(), Vec::new());
    }

    /// What a large buffer of the kernel takes, nobody has read.
    pub(super) fn shrink_buffer(&self) {
        // A kernel that refuses makes slow readers a little faster.
        let _ = socket2::SockRef::from(&self.wire.tcp).set_recv_buffer_size(SLOW_BUFFER_BYTES);
    }

    /// Writes now what the socket takes and keeps the rest; `false` when too much waits already.
    pub(super) fn write(&mut self, frame: &[u8]) -> bool {
        if self.is_closed() {
            return false;
        }
        if !self.out.is_empty() {
            if self.out.len() + frame.len() > OUT_BYTES_MAX {
                return false;
            }
            self.out.extend_from_slice(frame);
            return true;
        }
        let written = match self.wire.write(frame) {
            Ok(written) => written,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            // The reading side will notice that the socket is gone.
            Err(_) => return false,
        };
        self.out.extend_from_slice(&frame[written..]);
        true
    }

    /// Writes what waits, as far as the socket takes it.
    pub(super) fn flush(&mut self) {
        while !self.out.is_empty() {
            match self.wire.write(&self.out) {
                Ok(written) => {
                    self.out.drain(..written);
                }
                Err(_) => return,
            }
        }
        // A socket that is gone shows when it is read.
        let _ = self.wire.flush();
        // Thousands of sockets wait idle: none keeps a buffer.
        self.out = Vec::new();
    }

    /// See [`Wire::reads_in_pieces`].
    pub(super) fn reads_in_pieces(&self) -> bool {
        self.wire.reads_in_pieces()
    }

    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.wire.read(buffer)
    }

    /// Puts the start of a frame at the start of `buffer`; says how long it is.
    pub(super) fn take_rest(&mut self, buffer: &mut [u8]) -> usize {
        let rest = std::mem::take(&mut self.rest);
        buffer[..rest.len()].copy_from_slice(&rest);
        rest.len()
    }

    pub(super) fn keep_rest(&mut self, rest: &[u8]) {
        if !rest.is_empty() {
            self.rest = rest.to_vec();
        }
    }

    pub(super) fn told_close(&mut self, payload: &[u8]) {
        let number = payload.first_chunk().map(|number| u16::from_be_bytes(*number));
        self.close_code = number.and_then(CloseCode::from_number);
    }

    pub(super) fn close_code(&self) -> Option<CloseCode> {
        self.close_code
    }

    pub(super) fn is_closed(&self) -> bool {
        matches!(self.phase, Phase::Closed)
    }

    pub(super) fn close(&mut self) {
        self.phase = Phase::Closed;
    }
}
