//! Giving partitions back: no more commands for them, what is queued is finished, what is owed is written, and with
//! nothing in flight the release is sent (FENCE O2). All others go on meanwhile.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use proto::Partition;
use store::mutation::{self, Mutation};

use super::incarnation::Incarnation;
use super::ops::{self, Done};
use super::table::Key;
use crate::broadcasts::Broadcasts;
use crate::config::millis;
use crate::conversation::Conversation;
use crate::ownership::Owner;

/// Partitions given back at the same time, while others are there to take them: each is without an owner only for as
/// long as so few take.
const GIVING_MAX: usize = 64;
/// No longer does a partition wait for the bus to stop bringing its commands.
const CLOSE_TIMEOUT: Duration = Duration::from_millis(500);
/// Milliseconds between two looks at what is given back.
const SWEEP_MS: u64 = 20;

/// Whether commands can still come for a partition that is given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entrance {
    /// Those on their way.
    Closing,
    /// No more.
    Closed,
}

impl Incarnation<'_> {
    /// Begins to give these back, as many at a time as may be, and goes on serving what it need not give back any more.
    pub(super) fn give_up(&mut self, partitions: &[Partition]) {
        // Nobody is there to take them: the sooner all are given back, the better.
        let room = if self.peers.has_heirs() || self.draining.is_none() { GIVING_MAX } else { usize::MAX };
        let taken_back = |partition: &Partition| partitions.binary_search(partition).is_err();
        for partition in self.giving.keys().copied().filter(taken_back).collect::<Vec<_>>() {
            // Whoever should have it is gone again.
            self.giving.remove(&partition);
            self.queue.add(partition);
        }
        let mut closing = Vec::new();
        for partition in partitions {
            if self.giving.len() >= room {
                break;
            }
            if self.serving.contains_key(partition) && !self.giving.contains_key(partition) {
                self.giving.insert(*partition, Entrance::Closing);
                self.queue.remove(*partition);
                closing.push(*partition);
            }
        }
        if !closing.is_empty() {
            let queue = Arc::clone(&self.queue);
            self.ops.push(Box::pin(async move {
                // Later ones find their way, too; this only spares them a detour.
                let _ = tokio::time::timeout(CLOSE_TIMEOUT, queue.flush()).await;
                Done::Closed(closing)
            }));
        }
    }

    /// No more commands can come for these.
    pub(super) fn closed(&mut self, partitions: Vec<Partition>) {
        for partition in partitions {
            if let Some(entrance) = self.giving.get_mut(&partition) {
                *entrance = Entrance::Closed;
            }
        }
    }

    /// The drain begins: others hear of it, and take what is given back.
    pub(super) fn begin_drain(&mut self) {
        self.draining = Some(self.now.steady_ms + millis(self.config.drain_timeout));
        self.peers.leave();
        self.queue.refuse_any();
        self.beat_due = true;
        self.touched_queue.clear();
        self.asks.clear();
        self.plan();
    }

    /// Writes what is owed of what is given back, and releases whatever is at rest.
    pub(super) fn hand_over(&mut self) {
        if self.giving.is_empty() || self.now.steady_ms < self.swept_ms + SWEEP_MS {
            return;
        }
        self.swept_ms = self.now.steady_ms;
        let keys = self.table.keys_where(|conversation| self.giving.contains_key(&conversation.partition()));
        self.flush_all(&keys);
        let mut busy: BTreeSet<Partition> = BTreeSet::new();
        for key in &keys {
            if let Some(slot) = self.table.get(*key)
                && !slot.conversation.is_at_rest()
                && !mutation::is(Mutation::DirtyRelease)
            {
                busy.insert(slot.conversation.partition());
            }
        }
        let closed = self.giving.iter().filter(|(_, entrance)| **entrance == Entrance::Closed);
        let at_rest: BTreeSet<Partition> =
            closed.map(|(partition, _)| *partition).filter(|partition| !busy.contains(partition)).collect();
        if at_rest.is_empty() {
            return;
        }
        if !mutation::is(Mutation::DirtyRelease) {
            self.forget(&keys, &at_rest);
        }
        for partition in at_rest {
            self.giving.remove(&partition);
            self.serving.remove(&partition);
            if partition == Partition::OF_BROADCASTS {
                self.broadcasts = Broadcasts::default();
            }
            if let Some(ask) = self.owners.get_mut(&partition).and_then(Owner::release) {
                self.metrics.released.increment(1);
                self.asking += 1;
                self.ops.push(ops::own(self.store, self.me, partition, ask));
            }
        }
        self.metrics.partitions.set(self.serving.len() as f64);
    }

    /// Nothing in memory of these partitions is true any more once they are released.
    fn forget(&mut self, keys: &[Key], partitions: &BTreeSet<Partition>) {
        for key in keys {
            let Some(slot) = self.table.get(*key) else { continue };
            if partitions.contains(&slot.conversation.partition()) {
                // The probes of its tail that are still to come are told now: the next owner knows nothing of them.
                self.with(*key, Conversation::probe_now);
                self.table.remove(*key);
            }
        }
        self.touched.retain(|id| !partitions.contains(&Partition::of(id)));
        self.touched_queue.retain(|id| !partitions.contains(&Partition::of(id)));
    }

    /// Everything is given back, or the time for it is over.
    pub(super) fn is_drained(&self) -> bool {
        let Some(until) = self.draining else { return false };
        let given_back = self.owners.values().all(|owner| owner.held().is_none());
        if given_back && self.asking == 0 && self.reads == 0 && self.kept.is_empty() {
            return true;
        }
        let late = self.now.steady_ms >= until;
        if late {
            let left = self.owners.values().filter(|owner| owner.held().is_some()).count();
            tracing::warn!(left, of = self.owners.len(), "drain took too long, the next start takes over");
        }
        late
    }
}
