//! Making message ids: unique whatever the clock does.
//!
//! Each id has a millisecond and a sequence number; the pair only ever grows. A clock that stands still or steps back
//! is outlived by using up the sequence of the newest millisecond and then a few milliseconds of the future; after that,
//! and at the end of the worker's lease, ids are refused.

use proto::{MessageId, Timestamp};
use thiserror::Error;

use crate::WorkerLease;

/// How far ids may run ahead of the clock, in milliseconds.
pub const BORROW_MS_MAX: u64 = 1_000;

/// Makes ids of one worker.
#[derive(Debug)]
pub struct Snowflake {
    lease: WorkerLease,
    last_ms: u64,
    sequence: u16,
}

/// Why no id was made. Nobody's fault but the clock's; the same call works later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// The clock is so far behind the newest id, or ids are made so fast, that none can be borrowed.
    #[error("the clock is {behind_ms} ms behind the newest id")]
    ClockBehind {
        /// Try again after as many milliseconds.
        behind_ms: u64,
    },
    /// The lease of the worker number does not reach this far: renew it.
    #[error("the lease of the worker number has run out")]
    LeaseOver,
}

impl Snowflake {
    /// Begins with a fresh lease. `since` is the time at which it was asked for: ids never have an earlier one.
    pub fn new(lease: WorkerLease, since: Timestamp) -> Self {
        // The last sequence of the millisecond before, so that the first id is that of `since`.
        let since = since.0.max(MessageId::EPOCH_MS);
        Self { lease, last_ms: since - 1, sequence: MessageId::SEQUENCES - 1 }
    }

    /// Goes on with a renewed lease of the same worker number.
    pub fn renewed(&mut self, lease: WorkerLease) {
        debug_assert_eq!(lease.worker, self.lease.worker, "another number is another generator");
        self.lease = lease;
    }

    /// The newest time in an id, for [`crate::Store::release_worker`].
    pub fn last_used(&self) -> Timestamp {
        Timestamp(self.last_ms)
    }

    /// The next id, larger than all before.
    pub fn next(&mut self, now: Timestamp) -> Result<MessageId, Refusal> {
        // Before their epoch ids have no time: all would be the same.
        let now = now.max(Timestamp(MessageId::EPOCH_MS));
        let (ms, sequence) = if now.0 > self.last_ms {
            (now.0, 0)
        } else if self.sequence + 1 < MessageId::SEQUENCES {
            (self.last_ms, self.sequence + 1)
        } else {
            (self.last_ms + 1, 0)
        };
        if ms > now.0.saturating_add(BORROW_MS_MAX) && ms != self.last_ms {
            return Err(Refusal::ClockBehind { behind_ms: ms - now.0 - BORROW_MS_MAX });
        }
        if ms >= self.lease.until.0 {
            return Err(Refusal::LeaseOver);
        }
        (self.last_ms, self.sequence) = (ms, sequence);
        Ok(MessageId::from_parts(Timestamp(ms), self.lease.worker, sequence))
    }
}
