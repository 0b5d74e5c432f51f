//! What waits for one socket: whole messages, written together when the socket takes them.
//!
//! ```text
//! push ──fits──► queue ──► writev                 full: signals are dropped,
//!   └──event that does not fit──► lagging         events become "this conversation moved",
//!                                   └─ queue drained ──► heads (and resync), and on as before
//! ```
//!
//! **Guarantees.** Messages leave whole and in order. No event is dropped without a `head` of its conversation, or
//! one `resync` for all of them, being owed; the debt is paid when the queue has drained, or the socket is closed.
//!
//! **Does not** know sockets, sessions or clocks.
//!
//! **Limits.** [`MailboxLimits`]. Replies, which answer a bounded number of commands, may take [`REPLY_SHARE`] times
//! the bytes of pushed frames; one that still does not fit is dropped, its client asks again, and `resync` is owed.
//! An empty mailbox is one word.

mod pool;

pub(crate) use pool::Pool;

use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::{Buf as _, Bytes};
use hashbrown::HashMap;
use proto::delivery::Class;
use proto::{ConversationId, Seq};

use crate::config::MailboxLimits;
use crate::wheel::Tick;

/// How many times the bytes of pushed frames may wait when replies are among them.
pub(crate) const REPLY_SHARE: u32 = 4;

/// See the module.
#[derive(Default)]
pub(crate) struct Mailbox(Option<Box<Queue>>);

/// The part that exists only while something waits; taken from and given back to a [`Pool`].
#[derive(Default)]
pub(crate) struct Queue {
    /// What is left of each message; only the first may be partly written.
    frames: VecDeque<Bytes>,
    bytes: u32,
    /// The first message is partly written: its rest must come before anything else.
    begun: bool,
    lag: Option<Box<Lag>>,
}

/// What is owed to a slow reader.
pub(crate) struct Lag {
    /// When it began.
    pub(crate) since: Tick,
    /// Conversations whose events were not queued, and the newest seq of each.
    pub(crate) dirty: HashMap<ConversationId, Seq>,
    /// Something was left out that `dirty` cannot say.
    pub(crate) resync: bool,
}

/// What became of a pushed message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pushed {
    /// It waits to be written.
    Queued,
    /// It did not fit and need not be told.
    Dropped,
    /// It did not fit; what it said is owed. `began` when the mailbox was not lagging before.
    Owed { began: bool },
}

