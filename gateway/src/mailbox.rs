//! What waits for one socket: whole messages, written together when the socket takes them.
//!
//! ```text
//! push ──fits──► queue ──► write                  full: signals leave,
//!   └──event that does not fit──► lagging         events become "this conversation moved",
//!                                   └─ queue drained ──► heads (and resync), and on as before
//! ```
//!
//! **Guarantees.** Messages leave whole and in order; only a signal takes the place of an earlier one about the same
//! thing. Signals are the first to go. No event is dropped without a `head` of its conversation, or one `resync` for
//! all of them, being owed; the debt is paid when the queue has drained, or the socket is closed. Messages that are kept
//! nowhere, those of live rooms, may be dropped, and how many were is told.
//!
//! **Does not** know sockets, sessions or clocks.
//!
//! **Limits.** [`MailboxLimits`]. Signals, and messages that are kept nowhere, may fill half of a mailbox. Replies, which answer a bounded number of commands,
//! may take [`REPLY_SHARE`] times the bytes of pushed frames; one that still does not fit is dropped, its client asks
//! again, and `resync` is owed. When all mailboxes of a shard together hold what they may, nothing more waits for a client
//! that does not read; who reads does not notice. An empty mailbox is one word.

mod carried;
mod coalesced;
mod lag;
mod pool;
mod queue;
mod signal;

pub(crate) use coalesced::Coalesced;
pub(crate) use lag::{Lag, Missed};
pub(crate) use pool::Pool;
pub(crate) use signal::{SignalKey, SignalKeys};

use bytes::Bytes;
use proto::delivery::Class;
use proto::{ConversationId, Seq};

use crate::config::MailboxLimits;
use crate::wheel::Tick;
use queue::Queue;

/// How many times the bytes of pushed frames may wait when replies are among them.
pub const REPLY_SHARE: u32 = 4;

/// See the module.
#[derive(Default)]
pub(crate) struct Mailbox(Option<Box<Queue>>);

/// What became of a pushed message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pushed {
    /// It waits to be written.
    Queued,
    /// It waits in the place of an earlier one that it outdates.
    Replaced,
    /// It did not fit and need not be told.
    Dropped,
    /// It did not fit and is nowhere else; how many there were like it is owed.
    Missed,
    /// It did not fit; what it said is owed. `began` when the mailbox was not lagging before.
    Owed { began: bool },
}

/// What the socket did when it was last written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taking {
    /// It took everything: what is queued now leaves within the turn.
    All,
    /// It was full; what is queued now waits until the client reads.
    Nothing,
}

/// A message that a router published.
pub(crate) struct Published<'a> {
    pub(crate) frame: &'a Bytes,
    pub(crate) class: Class,
    pub(crate) conversation: &'a ConversationId,
    pub(crate) seq: Seq,
    /// Of a signal: what it is about.
    pub(crate) signal: Option<SignalKey>,
    pub(crate) taking: Taking,
}

impl Mailbox {
    /// Nothing waits and nothing is owed.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Bytes that wait.
    pub(crate) fn bytes(&self) -> u32 {
        self.0.as_ref().map_or(0, |queue| queue.bytes)
    }

    /// Whether it should be written before more is pushed: a fan-out of many frames must not fill the mailbox of a
    /// client that would take them.
    pub(crate) fn is_quarter_full(&self, limits: &MailboxLimits) -> bool {
        self.0.as_ref().is_some_and(|queue| {
            queue.bytes > limits.bytes_max / 4 || queue.frames_count() > limits.frames_max / 4
        })
    }

    /// Since when it is lagging.
    pub(crate) fn lagging_since(&self) -> Option<Tick> {
        self.0.as_ref().and_then(|queue| queue.lag.as_ref()).map(|lag| lag.since)
    }

