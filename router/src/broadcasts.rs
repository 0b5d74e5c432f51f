//! Broadcasts: which have begun, and how far each is, as the gateways' shards say. A state machine without io.
//!
//! ```text
//! begin ─► told on `everyone` ─► each shard reports: at once, each second, at its end ─► state
//! ```
//!
//! **Guarantees.** One is under way at a time, as far as its owner knows. The id of one that this owner has begun begins nothing,
//! unless no shard has said a word of it.
//!
//! **Does not** outlive its owner: the next one learns what shards report to it from then on. Asked for again, it is told again
//! then, which makes every shard report, and tells nobody twice: shards know what they have told.
//!
//! **Limits.** [`KNOWN_MAX`] broadcasts, [`SHARDS_MAX`] shards of each.

use std::collections::VecDeque;

use hashbrown::HashMap;
use proto::broadcast::{BroadcastReport, BroadcastState};
use proto::{ClientMessageId, NodeId, Timestamp};

use crate::turn::Now;

/// Broadcasts that are remembered. The oldest is forgotten first.
const KNOWN_MAX: usize = 64;
/// Shards that are counted for one broadcast; others are not seen in its state.
const SHARDS_MAX: usize = 1_024;
/// By then every shard that heard of it has said so.
const SETTLED_MS: u64 = 2_000;
/// A shard that tells and is silent for so long is gone.
const SILENT_MS: u64 = 5_000;
/// Reports closer to each other say nothing of how fast it goes.
const RATE_OVER_MS: u64 = 200;
/// Advice to who comes while another is told, in milliseconds.
const RETRY_MS: std::ops::RangeInclusive<u64> = 1_000..=60_000;

/// See the module.
#[derive(Default)]
pub struct Broadcasts {
    /// The newest last.
    known: VecDeque<Known>,
}

/// What a begin comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// It is to be told.
    Tell,
    /// It is being told, or was.
    Known,
    /// Another is under way.
    Busy {
        /// When to try again.
        retry_after_ms: u32,
    },
}

struct Known {
    id: ClientMessageId,
    begun: Timestamp,
    /// Since when it is known here.
    since_ms: u64,
    /// From the shards alone: those that had ended before have said nothing here.
    is_learned: bool,
    shards: HashMap<NodeId, Shard>,
}

#[derive(Clone, Copy)]
struct Shard {
    report: BroadcastReport,
    heard: Now,
    per_second: u64,
}

impl Broadcasts {
    /// Somebody wants to begin one.
    pub fn begin(&mut self, id: ClientMessageId, now: Now) -> Begin {
        if let Some(known) = self.known.iter_mut().find(|known| known.id == id) {
            let is_learned = std::mem::replace(&mut known.is_learned, false);
            return if is_learned || known.is_unheard(now) { Begin::Tell } else { Begin::Known };
        }
        if let Some(other) = self.known.iter().find(|known| !known.has_ended(now)) {
            return Begin::Busy { retry_after_ms: retry_after_ms(&other.state(now)) };
        }
        self.remember(Known::new(id, now.wall, now));
        Begin::Tell
    }

    /// A shard says how far it is. What is not known was begun by an owner before this one.
    pub fn report(&mut self, node: NodeId, report: BroadcastReport, now: Now) {
        let at = match self.known.iter().position(|known| known.id == report.id) {
            Some(at) => at,
            None => self.remember(Known { is_learned: true, ..Known::new(report.id, report.begun, now) }),
        };
        let known = &mut self.known[at];
        known.begun = known.begun.min(report.begun);
        let room = known.shards.len() < SHARDS_MAX;
        match known.shards.get_mut(&node) {
            Some(shard) => shard.hear(report, now),
            None if room => {
                known.shards.insert(node, Shard { report, heard: now, per_second: 0 });
            }
            None => {}
        }
    }

    /// How far it is; `None` for one that is not known.
    pub fn state(&self, id: ClientMessageId, now: Now) -> Option<BroadcastState> {
        self.known.iter().find(|known| known.id == id).map(|known| known.state(now))
    }

    /// Gives its place.
    fn remember(&mut self, known: Known) -> usize {
        if self.known.len() >= KNOWN_MAX {
            self.known.pop_front();
        }
        self.known.push_back(known);
        self.known.len() - 1
    }
}

impl Known {
    fn new(id: ClientMessageId, begun: Timestamp, now: Now) -> Self {
        Self { id, begun, since_ms: now.steady_ms, is_learned: false, shards: HashMap::new() }
    }

    fn is_settled(&self, now: Now) -> bool {
        now.steady_ms >= self.since_ms + SETTLED_MS
    }

    /// Nobody said a word of it: it was lost on its way.
    fn is_unheard(&self, now: Now) -> bool {
        self.shards.is_empty() && self.is_settled(now)
    }

    fn has_ended(&self, now: Now) -> bool {
        self.is_settled(now) && !self.shards.values().any(|shard| shard.is_telling(now))
    }

    fn state(&self, now: Now) -> BroadcastState {
        let sum = |of: fn(&Shard) -> u64| self.shards.values().map(of).fold(0, u64::saturating_add);
        let telling = |is: bool| self.shards.values().filter(move |shard| shard.is_telling(now) == is);
        let left = |is| telling(is).map(|shard| shard.report.left).fold(0, u64::saturating_add);
        let last_heard = self.shards.values().map(|shard| shard.heard.wall).max();
        let per_second = telling(true).map(|shard| shard.per_second).fold(0, u64::saturating_add);
        BroadcastState {
            id: self.id,
            begun: self.begun,
            shards: u32::try_from(self.shards.len()).unwrap_or(u32::MAX),
            told: sum(|shard| shard.report.told),
            missed: sum(|shard| shard.report.missed),
            left: left(true),
            lost: left(false),
            per_second: u32::try_from(per_second).unwrap_or(u32::MAX),
            ended: self.has_ended(now).then(|| last_heard.unwrap_or(self.begun)),
        }
    }
}

impl Shard {
    /// It says more, and is there to say more.
    fn is_telling(&self, now: Now) -> bool {
        self.report.left > 0 && now.steady_ms < self.heard.steady_ms + SILENT_MS
    }

    fn hear(&mut self, report: BroadcastReport, now: Now) {
        let passed_ms = now.steady_ms.saturating_sub(self.heard.steady_ms);
        if passed_ms < RATE_OVER_MS && report.left > 0 {
            return;
        }
        let reached = |report: &BroadcastReport| report.told.saturating_add(report.missed);
        let more = reached(&report).saturating_sub(reached(&self.report));
        self.per_second = more.saturating_mul(1_000) / passed_ms.max(1);
        // The last word is repeated until it is answered: it came to its end the first time.
        if self.report.left > 0 || report.left > 0 {
            self.heard = now;
        }
        self.report = report;
    }
}

/// When it may be over.
fn retry_after_ms(state: &BroadcastState) -> u32 {
    let left_ms = state.left.saturating_mul(1_000) / u64::from(state.per_second.max(1));
    u32::try_from(left_ms.clamp(*RETRY_MS.start(), *RETRY_MS.end())).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
