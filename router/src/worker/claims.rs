//! Owning partitions: those that should be this incarnation's are claimed, others are left alone or given back.

use std::collections::BTreeMap;
use std::time::Duration;

use proto::{ConversationId, Partition};
use store::mutation::{self, Mutation};
use store::{IncarnationId, Ownership, StoreError};

use super::incarnation::Incarnation;
use super::ops::{self, Done};
use super::wheel::TICK_MS;
use crate::ownership::{Ask, Owner};
use crate::peers::{Hands, Plan};
use crate::rules::backoff::pause_ms;

impl Incarnation<'_> {
    /// S2: `alive` is written and awaited before anything is claimed, and before others hear of this incarnation.
    /// `false`: the drain came first.
    pub(super) async fn begin(&mut self) -> bool {
        let tasks = self.tasks.clone();
        tokio::select! {
            biased;
            () = tasks.draining() => false,
            () = self.announce() => true,
        }
    }

    async fn announce(&self) {
        let mut failures = 0;
        while let Err(error) = self.store.announce(self.me).await {
            failures += 1;
            if failures == 1 {
                tracing::warn!(%error, "store does not answer, waiting for it");
            }
            tokio::time::sleep(Duration::from_millis(pause_ms(failures))).await;
        }
    }

    /// Whether it is time to plan though nothing was heard: plans are what an idle worker would do most.
    pub(super) fn must_plan(&mut self) -> bool {
        let now_ms = self.now.steady_ms;
        if now_ms < self.planned_ms + TICK_MS {
            return false;
        }
        self.planned_ms = now_ms;
        self.rests.as_ref().is_none_or(|view| *view != self.peers.view(now_ms))
    }

    /// Compares what is owned with what should be.
    pub(super) fn plan(&mut self) {
        let now_ms = self.now.steady_ms;
        self.planned_ms = now_ms;
        let hands = if self.unclaimed.is_empty() { Hands::Free } else { Hands::Full };
        let owners = &self.owners;
        let owns = |partition| owners.get(&partition).is_some_and(|owner| owner.epoch().is_some());
        let plan = self.peers.plan(&self.partitions, owns, hands, now_ms);
        self.unclaimed.retain(|partition| {
            let is_wanted = plan.claim.binary_search(partition).is_ok();
            // Owned, but not served yet.
            is_wanted || (owns(*partition) && !self.serving.contains_key(partition))
        });
        for (partition, owner) in &mut self.owners {
            let is_wanted = plan.claim.binary_search(partition).is_ok();
            owner.set_wanted(is_wanted);
            if is_wanted {
                self.unclaimed.insert(*partition);
            }
        }
        self.give_up(&plan.give_up);
        let asks_nothing = plan == Plan::default() && self.unclaimed.is_empty();
        self.rests = asks_nothing.then(|| self.peers.view(now_ms));
        if self.owners.values().any(Owner::awaits_row) {
            self.read_rows();
        }
        self.is_planned |= self.peers.is_settled(now_ms);
    }

    /// All owner rows at once, for those that are wanted.
    fn read_rows(&mut self) {
        if std::mem::replace(&mut self.reading_rows, true) {
            return;
        }
        let (store, pause) = (self.store.clone(), self.row_failures);
        self.ops.push(Box::pin(async move {
            if pause > 0 {
                tokio::time::sleep(Duration::from_millis(pause_ms(pause))).await;
            }
            Done::Owners(store.owners().await)
        }));
    }

    fn found_rows(&mut self, rows: Result<Vec<(Partition, Ownership)>, StoreError>) {
        self.reading_rows = false;
        let mut rows: BTreeMap<Partition, Ownership> = match rows {
            Ok(rows) => rows.into_iter().collect(),
            Err(_) => {
                self.row_failures += 1;
                return;
            }
        };
        let (peers, now_ms) = (&self.peers, self.now.steady_ms);
        let mut fences: BTreeMap<IncarnationId, Vec<Partition>> = BTreeMap::new();
        let (mut asks, mut owned) = (Vec::new(), Vec::new());
        for (partition, owner) in self.owners.iter_mut().filter(|(_, owner)| owner.awaits_row()) {
            let row = rows.remove(partition).unwrap_or_default();
            match owner.read(Ok(row), |other| peers.may_fence(other, now_ms), now_ms) {
                Some(Ask::Fence(other)) => fences.entry(other).or_default().push(*partition),
                Some(ask) => asks.push((*partition, ask)),
                // The late success of a claim of unknown outcome.
                None if owner.epoch().is_some() => owned.push(*partition),
                None => {}
            }
        }
        // Where commands wait already, first.
        asks.sort_by_key(|(partition, _)| !self.awaited.contains_key(partition));
        self.asks.extend(asks);
        if fences.is_empty() {
            self.row_failures = 0;
        }
        for (other, partitions) in fences {
            self.fence(other, partitions);
        }
        owned.into_iter().for_each(|partition| self.begin_to_own(partition));
        self.ask_store();
    }

    /// One fence for all partitions whose rows were read before it begins.
    fn fence(&mut self, other: IncarnationId, partitions: Vec<Partition>) {
        tracing::info!(incarnation = %self.me, %other, partitions = partitions.len(), "fencing");
        self.metrics.fences.increment(1);
        self.peers.bury(other);
        let store = self.store.clone();
        self.ops.push(Box::pin(async move { Done::Fenced(partitions, store.fence(other).await) }));
    }

    /// As many questions about partitions as may be under way.
    fn ask_store(&mut self) {
        while self.asking < self.config.claims_max {
            let Some((partition, ask)) = self.asks.pop_front() else { return };
            self.asking += 1;
            self.ops.push(ops::own(self.store, self.me, partition, ask));
        }
    }

    pub(super) fn own_done(&mut self, done: Done) {
        let now_ms = self.now.steady_ms;
        match done {
            Done::Owners(rows) => return self.found_rows(rows),
            Done::Closed(partitions) => self.closed(partitions),
            Done::Fenced(mut partitions, result) => {
                self.row_failures = if result.is_ok() { 0 } else { self.row_failures + 1 };
                partitions.sort_by_key(|partition| !self.awaited.contains_key(partition));
                for partition in partitions {
                    self.own(partition, |owner, _| owner.fenced(&result));
                }
            }
            Done::Owner(partition, row) => {
                self.asking -= 1;
                self.own(partition, |owner, may_fence| owner.read(row, may_fence, now_ms));
            }
            Done::Claimed(partition, claimed) => {
                self.asking -= 1;
                self.own(partition, |owner, may_fence| owner.claimed(claimed, may_fence, now_ms));
            }
            Done::Released(partition, released) => {
                self.asking -= 1;
                self.beat_due = true;
                self.own(partition, |owner, _| {
                    owner.released(&released, now_ms);
                    None
                });
            }
            Done::Touched(partition, touched) => self.found_touched(partition, touched),
            _ => {}
        }
        self.ask_store();
    }

    /// Gives the owner machine of a partition an input; once it owns, what a dead owner left is read before anything
    /// is served.
    fn own(
        &mut self,
        partition: Partition,
        input: impl FnOnce(&mut Owner, &dyn Fn(IncarnationId) -> bool) -> Option<Ask>,
    ) {
        let Some(owner) = self.owners.get_mut(&partition) else { return };
        let (peers, now_ms) = (&self.peers, self.now.steady_ms);
        let owned_before = owner.epoch().is_some();
        let ask = input(owner, &|other| peers.may_fence(other, now_ms));
        let owned = owner.epoch().is_some();
        match ask {
            Some(Ask::Fence(other)) => self.fence(other, vec![partition]),
            Some(ask) => self.asks.push_back((partition, ask)),
            None => {}
        }
        if !owned_before && owned {
            self.begin_to_own(partition);
        }
    }

    fn begin_to_own(&mut self, partition: Partition) {
        self.rests = None;
        self.unclaimed.insert(partition);
        self.beat_due = true;
        self.asking += 1;
        self.read_touched(partition, 0);
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
        let Some(epoch) = self.owners.get(&partition).and_then(Owner::epoch) else {
            self.asking -= 1;
            return;
        };
        let Ok(touched) = touched else {
            self.read_touched(partition, pause_ms(4));
            return;
        };
        self.asking -= 1;
        if !mutation::is(Mutation::NoRecovery) {
            self.touched.extend(touched.iter().cloned());
            self.touched_queue.extend(touched);
        }
        self.serving.insert(partition, epoch);
        self.unclaimed.remove(&partition);
        self.opened.push(partition);
        self.metrics.partitions.set(self.serving.len() as f64);
        if self.unclaimed.is_empty() {
            let (partitions, touched) = (self.serving.len(), self.touched.len());
            tracing::info!(incarnation = %self.me, partitions, touched, "partitions claimed");
        }
    }

    pub(super) fn own_timers(&mut self) {
        let now_ms = self.now.steady_ms;
        if now_ms < self.own_timers_ms + TICK_MS / 2 {
            return;
        }
        self.own_timers_ms = now_ms;
        for (partition, owner) in &mut self.owners {
            if let Some(ask) = owner.timer(now_ms) {
                self.asks.push_back((*partition, ask));
            }
        }
        self.ask_store();
    }

    /// Whether partitions are being claimed, and those who wait for them may hope for an answer soon. A claim that was in vain
    /// once does not count any more: it may be so for as long as the store is away, or another owner is alive.
    pub(super) fn is_claiming(&self) -> bool {
        let is_first_try = |partition| self.owners.get(partition).is_some_and(Owner::is_first_try);
        self.row_failures == 0 && self.unclaimed.iter().any(is_first_try)
    }

    /// Everything that should be its own is served.
    pub(super) fn is_serving_all(&self) -> bool {
        self.is_planned && self.unclaimed.is_empty() && self.ids.has_lease()
    }
}
