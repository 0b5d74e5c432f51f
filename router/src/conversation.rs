//! One conversation of an owned partition: a state machine without io.
//!
//! ```text
//!            begin_load                                told                     command
//!  Waiting ────────────► Loading (L1 ─► L2 ─► L3 ─► L4 ─► verify ─► recover) ─► Serving ──► batch in flight
//!                            ▲ refused, unknown: from L1 │                       │  ▲        append ─► verify ─► told
//!                            └──────────────────────────-┘            bucket full ▼  │
//!                                                                              Rolling (R1 ─► R2 ─► R3)
//! ```
//!
//! Inputs are the methods of [`Conversation`]; effects go into a [`Turn`]. One batch is in flight at most, from its
//! append until it is told, so at most W entries are ever unverified (FENCE A1) and everything is told in seq order
//! (A3). What waits behind it forms the next batch.
//!
//! **Guarantees.** Nothing leaves before [`Told`] says so. A command gets one answer at most; none when its outcome is
//! unknown. A seq is used for one content.
//!
//! **Limits.** [`crate::turn::Rules`]: the queue, the bucket; [`proto::limits`]: the batch.

mod announce;
mod append;
mod change;
mod confirms;
mod decide;
mod fresh;
mod held;
mod line;
mod live;
mod load;
mod log;
mod owed;
mod pair;
mod pending;
mod plain;
mod probe;
mod receipts;
mod roll;
mod view;

use proto::{Command, ConversationId, ConversationKind, Epoch, GroupId, Partition, UserId};

pub use change::{Target, has_changes_after};
pub use fresh::Fresh;
pub use owed::{Flush, Urgency};
pub use receipts::{authors_of, to_authors};
pub use view::View;

use crate::rules::contacts::Pair;
use crate::rules::membership::Group;
use crate::told::Told;
use crate::turn::{Outcome, Turn};
use append::InFlight;
use line::Line;
use live::Recent;
use load::Load;
use log::Log;
use owed::Owed;
use pair::Known;
use pending::Pending;
use plain::Plain;
use probe::Probe;
use receipts::Receipts;
use roll::Roll;

/// See the module.
pub struct Conversation {
    id: ConversationId,
    partition: Partition,
    epoch: Epoch,
    kind: Kind,
    phase: Phase,
    log: Log,
    queue: Line,
    readers: Vec<Command>,
    in_flight: Option<InFlight>,
    owed: Owed,
    probe: Probe,
    receipts: Receipts,
    /// Of a direct conversation: what its two users are to each other.
    known: Known,
    /// Of a pair: that has changed since the direct conversation was told.
    news: bool,
    touched: bool,
    used_ms: u64,
    /// Grows when what the store said of messages may be outdated.
    generation: u64,
    plain: Plain,
    /// For how many seconds entries are kept, as the log says; 0: as configured.
    retention_seconds: u32,
    /// Of a live room that keeps nothing.
    recent: Recent,
}

/// Whose conversation it is.
enum Kind {
    Direct(UserId, UserId),
    Group(GroupId, Group),
    Pair(Box<Pair>),
}

enum Phase {
    Waiting,
    Loading(Load),
    Serving,
    Rolling(Roll),
    Absent,
}

impl Conversation {
    /// A conversation that waits to be loaded. `touched`: its projections may lack entries of a dead owner.
    pub fn new(id: ConversationId, epoch: Epoch, touched: bool) -> Self {
        let kind = match id.kind() {
            ConversationKind::Direct(one, other) => Kind::Direct(one, other),
            ConversationKind::Pair(one, other) => Kind::Pair(Box::new(Pair::new(&one, &other))),
            ConversationKind::Group(group) => Kind::Group(group, Group::default()),
        };
        Self {
            partition: Partition::of(&id),
            id,
            epoch,
            kind,
            phase: Phase::Waiting,
            log: Log::default(),
            queue: Line::default(),
            readers: Vec::new(),
            in_flight: None,
            owed: Owed::default(),
            probe: Probe::default(),
            receipts: Receipts::default(),
            known: Known::default(),
            news: false,
            touched,
            used_ms: 0,
            generation: 0,
            plain: Plain::default(),
            retention_seconds: 0,
            recent: Recent::default(),
        }
    }

    /// Which.
    pub fn id(&self) -> &ConversationId {
        &self.id
    }

    /// Which one it belongs to.
    pub fn partition(&self) -> Partition {
        self.partition
    }

    /// Whether it waits for [`Self::begin_load`].
    pub fn is_waiting(&self) -> bool {
        matches!(self.phase, Phase::Waiting)
    }

