//! Message ids of a worker: a generator and the lease it lives on.

use proto::{MessageId, Timestamp};
use store::{LeaseError, Snowflake, Store, WorkerLease};

use super::ops::{Done, Op};
use crate::turn::MessageIds;

/// The generator; without a lease it refuses, and sends are answered `UNAVAILABLE`.
pub struct Ids {
    holder: u128,
    ttl_ms: u64,
    lease: Option<WorkerLease>,
    snowflake: Option<Snowflake>,
    asking: bool,
    asked_at: Timestamp,
    renew_ms: u64,
}

impl Ids {
    pub fn new(holder: u128, ttl_ms: u64) -> Self {
        let asked_at = Timestamp(0);
        Self { holder, ttl_ms, lease: None, snowflake: None, asking: false, asked_at, renew_ms: 0 }
    }

    /// Whether ids can be made at all.
    pub fn has_lease(&self) -> bool {
        self.lease.is_some()
    }

    /// What to ask of the store now: a lease, or its renewal once a third of its life has gone.
    pub fn due(&mut self, store: &Store, wall: Timestamp, steady_ms: u64) -> Option<Op> {
        if self.asking || steady_ms < self.renew_ms {
            return None;
        }
        self.asking = true;
        self.asked_at = wall;
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
                self.renew_ms = steady_ms + (self.ttl_ms / 30).max(100);
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
        self.snowflake.as_mut()?.next(now).ok()
    }
}