/// A message that a router published.
pub(crate) struct Published<'a> {
    pub(crate) frame: &'a Bytes,
    pub(crate) class: Class,
    pub(crate) conversation: &'a ConversationId,
    pub(crate) seq: Seq,
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
            queue.bytes > limits.bytes_max / 4 || length_of(&queue.frames) > limits.frames_max / 4
        })
    }

    /// Since when it is lagging.
    pub(crate) fn lagging_since(&self) -> Option<Tick> {
        self.0.as_ref().and_then(|queue| queue.lag.as_ref()).map(|lag| lag.since)
    }

    /// Queues a published message, or notes what it said.
    pub(crate) fn publish(
        &mut self,
        pool: &mut Pool,
        limits: &MailboxLimits,
        now: Tick,
        message: &Published<'_>,
    ) -> Pushed {
        let queue = self.0.get_or_insert_with(|| pool.take());
        let bytes_max = match message.class {
            // Signals may fill half of it, so that they never take an event's place.
            Class::Signal => limits.bytes_max / 2,
            Class::Event | Class::Receipt => limits.bytes_max,
        };
        if queue.lag.is_none() && queue.fits(message.frame, bytes_max, limits.frames_max) {
            queue.push(message.frame.clone());
            return Pushed::Queued;
        }
        match message.class {
            Class::Signal => Pushed::Dropped,
            Class::Receipt => queue.owe(now, |lag| lag.resync = true),
            Class::Event => queue.owe(now, |lag| lag.note(message.conversation, message.seq, limits)),
        }
    }

    /// Queues a message for this session alone: a reply, or what the gateway itself has to say.
    pub(crate) fn reply(
        &mut self,
        pool: &mut Pool,
        limits: &MailboxLimits,
        now: Tick,
        frame: Bytes,
    ) -> Pushed {
        let queue = self.0.get_or_insert_with(|| pool.take());
        let bytes_max = limits.bytes_max.saturating_mul(REPLY_SHARE);
        // One message alone always fits: a page may be larger than a small mailbox.
        if queue.frames.is_empty() || queue.fits(&frame, bytes_max, limits.frames_max) {
            queue.push(frame);
            return Pushed::Queued;
        }
        queue.owe(now, |lag| lag.resync = true)
    }

    /// Queues the close frame as the last message. With `at_once` what waits and was not begun is left out.
    pub(crate) fn close(&mut self, pool: &mut Pool, frame: Bytes, at_once: bool) {
        let queue = self.0.get_or_insert_with(|| pool.take());
        queue.lag = None;
        if at_once {
            queue.frames.truncate(usize::from(queue.begun));
            queue.bytes = queue.frames.iter().map(length).sum();
        }
        queue.push(frame);
    }

    /// The messages to write next, as many as `into` has room for.
    pub(crate) fn slices<'a>(&'a self, into: &mut [IoSlice<'a>]) -> usize {
        let Some(queue) = &self.0 else { return 0 };
        let mut filled = 0;
        for (slice, frame) in into.iter_mut().zip(&queue.frames) {
            *slice = IoSlice::new(frame);
            filled += 1;
        }
        filled
    }

    /// Takes off what was written. When nothing waits any more, gives what is owed.
    pub(crate) fn advance(&mut self, pool: &mut Pool, mut written: usize) -> Option<Box<Lag>> {
        let queue = self.0.as_mut()?;
        queue.bytes = queue.bytes.saturating_sub(u32::try_from(written).unwrap_or(u32::MAX));
        while let Some(first) = queue.frames.front_mut() {
            if first.len() > written {
                first.advance(written);
                queue.begun |= written > 0;
                return None;
            }
            written -= first.len();
            queue.frames.pop_front();
            queue.begun = false;
        }
        let lag = queue.lag.take();
        self.clear(pool);
        lag
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self, pool: &mut Pool) {
        if let Some(queue) = self.0.take() {
            pool.give_back(queue);
        }
    }
}

impl Queue {
    fn fits(&self, frame: &Bytes, bytes_max: u32, frames_max: u32) -> bool {
        self.bytes.saturating_add(length(frame)) <= bytes_max && length_of(&self.frames) < frames_max
    }

    fn push(&mut self, frame: Bytes) {
        self.bytes = self.bytes.saturating_add(length(&frame));
        self.frames.push_back(frame);
    }

    fn owe(&mut self, now: Tick, note: impl FnOnce(&mut Lag)) -> Pushed {
        let began = self.lag.is_none();
        note(
            self.lag.get_or_insert_with(|| {
                Box::new(Lag { since: now, dirty: HashMap::default(), resync: false })
            }),
        );
        Pushed::Owed { began }
    }

    fn clear(&mut self) {
        self.frames.clear();
        self.bytes = 0;
        self.begun = false;
        self.lag = None;
    }
}

impl Lag {
    fn note(&mut self, conversation: &ConversationId, seq: Seq, limits: &MailboxLimits) {
        if let Some(newest) = self.dirty.get_mut(conversation) {
            *newest = seq.max(*newest);
        } else if self.dirty.len() < limits.dirty_conversations_max {
            self.dirty.insert(conversation.clone(), seq);
        } else {
            self.resync = true;
        }
    }
}

fn length(frame: &Bytes) -> u32 {
    u32::try_from(frame.len()).unwrap_or(u32::MAX)
}

fn length_of(frames: &VecDeque<Bytes>) -> u32 {
    u32::try_from(frames.len()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