    /// Whether it is loaded: its head is known and reads are answered from it.
    pub fn is_serving(&self) -> bool {
        matches!(self.phase, Phase::Serving | Phase::Rolling(_))
    }

    /// Whether a load has begun and not ended.
    pub fn is_loading(&self) -> bool {
        matches!(self.phase, Phase::Loading(_))
    }

    /// Whether the load found that there is nothing here and nobody may begin it: to be forgotten.
    pub fn is_absent(&self) -> bool {
        matches!(self.phase, Phase::Absent)
    }

    /// Nothing in flight, nothing waiting, nothing owed: it may be evicted, or its partition released.
    pub fn is_at_rest(&self) -> bool {
        let still = matches!(self.phase, Phase::Serving | Phase::Absent | Phase::Waiting);
        still
            && self.in_flight.is_none()
            && self.queue.is_empty()
            && self.readers.is_empty()
            && !self.owed.is_owing()
    }

    /// When it was last used, on the steady clock.
    pub fn used_ms(&self) -> u64 {
        self.used_ms
    }

    /// Whether a probe of its head is still to come.
    pub fn is_probing(&self) -> bool {
        self.probe.due().is_some()
    }

    /// The steady time at which [`Self::timer`] wants to be called, or something is to be written that is owed.
    pub fn next_due(&self, turn_rules: &crate::turn::Rules) -> Option<u64> {
        let owed = self.owed.due(turn_rules, &self.probe);
        [self.next_due_but_owed(), owed].into_iter().flatten().min()
    }

    /// The same for one whose turn to write comes without a timer.
    pub fn next_due_but_owed(&self) -> Option<u64> {
        let retry = match (&self.phase, &self.in_flight) {
            (Phase::Loading(load), _) => load.retry_at(),
            (Phase::Rolling(roll), _) => roll.retry_at(),
            (_, Some(in_flight)) => in_flight.retry_at(),
            _ => None,
        };
        // Late commands are refused a little after their time, also while the store does not answer.
        let expiry = self.queue.front().map(|pending| pending.arrived_ms + pending::EXPIRY_MS);
        let (receipts, probe) = (self.receipts.due(), self.probe.due());
        [retry, expiry, receipts, probe].into_iter().flatten().min()
    }

    /// Time has come for something.
    pub fn timer(&mut self, turn: &mut Turn<'_>) {
        self.retry_load(turn);
        self.retry_roll(turn);
        self.retry_append(turn);
        self.expire(turn);
        self.probe_head(turn);
        self.tell_receipts(turn);
    }

    /// The store answered.
    pub fn outcome(&mut self, outcome: Outcome, turn: &mut Turn<'_>) {
        match outcome {
            Outcome::Register(_) | Outcome::Tail(_) | Outcome::Rewritten(_) | Outcome::Recovered(_) => {
                self.load_outcome(outcome, turn);
            }
            Outcome::Moved(moved) if matches!(self.phase, Phase::Rolling(_)) => self.rolled(moved, turn),
            Outcome::Moved(_) => self.load_outcome(outcome, turn),
            Outcome::Indexed(indexed) => self.indexed(indexed, turn),
            Outcome::Appended(appended) => self.appended(appended, turn),
            Outcome::LookedUp(asked, found) => self.looked_up(&asked, found),
            Outcome::Entry(seq, found) => self.found_entry(seq, found),
            Outcome::Target(asked, generation, found) => self.found_target(asked, generation, found),
            Outcome::Pair(found) => self.pair_found(found),
            Outcome::Confirms(found) => self.found_confirms(found),
        }
        self.pump(turn);
    }

    /// A check passed: what it covers may be told.
    pub fn told(&mut self, told: &Told<'_>, turn: &mut Turn<'_>) {
        if !told.is_for(&self.id, self.epoch) {
            return;
        }
        if matches!(self.phase, Phase::Loading(_)) {
            self.loaded(told, turn);
        } else {
            self.tell(told, turn);
        }
        self.pump(turn);
    }

    /// Takes commands that waited for the load and can now be answered from it.
    pub fn take_readers(&mut self) -> Vec<Command> {
        std::mem::take(&mut self.readers)
    }

    /// A read that must wait for the load, because a dead owner's entries are not in the projections yet. Refused when
    /// too many wait.
    pub fn wait_to_read(&mut self, command: Command, turn: &mut Turn<'_>) {
        self.used_ms = turn.now.steady_ms;
        if self.readers.len() >= turn.rules.queue_max {
            announce::busy(&command, announce::BUSY_RETRY_MS, turn);
        } else {
            self.readers.push(command);
        }
    }
}

#[cfg(test)]
mod tests;
