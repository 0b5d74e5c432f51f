//! Writing projections, several conversations at once.
//!
//! Few writes are under way at the same time. So when the store is slow projections are written less often, each with more
//! in it, and appends go before them.

use std::sync::Arc;

use store::StoreError;
use store::mutation::{self, Mutation};

use super::incarnation::Incarnation;
use super::ops::{self, Done};
use super::table::Key;
use crate::config::millis;
use crate::conversation::{Conversation, Flush, Urgency};
use crate::reader::presence::of_each_other;

/// Writes at the same time.
const WRITES_MAX: usize = 4;
/// Places of the table looked at for idle conversations in one turn.
const SWEEP: usize = 16;

impl Incarnation<'_> {
    /// Writes what is due, as long as fewer than [`WRITES_MAX`] writes are under way; the rest waits in the queue.
    pub(super) fn begin_flushes(&mut self) {
        let most = self.store.projections_per_call();
        while self.flushes < WRITES_MAX && !self.flush_queue.is_empty() {
            let mut batch: Vec<(Key, Arc<Flush>)> = Vec::with_capacity(most.min(self.flush_queue.len()));
            while batch.len() < most {
                let Some(key) = self.flush_queue.pop_front() else { break };
                if let Some(slot) = self.table.get_mut(key) {
                    slot.flush_queued = false;
                }
                let (now_ms, rules) = (self.now.steady_ms, self.rules);
                let wants = |c: &mut Conversation, turn: &mut crate::turn::Turn<'_>| {
                    c.wants_flush(now_ms, &rules).then(|| c.begin_flush(Urgency::Due, turn)).flatten()
                };
                if let Some(flush) = self.with(key, wants).flatten() {
                    batch.push((key, flush));
                }
            }
            self.write(batch);
        }
    }

    /// Writes everything that these conversations owe.
    pub(super) fn flush_all(&mut self, keys: &[Key]) {
        for keys in keys.chunks(self.store.projections_per_call()) {
            if self.flushes >= 16 * WRITES_MAX {
                return;
            }
            let mut batch: Vec<(Key, Arc<Flush>)> = Vec::new();
            for key in keys {
                let flush = |c: &mut Conversation, turn: &mut crate::turn::Turn<'_>| {
                    c.begin_flush(Urgency::AllAtOnce, turn)
                };
                if let Some(Some(flush)) = self.with(*key, flush) {
                    batch.push((*key, flush));
                }
            }
            self.write(batch);
        }
    }

    fn write(&mut self, batch: Vec<(Key, Arc<Flush>)>) {
        if batch.is_empty() {
            return;
        }
        self.flushes += 1;
        let (keys, flushes): (Vec<Key>, Vec<Arc<Flush>>) = batch.into_iter().unzip();
        let store = self.store.clone();
        self.ops
            .push(Box::pin(async move { Done::Flushed(keys, Box::pin(ops::flush(store, flushes)).await) }));
    }

    pub(super) fn flushed(&mut self, keys: &[Key], result: Result<(), StoreError>) {
        self.flushes -= 1;
        match &result {
            Ok(()) => self.metrics.projections.increment(keys.len() as u64),
            Err(error) => {
                self.metrics.projection_failures.increment(1);
                tracing::debug!(%error, conversations = keys.len(), "projections not written, trying again");
            }
        }
        let (done, now_ms) = (result.is_ok(), self.now.steady_ms);
        for key in keys {
            let written = self.with(*key, |conversation, turn| {
                let written = conversation.flushed(done, now_ms);
                conversation.tell_held(turn);
                if let Some(flush) = &written {
                    conversation.tell_confirmations(&flush.confirmations, turn);
                    conversation.tell_members_again(flush.group.as_ref(), turn);
                }
                written
            });
            if let Some(sides) = written.flatten().and_then(|flush| flush.relations.clone()) {
                self.deliveries.extend(of_each_other(&sides));
            }
        }
    }

    /// Forgets conversations that nobody used for a while.
    pub(super) fn evict_idle(&mut self) {
        let idle_since = self.now.steady_ms.checked_sub(millis(self.config.conversation_idle));
        let Some(idle_since) = idle_since else { return };
        for key in self.table.sweep(SWEEP, |c| c.used_ms() <= idle_since && may_go(c)) {
            self.evict(key);
        }
    }

    /// Makes room for one more conversation; `false` when nothing may go.
    pub(super) fn make_room(&mut self) -> bool {
        if self.table.len() < self.config.conversations_max {
            return true;
        }
        let found = self.table.sweep(64 * SWEEP, may_go);
        match found.first() {
            Some(key) => {
                self.evict(*key);
                true
            }
            None => false,
        }
    }

    fn evict(&mut self, key: Key) {
        if self.table.remove(key).is_some() {
            self.metrics.evictions.increment(1);
        }
    }
}

/// Never with anything in flight, waiting or owed (L5).
fn may_go(conversation: &Conversation) -> bool {
    if mutation::is(Mutation::EvictInFlight) && conversation.is_serving() {
        return true;
    }
    conversation.is_at_rest() && !conversation.is_waiting() && !conversation.is_probing()
}