    /// Since when nothing was taken off, while something waits.
    pub(crate) fn unmoved_since(&self) -> Option<Tick> {
        self.0.as_ref().filter(|queue| !queue.frames.is_empty()).map(|queue| queue.moved)
    }

    /// Queues a published message, or notes what it said.
    pub(crate) fn publish(
        &mut self,
        pool: &mut Pool,
        limits: &MailboxLimits,
        now: Tick,
        message: &Published<'_>,
    ) -> Pushed {
        let pushed = self.counted(pool, |queue, pool| match message.class {
            Class::Live => publish_live(queue, pool, limits, now, message),
            Class::Signal => publish_signal(queue, pool, limits, now, message),
            Class::Event | Class::Receipt => publish_lasting(queue, pool, limits, now, message),
        });
        if pushed == Pushed::Dropped {
            self.clear_if_idle(pool);
        }
        pushed
    }

    /// Queues what everybody is told and nobody keeps; where there is no room, it is dropped.
    pub(crate) fn announce(
        &mut self,
        pool: &mut Pool,
        limits: &MailboxLimits,
        now: Tick,
        taking: Taking,
        frame: &Bytes,
    ) -> Pushed {
        let push = |queue: &mut Queue, pool: &mut Pool| {
            push_before_signals(queue, pool, limits, now, (frame, taking))
        };
        if self.counted(pool, push) {
            return Pushed::Queued;
        }
        self.clear_if_idle(pool);
        Pushed::Dropped
    }

    /// Queues a message for this session alone: a reply, or what the gateway itself has to say.
    pub(crate) fn reply(
        &mut self,
        pool: &mut Pool,
        limits: &MailboxLimits,
        now: Tick,
        taking: Taking,
        frame: Bytes,
    ) -> Pushed {
        let bytes_max = limits.bytes_max.saturating_mul(REPLY_SHARE);
        self.counted(pool, |queue, pool| {
            // One message alone always fits: a page may be larger than a small mailbox.
            let fits = |queue: &Queue, pool: &Pool| {
                queue.frames.is_empty()
                    || pool.has_room(taking) && queue.fits(&frame, bytes_max, limits.frames_max)
            };
            if !fits(queue, pool) {
                pool.signals_dropped += queue.drop_signals();
            }
            if !fits(queue, pool) {
                return owe(queue, now, |lag| lag.resync = true);
            }
            queue.push(now, frame);
            Pushed::Queued
        })
    }

    /// Queues the close frame as the last message. With `at_once` what waits and was not begun is left out.
    pub(crate) fn close(&mut self, pool: &mut Pool, now: Tick, frame: Bytes, at_once: bool) {
        self.counted(pool, |queue, _| {
            queue.lag = None;
            if at_once {
                queue.keep_only_begun();
            }
            queue.push(now, frame);
        });
    }

    /// Changes the queue, which is taken from the pool if there is none, and counts its bytes there.
    fn counted<T>(&mut self, pool: &mut Pool, change: impl FnOnce(&mut Queue, &mut Pool) -> T) -> T {
        let queue = self.0.get_or_insert_with(|| pool.take());
        let before = queue.bytes;
        let changed = change(queue, pool);
        pool.recount(before, queue.bytes);
        changed
    }

    /// What to write next: whole messages, but for the rest of one of which a part was written.
    pub(crate) fn to_write<'a>(&'a self, coalesced: &'a mut Coalesced) -> &'a [u8] {
        self.0.as_ref().map_or(&[], |queue| coalesced.first_of(&queue.frames))
    }

    /// Takes off what was written. When nothing waits any more, gives what is owed.
    pub(crate) fn advance(&mut self, pool: &mut Pool, now: Tick, written: usize) -> Option<Box<Lag>> {
        let queue = self.0.as_mut()?;
        let before = queue.bytes;
        let drained = queue.take_written(now, written);
        pool.recount(before, queue.bytes);
        if !drained {
            return queue.missed.worth_telling().then(|| Lag::missing(now, &mut queue.missed));
        }
        let mut lag = queue.lag.take();
        if !queue.missed.is_empty() {
            lag.get_or_insert_with(|| Box::new(Lag::begin(now))).missed = queue.missed.take();
        }
        self.clear(pool);
        lag
    }

