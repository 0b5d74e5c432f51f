//! Claiming partitions at the start, giving them back at the end.

use std::collections::BTreeMap;
use std::time::Duration;

use proto::{ConversationId, Partition};
use store::{Ownership, StoreError};

use super::incarnation::Incarnation;
use super::ops::{self, Done};
use super::wheel::TICK_MS;
use crate::config::millis;
use crate::conversation::Urgency;
use crate::ownership::{Ask, Owner};
use crate::rules::backoff::pause_ms;

impl Incarnation<'_> {
    /// S2, then all owner rows at once: `alive` is written and awaited before the first claim. `false`: the drain came
    /// first.
    pub(super) async fn begin(&mut self) -> bool {
        let tasks = self.tasks.clone();
        tokio::select! {
            () = tasks.draining() => false,
            owners = self.announce() => {
                let mut owners: BTreeMap<Partition, Ownership> = owners.into_iter().collect();
                let mut fences = BTreeMap::new();
                for partition in self.partitions.clone() {
                    let row = owners.remove(&partition).unwrap_or_default();
                    let mut owner = Owner::reading(self.me);
                    match owner.read(Ok(row), 0) {
                        Some(Ask::Fence(other)) => fences.entry(other).or_insert_with(Vec::new).push(partition),
                        Some(ask) => self.ops.push(ops::own(self.store, self.me, partition, ask)),
                        None => {}
                    }
                    self.owners.insert(partition, owner);
                }
                self.owners_waiting = self.partitions.len();
                for (other, partitions) in fences {
                    // One fence for all partitions whose rows were read before it begins.
                    let store = self.store.clone();
                    self.ops.push(Box::pin(async move { Done::Fenced(partitions, store.fence(other).await) }));
                }
                true
            }
        }
    }

    async fn announce(&self) -> Vec<(Partition, Ownership)> {
        let mut failures = 0;
        loop {
            let begun: Result<_, StoreError> = async {
                self.store.announce(self.me).await?;
                self.store.owners().await
            }
            .await;
            match begun {
                Ok(owners) => return owners,
                Err(error) => {
                    failures += 1;
                    if failures == 1 {
                        tracing::warn!(%error, "store does not answer, waiting for it");
                    }
                    tokio::time::sleep(Duration::from_millis(pause_ms(failures))).await;
                }
            }
        }
    }

    pub(super) fn own_done(&mut self, done: Done) {
        let now_ms = self.now.steady_ms;
        match done {
            Done::Owner(partition, row) => self.own(partition, |owner| owner.read(row, now_ms)),
            Done::Fenced(partitions, result) => {
                for partition in partitions {
                    self.own(partition, |owner| owner.fenced(&result, now_ms));
                }
            }
            Done::Claimed(partition, claimed) => self.own(partition, |owner| owner.claimed(claimed, now_ms)),
            Done::Released(partition, released) => self.own(partition, |owner| {
                owner.released(&released, now_ms);
                None
            }),
            Done::Touched(partition, touched) => self.found_touched(partition, touched),
            _ => {}
        }
    }

    /// Gives the owner machine of a partition an input; once it owns, what a dead owner left is read before anything
    /// is served.
    fn own(&mut self, partition: Partition, input: impl FnOnce(&mut Owner) -> Option<Ask>) {
        let Some(owner) = self.owners.get_mut(&partition) else { return };
        let owned_before = owner.epoch().is_some();
        let ask = input(owner);
        if let Some(ask) = ask {
            self.ops.push(ops::own(self.store, self.me, partition, ask));
        }
        if !owned_before && owner.epoch().is_some() {
            self.read_touched(partition, 0);
        }
    }

    fn read_touched(&mut self, partition: Partition, pause: u64) {
        let store = self.store.clone();
        self.ops.push(Box::pin(async move {
            if pause > 0 {
                tokio::time::sleep(Duration::from_millis(pause)).await;
            }
            Done::Touched(partition, store.touched(partition).await)
        }));
    }

    fn found_touched(&mut self, partition: Partition, touched: Result<Vec<ConversationId>, StoreError>) {
        let Some(epoch) = self.owners.get(&partition).and_then(Owner::epoch) else { return };
        match touched {
            Err(_) => self.read_touched(partition, pause_ms(4)),
            Ok(touched) => {
                self.touched.extend(touched.iter().cloned());
                self.touched_queue.extend(touched);
                self.serving.insert(partition, epoch);
                self.owners_waiting = self.owners_waiting.saturating_sub(1);
                if self.draining.is_none() {
                    self.bus.tell_epoch(partition, epoch);
                    self.queue.add(partition);
                }
                self.metrics.partitions.set(self.serving.len() as f64);
                if self.owners_waiting == 0 {
                    let (partitions, touched) = (self.serving.len(), self.touched.len());
                    tracing::info!(partitions, touched, "partitions claimed");
                }
            }
        }
    }

    pub(super) fn own_timers(&mut self) {
        if self.owners_waiting == 0 && self.draining.is_none() {
            return;
        }
        let now_ms = self.now.steady_ms;
        for (partition, owner) in &mut self.owners {
            if let Some(ask) = owner.timer(now_ms) {
                self.ops.push(ops::own(self.store, self.me, *partition, ask));
            }
        }
    }

    pub(super) fn is_serving_all(&self) -> bool {
        self.owners_waiting == 0 && self.ids.has_lease()
    }

    /// No more commands from now on; what is queued already is still taken.
    pub(super) fn begin_drain(&mut self) {
        for partition in &self.partitions {
            self.queue.remove(*partition);
        }
        self.draining = Some(self.now.steady_ms + millis(self.config.drain_timeout));
        self.touched_queue.clear();
    }

    /// While draining: write what is owed, and once nothing is in flight give the partitions back (O2).
    pub(super) fn drain_further(&mut self) {
        if self.draining.is_none() || self.now.steady_ms < self.drain_swept_ms + TICK_MS {
            return;
        }
        self.drain_swept_ms = self.now.steady_ms;
        for key in self.table.keys() {
            self.flush_now(key, Urgency::AllAtOnce);
        }
        if !self.table.iter().all(crate::conversation::Conversation::is_at_rest) || self.flushes > 0 {
            return;
        }
        for (partition, owner) in &mut self.owners {
            if let Some(ask) = owner.release() {
                self.ops.push(ops::own(self.store, self.me, *partition, ask));
            }
        }
    }

    /// Everything is given back, or the time for it is over.
    pub(super) fn is_drained(&self) -> bool {
        let Some(until) = self.draining else { return false };
        let at_rest = self.table.iter().all(crate::conversation::Conversation::is_at_rest);
        let given_back = self.owners.values().all(Owner::is_unowned) && self.reads == 0;
        if at_rest && given_back {
            return true;
        }
        let late = self.now.steady_ms >= until;
        if late {
            let released = self.owners.values().filter(|owner| owner.is_released()).count();
            tracing::warn!(
                released,
                of = self.owners.len(),
                "drain took too long, the next start takes over"
            );
        }
        late
    }
}
