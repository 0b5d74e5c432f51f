//! Who owns a partition, as one incarnation sees it: a state machine without io. FENCE O1 to O3.
//!
//! ```text
//! read (x, e) ──► fence x, see success ──► claim with exactly (x, e) ──► owned, e+1 ──► released
//!      ▲      none: no fence ──────────────►     │ unknown: read SERIAL, later
//!      └─────────────────────────────────────────┘
//! ```
//!
//! **Guarantees.** A claim is sent only after the fence of exactly the owner that was read succeeded, and with exactly
//! that row. Once a release was sent, the epoch is never served again.

use proto::Epoch;
use store::{Cas, IncarnationId, Level, Ownership, StoreError};

use crate::mutation::{self, Mutation};
use crate::rules::backoff::pause_ms;

/// One partition.
#[derive(Debug)]
pub struct Owner {
    me: IncarnationId,
    state: State,
    failures: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Reading,
    Fencing(Ownership),
    Claiming(Ownership),
    Owned(Epoch),
    Retrying(u64),
    Releasing(Epoch),
    ReleaseRetrying(Epoch, u64),
    Released,
}

/// What it wants of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Read the owner row.
    Read(Level),
    /// Fence this incarnation.
    Fence(IncarnationId),
    /// Claim with exactly this row.
    Claim(Ownership),
    /// Give this epoch back.
    Release(Epoch),
}

impl Owner {
    /// A partition whose owner row is being read.
    pub fn reading(me: IncarnationId) -> Self {
        Self { me, state: State::Reading, failures: 0 }
    }

    /// The epoch under which it may be served.
    pub fn epoch(&self) -> Option<Epoch> {
        match self.state {
            State::Owned(epoch) => Some(epoch),
            _ => None,
        }
    }

    /// Given back, or found to be somebody else's after a release was sent.
    pub fn is_released(&self) -> bool {
        self.state == State::Released
    }

    /// Whether there is nothing to wait for in giving it back.
    pub fn is_unowned(&self) -> bool {
        !matches!(self.state, State::Owned(_) | State::Releasing(_) | State::ReleaseRetrying(..))
    }

    /// The owner row was read.
    pub fn read(&mut self, row: Result<Ownership, StoreError>, now_ms: u64) -> Option<Ask> {
        if self.state != State::Reading {
            return None;
        }
        match row {
            Ok(row) => self.found(row),
            Err(_) => self.later(now_ms),
        }
    }

    /// The fence was written, or not.
    pub fn fenced(&mut self, fenced: &Result<(), StoreError>, now_ms: u64) -> Option<Ask> {
        let State::Fencing(row) = self.state else { return None };
        if fenced.is_err() {
            return self.later(now_ms);
        }
        self.state = State::Claiming(row);
        Some(Ask::Claim(row))
    }

    /// The claim was decided, or not.
    pub fn claimed(&mut self, claimed: Cas<Ownership>, now_ms: u64) -> Option<Ask> {
        let State::Claiming(_) = self.state else { return None };
        match claimed {
            Cas::Applied(row) | Cas::Refused(Some(row)) => self.found(row),
            Cas::Refused(None) | Cas::Unknown(_) => self.later(now_ms),
        }
    }

    /// Time has come to try again. Every further read is SERIAL.
    pub fn timer(&mut self, now_ms: u64) -> Option<Ask> {
        match self.state {
            State::Retrying(at) if at <= now_ms => {
                self.state = State::Reading;
                Some(Ask::Read(Level::Serial))
            }
            State::ReleaseRetrying(epoch, at) if at <= now_ms => {
                self.state = State::Releasing(epoch);
                Some(Ask::Release(epoch))
            }
            _ => None,
        }
    }

    /// Gives it back. Only with nothing in flight (O2).
    pub fn release(&mut self) -> Option<Ask> {
        let State::Owned(epoch) = self.state else { return None };
        self.state = State::Releasing(epoch);
        self.failures = 0;
        Some(Ask::Release(epoch))
    }

    /// The release was decided, or not; if not it is sent again, and never served.
    pub fn released(&mut self, released: &Cas<Ownership>, now_ms: u64) {
        let State::Releasing(epoch) = self.state else { return };
        self.state = match released {
            Cas::Applied(_) | Cas::Refused(_) => State::Released,
            Cas::Unknown(_) => {
                self.failures += 1;
                State::ReleaseRetrying(epoch, now_ms + pause_ms(self.failures))
            }
        };
    }

    fn found(&mut self, row: Ownership) -> Option<Ask> {
        match row.owner {
            // Also the late success of a claim whose outcome was unknown: an epoch belongs to one incarnation.
            Some(owner) if owner == self.me => {
                self.state = State::Owned(row.epoch);
                None
            }
            Some(_) if mutation::is(Mutation::UnfencedClaim) => {
                self.state = State::Claiming(row);
                Some(Ask::Claim(row))
            }
            Some(owner) => {
                self.state = State::Fencing(row);
                Some(Ask::Fence(owner))
            }
            None => {
                self.state = State::Claiming(row);
                Some(Ask::Claim(row))
            }
        }
    }

    fn later(&mut self, now_ms: u64) -> Option<Ask> {
        self.failures += 1;
        self.state = State::Retrying(now_ms + pause_ms(self.failures));
        None
    }
}

#[cfg(test)]
mod tests;
