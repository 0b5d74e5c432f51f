//! How many commands may wait in a worker, and whose: what bounds the time that they wait, and shares it.
//!
//! How long the last in a line waits is the length of the line over the pace at which it is served. So the line is as long as
//! what is served in the time that a command may wait, at the pace that the worker was last seen to keep.
//!
//! ```text
//! limit = pace x wait        room = limit - all that wait        admitted: who has fewer waiting than there is room
//! ```
//!
//! With n senders who all want more, each has 1/(n + 1) of the line, and as much stays free for whoever comes; one alone has
//! half of it (dynamic thresholds: Choudhury and Hahne, IEEE/ACM Transactions on Networking 6(2), 1998).
//!
//! **Guarantees.** Who has most waiting is refused first. While fewer senders wait than there are places, one with nothing waiting
//! is admitted. An idle worker refuses nobody who sends less than half of [`Admission::USUAL_PACE`] at once.
//!
//! **Does not** look at a clock, or take back what it admitted.
//!
//! **Limits.** [`AdmissionRules`]. One number for each sender with something waiting.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use hashbrown::HashMap;
use hashbrown::hash_map::Entry;
use proto::UserId;

/// Over so many milliseconds the pace is measured.
const WINDOW_MS: u64 = 250;
/// So many may always wait, however slow it goes: one batch of one conversation.
const LIMIT_MIN: usize = proto::limits::APPEND_ENTRIES_MAX;
/// Bounds of the advice, in milliseconds.
const ADVICE_MS: (u64, u64) = (50, 5_000);

/// Settings.
#[derive(Clone, Copy, Debug)]
pub struct AdmissionRules {
    /// How long commands may wait, in milliseconds.
    pub wait_ms: u64,
    /// How many may wait, however fast it goes.
    pub waiting_max: usize,
}

/// Whose command it is: a hash of the user, so that nothing is copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Sender(u64);

impl Sender {
    /// The same for all sessions of a user, in every process and run.
    pub fn of(user: &UserId) -> Self {
        let mut hasher = DefaultHasher::new();
        user.hash(&mut hasher);
        Self(hasher.finish())
    }
}

/// The line of one worker: all commands in its conversations that are not answered, the store's share of the time included. See the
/// module.
#[derive(Debug)]
pub struct Admission {
    rules: AdmissionRules,
    waiting: usize,
    senders: HashMap<Sender, usize>,
    /// Commands a second.
    pace: u64,
    limit: usize,
    /// Of the window: when it began, what was served, and the fewest that waited after a turn.
    since_ms: u64,
    served: u64,
    fewest: usize,
}

impl Admission {
    /// Commands a second that a worker is taken to serve while nothing says otherwise.
    pub const USUAL_PACE: u64 = 4_000;

    /// An empty line.
    pub fn new(rules: AdmissionRules) -> Self {
        let mut admission = Self {
            rules,
            waiting: 0,
            senders: HashMap::new(),
            pace: Self::USUAL_PACE,
            limit: 0,
            since_ms: 0,
            served: 0,
            fewest: 0,
        };
        admission.set_limit();
        admission
    }

    /// How many wait.
    pub fn waiting(&self) -> usize {
        self.waiting
    }

    /// How many may.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// How many places are free.
    pub fn room(&self) -> usize {
        self.limit.saturating_sub(self.waiting)
    }

    /// Takes a command of the sender into the line if it has fewer waiting than there is `room`.
    #[must_use]
    pub fn admit(&mut self, sender: Sender, room: usize) -> bool {
        let admits = match self.senders.entry(sender) {
            Entry::Occupied(mut own) => {
                let admits = *own.get() < room;
                *own.get_mut() += usize::from(admits);
                admits
            }
            Entry::Vacant(none) => {
                if room > 0 {
                    none.insert(1);
                }
                room > 0
            }
        };
        self.waiting += usize::from(admits);
        admits
    }

    /// One that waited is answered.
    pub fn serve(&mut self, sender: Sender) {
        self.served += 1;
        self.leave(sender);
    }

    /// One that waited leaves without its turn.
    pub fn leave(&mut self, sender: Sender) {
        self.waiting = self.waiting.saturating_sub(1);
        if let Entry::Occupied(mut own) = self.senders.entry(sender) {
            *own.get_mut() -= 1;
            if *own.get() == 0 {
                own.remove();
            }
        }
    }

    /// When to come again: half of what waits is served by then, at the present pace.
    pub fn retry_after_ms(&self) -> u32 {
        let half_ms = self.waiting as u64 * 500 / self.pace.max(1);
        u32::try_from(half_ms.clamp(ADVICE_MS.0, ADVICE_MS.1)).unwrap_or(u32::MAX)
    }

    /// A turn has ended: measures the pace.
    ///
    /// What is served is the pace of the worker only while it cannot keep up: while some always wait, and the last of them for a
    /// good part of the time that it may. Otherwise it is the pace at which commands come, and says only that the worker keeps it.
    pub fn turn_ended(&mut self, now_ms: u64) {
        self.fewest = self.fewest.min(self.waiting);
        let elapsed_ms = now_ms.saturating_sub(self.since_ms);
        if elapsed_ms < WINDOW_MS {
            return;
        }
        let measured = self.served * 1_000 / elapsed_ms;
        let is_behind = self.fewest as u64 * 4_000 > measured * self.rules.wait_ms;
        self.pace = match is_behind {
            true => (self.pace + measured) / 2,
            false => self.pace.max(measured).max(Self::USUAL_PACE),
        };
        self.set_limit();
        (self.since_ms, self.served, self.fewest) = (now_ms, 0, self.waiting);
    }

    fn set_limit(&mut self) {
        let limit = self.pace.saturating_mul(self.rules.wait_ms) / 1_000;
        let max = self.rules.waiting_max;
        self.limit = usize::try_from(limit).unwrap_or(usize::MAX).clamp(LIMIT_MIN.min(max), max);
    }
}

#[cfg(test)]
mod tests;
