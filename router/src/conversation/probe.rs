//! Tail-loss probes: a newest entry whose event was lost leaves no hole behind it, so its head is told again after one
//! second and after five, if it is still the newest (DESIGN §6.8). Until the last of them has left, the conversation stays
//! touched: if its owner dies first, the next one loads it, and tells its head.

use proto::Seq;
use store::mutation::{self, Mutation};

use super::Conversation;
use crate::turn::{Now, Turn};

/// After the entry, in milliseconds.
const PROBES_MS: [u64; 2] = [1_000, 5_000];

/// Which probes of the newest entry are still to come.
#[derive(Default)]
pub struct Probe {
    told_ms: u64,
    left: u8,
    /// When the last one was.
    last_ms: u64,
}

impl Probe {
    /// There is a new newest entry.
    pub fn told(&mut self, now: Now) {
        self.told_ms = now.steady_ms;
        self.left = 2;
    }

    /// When the next one is.
    pub fn due(&self) -> Option<u64> {
        let next = PROBES_MS.len().checked_sub(usize::from(self.left))?;
        PROBES_MS.get(next).map(|after| self.told_ms + after)
    }

    /// From when on nothing is left to be told, nor leaves in the same turn; `None` while a probe is to come.
    pub fn over(&self) -> Option<u64> {
        let is_over = self.left == 0 || mutation::is(Mutation::ClearedUntold);
        is_over.then_some(self.last_ms + 1)
    }

    /// Whether it is time; then the next one is the one after.
    fn take(&mut self, now: Now) -> bool {
        let is_due = self.due().is_some_and(|due| due <= now.steady_ms);
        if is_due {
            self.left -= 1;
            self.last_ms = now.steady_ms;
        }
        is_due
    }

    /// Something else is told now.
    pub fn tells(&mut self, now: Now) {
        self.last_ms = now.steady_ms;
    }

    /// The head is told now, and not again.
    fn end(&mut self, now: Now) {
        (self.left, self.last_ms) = (0, now.steady_ms);
    }
}

impl Conversation {
    /// The conversation leaves memory before its probes were due: one now instead.
    pub fn probe_now(&mut self, turn: &mut Turn<'_>) {
        if self.is_serving() && self.is_probing() {
            self.probe.end(turn.now);
            if !mutation::is(Mutation::NoProbe) {
                self.publish_head(turn);
            }
        }
    }

    pub(super) fn probe_head(&mut self, turn: &mut Turn<'_>) {
        if self.is_serving()
            && self.log.head > Seq::ZERO
            && self.probe.take(turn.now)
            && !mutation::is(Mutation::NoProbe)
        {
            self.publish_head(turn);
        }
    }
}
