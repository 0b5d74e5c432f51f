//! From mailboxes to sockets: directly from whoever filled them, or by the connection's task once a full socket takes
//! more.

use std::io::ErrorKind;

use bytes::Bytes;
use proto::server_frame::Head;
use proto::{Encoding, Seq, ServerFrame};

use super::Shard;
use super::timers::arm;
use crate::mailbox::{Coalesced, Lag, Pool, Pushed};
use crate::metrics::Tally;
use crate::session::{Flags, Session, SessionKey};
use crate::wheel::Tick;

/// Notes that a session has something to write.
pub(super) fn mark_dirty(dirty: &mut Vec<u32>, session: &mut Session, slot: u32) {
    if !session.flags.has(Flags::DIRTY) && !session.flags.has(Flags::BLOCKED) {
        session.flags.set(Flags::DIRTY);
        dirty.push(slot);
    }
}

/// Counts what became of a message.
pub(super) fn count_push(tally: &mut Tally, pushed: Pushed) {
    match pushed {
        Pushed::Queued => tally.frames_queued += 1,
        Pushed::Replaced => tally.signals_replaced += 1,
        Pushed::Dropped => tally.signals_dropped += 1,
        Pushed::Missed => tally.live_missed += 1,
        Pushed::Owed { began } => {
            tally.owed += 1;
            tally.lagging += u64::from(began);
        }
    }
}

/// How a flush of one session ended.
enum Flushed {
    All,
    Blocked,
    Broken,
    Owing(Box<Lag>),
}

impl Shard {
    pub(super) fn mark_dirty(&mut self, key: SessionKey) {
        if let Some(session) = self.sessions.get_mut(key) {
            mark_dirty(&mut self.dirty, session, key.slot);
        }
    }

    /// After a message was put into a mailbox.
    pub(super) fn after_push(&mut self, key: SessionKey, pushed: Pushed) {
        count_push(&mut self.tally, pushed);
        let Some(session) = self.sessions.get_mut(key) else { return };
        if pushed == (Pushed::Owed { began: true }) {
            let due = self.clock.tick().after(self.config.mailbox.lagging_timeout);
            arm(&mut self.wheel, session, key, due);
        }
        mark_dirty(&mut self.dirty, session, key.slot);
    }

    /// Writes the mailboxes of at most `sessions` sessions. Tells whether there are more.
    pub(super) fn flush_some(&mut self, sessions: usize) -> bool {
        for _ in 0..sessions {
            let Some(slot) = self.dirty.pop() else { break };
            if let Some(key) = self.sessions.key_at(slot) {
                self.flush_if_dirty(key);
            }
        }
        let more = !self.dirty.is_empty();
        if !more {
            self.coalesced.clear();
        }
        more
    }

    /// Writes the mailbox of one session, if something was put into it.
    pub(super) fn flush_if_dirty(&mut self, key: SessionKey) {
        let Some(session) = self.sessions.get_mut(key) else { return };
        if session.flags.has(Flags::DIRTY) {
            session.flags.clear(Flags::DIRTY);
            self.flush(key);
        }
    }

    /// Writes all mailboxes that have something.
    pub(super) fn flush_dirty(&mut self) {
        while self.flush_some(usize::MAX) {}
    }

    /// Writes what the socket takes.
    pub(super) fn flush(&mut self, key: SessionKey) {
        loop {
            let Some(session) = self.sessions.get_mut(key) else { return };
            if session.flags.has(Flags::BLOCKED) {
                return;
            }
            match write(session, &mut self.coalesced, &mut self.pool, &mut self.tally, self.clock.tick()) {
                Flushed::All => {
                    // Reading may have waited for the mailbox to drain.
                    if session.flags.has(Flags::PAUSED) {
                        session.wake();
                    }
                    return self.finish_close(key);
                }
                Flushed::Broken => return self.on_peer_gone(key),
                Flushed::Owing(lag) => self.pay(key, &lag),
                Flushed::Blocked => {
                    self.tally.writes_blocked += 1;
                    session.flags.set(Flags::BLOCKED);
                    session.wake();
                    // From here on the client must take something, or it is too slow.
                    return self.arm_next(key);
                }
            }
        }
    }

    /// The mailbox has drained, or much was lost: tells what was left out.
    fn pay(&mut self, key: SessionKey, lag: &Lag) {
        let Some(encoding) = self.sessions.get(key).map(|session| session.encoding) else { return };
        for (conversation, seq) in &lag.dirty {
            let head = Head::of(conversation.clone(), *seq);
            self.tell(key, ServerFrame::Head(head).encode_message(encoding));
        }
        for (conversation, missed) in &lag.missed.0 {
            let head = Head { missed: *missed, ..Head::of(conversation.clone(), Seq::ZERO) };
            self.tell(key, ServerFrame::Head(head).encode_message(encoding));
        }
        if lag.resync {
            self.tell(key, resync(encoding));
        }
    }
}

/// The frame that says that deliveries may have been missed.
pub(super) fn resync(encoding: Encoding) -> Bytes {
    ServerFrame::Resync.encode_message(encoding)
}

fn write(
    session: &mut Session,
    coalesced: &mut Coalesced,
    pool: &mut Pool,
    tally: &mut Tally,
    now: Tick,
) -> Flushed {
    while !session.mailbox.is_empty() {
        let bytes = session.mailbox.to_write(coalesced);
        let written = if bytes.is_empty() {
            0
        } else {
            let tried = match session.waker {
                Some(_) => session.stream.try_write(bytes),
                None => session.stream.try_write_new(bytes),
            };
            match tried {
                Ok(0) => return Flushed::Broken,
                Ok(written) => {
                    tally.writes += 1;
                    written
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Flushed::Blocked,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(_) => return Flushed::Broken,
            }
        };
        tally.sent_bytes += written as u64;
        if let Some(lag) = session.mailbox.advance(pool, now, written) {
            return Flushed::Owing(lag);
        }
    }
    // What was encrypted and not taken belongs to messages that are gone from the mailbox.
    match session.stream.try_flush() {
        Ok(()) => Flushed::All,
        Err(error) if error.kind() == ErrorKind::WouldBlock => Flushed::Blocked,
        Err(_) => Flushed::Broken,
    }
}