    /// Gives an empty queue back that owes nothing.
    fn clear_if_idle(&mut self, pool: &mut Pool) {
        let is_idle =
            |queue: &Queue| queue.frames.is_empty() && queue.lag.is_none() && queue.missed.is_empty();
        if self.0.as_deref().is_some_and(is_idle) {
            self.clear(pool);
        }
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self, pool: &mut Pool) {
        if let Some(queue) = self.0.take() {
            pool.give_back(queue);
        }
    }
}

/// An event or a receipt: has room before all signals, and is owed where there is none.
fn publish_lasting(
    queue: &mut Queue,
    pool: &mut Pool,
    limits: &MailboxLimits,
    now: Tick,
    message: &Published<'_>,
) -> Pushed {
    if push_before_signals(queue, pool, limits, now, (message.frame, message.taking)) {
        return Pushed::Queued;
    }
    if message.class == Class::Receipt {
        return owe(queue, now, |lag| lag.resync = true);
    }
    owe(queue, now, |lag| lag.note(message.conversation, message.seq, limits))
}

/// Queues a message for which signals leave; not where the mailbox lags. Tells whether there was room.
fn push_before_signals(
    queue: &mut Queue,
    pool: &mut Pool,
    limits: &MailboxLimits,
    now: Tick,
    (frame, taking): (&Bytes, Taking),
) -> bool {
    if queue.lag.is_some() {
        return false;
    }
    let fits = |queue: &Queue, pool: &Pool| {
        queue.fits(frame, limits.bytes_max, limits.frames_max)
            && (queue.frames.is_empty() || pool.has_room(taking))
    };
    if !fits(queue, pool) {
        pool.signals_dropped += queue.drop_signals();
    }
    let fits = fits(queue, pool);
    if fits {
        queue.push(now, frame.clone());
    }
    fits
}

/// A signal: takes the place of the one it outdates, or half of the mailbox at most.
fn publish_signal(
    queue: &mut Queue,
    pool: &Pool,
    limits: &MailboxLimits,
    now: Tick,
    message: &Published<'_>,
) -> Pushed {
    if queue.lag.is_some() {
        return Pushed::Dropped;
    }
    let bytes_max = limits.bytes_max / 2;
    if message.signal.is_some_and(|key| queue.replace_signal(key, message.frame, bytes_max)) {
        return Pushed::Replaced;
    }
    let fits = queue.fits(message.frame, bytes_max, limits.frames_max)
        && (queue.frames.is_empty() || pool.has_room(message.taking));
    if fits && queue.push_signal(now, message.signal, message.frame.clone()) {
        Pushed::Queued
    } else {
        Pushed::Dropped
    }
}

/// A message that is kept nowhere: half of the mailbox at most, and counted where there is no room.
fn publish_live(
    queue: &mut Queue,
    pool: &Pool,
    limits: &MailboxLimits,
    now: Tick,
    message: &Published<'_>,
) -> Pushed {
    let fits = queue.fits(message.frame, limits.bytes_max / 2, limits.frames_max / 2)
        && (queue.frames.is_empty() || pool.has_room(message.taking));
    if queue.lag.is_none() && fits {
        queue.push(now, message.frame.clone());
        Pushed::Queued
    } else {
        queue.missed.note(message.conversation);
        Pushed::Missed
    }
}

fn owe(queue: &mut Queue, now: Tick, note: impl FnOnce(&mut Lag)) -> Pushed {
    let began = queue.lag.is_none();
    note(queue.lag.get_or_insert_with(|| Box::new(Lag::begin(now))));
    Pushed::Owed { began }
}

#[cfg(test)]
mod tests;
