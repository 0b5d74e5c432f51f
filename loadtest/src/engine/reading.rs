//! What sockets receive: whole frames go to the driver and to whoever listens, the rest is kept.

use std::io;

use anyhow::{Context as _, anyhow};

use super::{Listener, SLOW_EVERY, Sockets};
use crate::clock::{Nanos, SECOND};
use crate::wire::frame::{self, Kind};
use crate::wire::heard::Heard;

impl Sockets {
    pub(super) fn writable(&mut self, who: usize) -> anyhow::Result<()> {
        let connection = &mut self.connections[who];
        if let Some(error) = connection.failure() {
            return self.fail(who, anyhow!("connection {who} could not be opened: {error}"));
        }
        connection.flush();
        Ok(())
    }

    /// Reads until the socket is empty.
    pub(super) fn readable(&mut self, who: usize, listener: &mut impl Listener) -> anyhow::Result<()> {
        if self.connections[who].slow && self.connections[who].is_ready() {
            return Ok(());
        }
        while self.read_once(who, usize::MAX, listener)? {}
        Ok(())
    }

    /// What slow readers read in the time since they last did.
    pub(super) fn read_slowly(&mut self, listener: &mut impl Listener) -> anyhow::Result<()> {
        let now = self.clock.now();
        let passed = now.saturating_sub(self.slow_read_at);
        if self.slow.is_empty() || passed < SLOW_EVERY {
            return Ok(());
        }
        self.slow_read_at = now;
        for index in 0..self.slow.len() {
            let (who, rate) = self.slow[index];
            let bytes = (u128::from(rate) * u128::from(passed.min(SECOND)) / u128::from(SECOND)) as usize;
            if bytes > 0 && self.connections[who].is_ready() {
                self.read_once(who, bytes, listener)?;
            }
        }
        Ok(())
    }

    /// Reads at most so many bytes; `true` when there may be more.
    fn read_once(&mut self, who: usize, most: usize, listener: &mut impl Listener) -> anyhow::Result<bool> {
        let connection = &mut self.connections[who];
        if connection.is_closed() {
            return Ok(false);
        }
        let kept = connection.take_rest(&mut self.buffer);
        let end = self.buffer.len().min(kept.saturating_add(most));
        let read = connection.read(&mut self.buffer[kept..end]);
        let at = self.clock.now();
        let length = match read {
            Ok(0) => return self.closed(who, kept).map(|()| false),
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                connection.keep_rest(&self.buffer[..kept]);
                return Ok(false);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                connection.keep_rest(&self.buffer[..kept]);
                return Ok(true);
            }
            Err(error) if error.kind() == io::ErrorKind::InvalidData && connection.upgrade().is_some() => {
                return self
                    .fail(who, anyhow!(error).context("opening a connection with TLS"))
                    .map(|()| false);
            }
            Err(_) => return self.closed(who, 0).map(|()| false),
        };
        self.tally.reads += 1;
        self.tally.received_bytes += length as u64;
        let filled = kept + length;
        let used = match self.handle(at, who, filled, listener) {
            Ok(used) => used,
            Err(error) => return self.fail(who, error).map(|()| false),
        };
        if used == 0 && filled == self.buffer.len() {
            let larger = self.buffer.len() * 2;
            let mut buffer = std::mem::take(&mut self.buffer).into_vec();
            buffer.resize(larger, 0);
            self.buffer = buffer.into_boxed_slice();
        }
        self.connections[who].keep_rest(&self.buffer[used..filled]);
        // Edge-triggered: a read that did not fill the buffer emptied the socket, and what comes later is told.
        Ok(filled == self.buffer.len() || self.connections[who].reads_in_pieces())
    }

    /// Handles the whole frames among the first `filled` bytes of the buffer; says how many bytes they took.
    fn handle(
        &mut self,
        at: Nanos,
        who: usize,
        filled: usize,
        listener: &mut impl Listener,
    ) -> anyhow::Result<usize> {
        let Self { connections, buffer, driver, users, places, tally, refused, .. } = self;
        let (connection, user, place) = (&mut connections[who], &users[who], places.of(who));
        let mut used = 0;
        if let Some(upgrade) = connection.upgrade() {
            match upgrade.answer(&buffer[..filled]).context("opening a connection")? {
                Some(taken) => used = taken,
                None => return Ok(0),
            }
            connection.upgraded();
            connection.note((place, user), None, &mut **driver, at)?;
        }
        while let Some((kind, start, end)) = frame::parse(&buffer[used..filled])? {
            let mut payload = &buffer[used + start..used + end];
            used += end;
            match kind {
                Kind::Message => {
                    while !payload.is_empty() {
                        let (heard, taken) = driver.scan(payload)?;
                        payload = &payload[taken..];
                        if heard == Heard::Call {
                            tally.heartbeats += 1;
                            connection.write(driver.answer());
                        }
                        if let Some(advice) =
                            connection.note((place, user), Some(&heard), &mut **driver, at)?
                        {
                            tally.openings_refused += 1;
                            refused.refused(who, at, advice);
                        }
                        listener.heard(at, who, heard);
                    }
                }
                Kind::Ping => {
                    tally.heartbeats += 1;
                    connection.write(driver.pong(payload));
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
            let answer = upgrade.answer(&self.buffer[..kept]).context("opening a connection");
            let error = answer.err();
            let hung_up = || anyhow!("the server hung up while connection {who} was being opened");
            return self.fail(who, error.unwrap_or_else(hung_up));
        }
        if !connection.is_ready() {
            let code = connection.close_code();
            let error = anyhow!("the server closed connection {who} before it was ready, with code {code:?}");
            return self.fail(who, error);
        }
        connection.close();
        self.tally.closed += 1;
        self.tally.gone += 1;
        Ok(())
    }
}
