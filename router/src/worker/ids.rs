//! Message ids of a worker: a generator and the lease it lives on.
//!
//! A clock that is set back by more than what ids may borrow would silence the generator until the clock has caught up.
//! So the worker leaves its number for another, whose ids were never made. The old one is nobody's until its lease is over.

use proto::{MessageId, Timestamp};
use store::{LeaseError, Refusal, Snowflake, Store, WorkerLease};

use super::ops::{Done, Op};
use crate::turn::MessageIds;

/// The generator; without a lease it refuses, and sends are answered `UNAVAILABLE`.
pub struct Ids {
    holder: u128,
    ttl_ms: u64,
    lease: Option<WorkerLease>,
    snowflake: Option<Snowflake>,
    /// The generator waits for the clock.
    behind: bool,
    asking: bool,
    asked_at: Timestamp,
    asked_ms: u64,
    renew_ms: u64,
}

/// Between two calls at least.
const RENEW_PAUSE_MS: u64 = 100;

impl Ids {
    pub fn new(holder: u128, ttl_ms: u64) -> Self {
        let asked_at = Timestamp(0);
        Self {
            holder,
            ttl_ms,
            lease: None,
            snowflake: None,
            behind: false,
            asking: false,
            asked_at,
            asked_ms: 0,
            renew_ms: 0,
        }
    }

    /// Whether ids can be made at all.
    pub fn has_lease(&self) -> bool {
        self.lease.is_some()
    }

    /// What to ask of the store now: a lease, or its renewal once a third of its life has gone.
    pub fn due(&mut self, store: &Store, wall: Timestamp, steady_ms: u64) -> Option<Op> {
        if self.asking {
            return None;
        }
        if std::mem::take(&mut self.behind) {
            tracing::warn!("the clock was set back: message ids get another worker number");
            self.holder = self.holder.wrapping_add(1).max(1);
            (self.lease, self.snowflake, self.renew_ms) = (None, None, 0);
        }
        if steady_ms < self.renew_ms {
            return None;
        }
        self.asking = true;
        (self.asked_at, self.asked_ms) = (wall, steady_ms);
        let (store, holder, ttl_ms, lease) = (store.clone(), self.holder, self.ttl_ms, self.lease);
        Some(Box::pin(async move {
            Done::Leased(match lease {
                Some(lease) => store.renew_worker(holder, lease.worker, wall, ttl_ms).await,
                None => store.lease_worker(holder, wall, ttl_ms).await,
            })
        }))
    }

    /// The answer.
    pub fn leased(&mut self, answer: Result<WorkerLease, LeaseError>, steady_ms: u64) {
        self.asking = false;
        match answer {
            Ok(lease) => {
                self.renew_ms = steady_ms + self.ttl_ms / 3;
                match (&mut self.snowflake, self.lease) {
                    (Some(snowflake), Some(old)) if old.worker == lease.worker => snowflake.renewed(lease),
                    _ => self.snowflake = Some(Snowflake::new(lease, self.asked_at)),
                }
                self.lease = Some(lease);
            }
            Err(error) => {
                if matches!(error, LeaseError::Lost) {
                    self.lease = None;
                    self.snowflake = None;
                }
                tracing::warn!(%error, "no lease of a message id worker number");
                self.renew_ms = steady_ms + (self.ttl_ms / 30).max(RENEW_PAUSE_MS);
            }
        }
    }

    /// Gives the lease back at the end.
    pub async fn release(&self, store: &Store) {
        let (Some(lease), Some(snowflake)) = (self.lease, &self.snowflake) else { return };
        if let Err(error) = store.release_worker(self.holder, lease.worker, snowflake.last_used()).await {
            tracing::debug!(%error, "lease not given back; it runs out by itself");
        }
    }
}

impl MessageIds for Ids {
    fn next(&mut self, now: Timestamp) -> Option<MessageId> {
        let made = self.snowflake.as_mut()?.next(now);
        match made {
            Err(Refusal::ClockBehind { .. }) => self.behind = true,
            // The clock was set forward, or renewals failed for long.
            Err(Refusal::LeaseOver) => self.renew_ms = self.renew_ms.min(self.asked_ms + RENEW_PAUSE_MS),
            Ok(_) => {}
        }
        made.ok()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    const TTL_MS: u64 = 30_000;

    /// Asks what is due and takes the answer; whether anything was.
    async fn ask(ids: &mut Ids, store: &Store, wall: u64, steady_ms: u64) -> bool {
        let Some(op) = ids.due(store, Timestamp(wall), steady_ms) else { return false };
        let Done::Leased(answer) = op.await else { unreachable!("it asks for leases only") };
        ids.leased(answer, steady_ms);
        true
    }

    #[tokio::test]
    async fn a_clock_that_steps_costs_one_question_and_no_id_twice() {
        let store = Store::memory();
        let mut ids = Ids::new(7, TTL_MS);
        let (mut wall, mut steady_ms, mut made) = (1_800_000_000_000, 0, HashSet::new());
        assert!(ask(&mut ids, &store, wall, steady_ms).await);
        for step_ms in [-800_000_i64, 3_600_000, -3_600_000, -5_000, 800_000, 40_000] {
            for _ in 0..1_000 {
                assert!(made.insert(ids.next(Timestamp(wall)).unwrap()));
            }
            assert!(!ask(&mut ids, &store, wall, steady_ms).await, "nothing is due");
            wall = wall.wrapping_add_signed(step_ms);
            steady_ms += RENEW_PAUSE_MS;
            let left =
                std::iter::from_fn(|| ids.next(Timestamp(wall))).take(usize::from(MessageId::SEQUENCES));
            left.for_each(|id| assert!(made.insert(id)));
            assert_eq!(ids.next(Timestamp(wall)), None);
            assert!(ask(&mut ids, &store, wall, steady_ms).await, "after a step of {step_ms} ms");
        }
        assert!(made.insert(ids.next(Timestamp(wall)).unwrap()));
    }
}
