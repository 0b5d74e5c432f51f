//! Who owns a partition, as one incarnation sees it: a state machine without io. FENCE O1 to O3.
//!
//! ```text
//! idle ──wanted──► read (x, e) ──► fence x, see success ──► claim with exactly (x, e) ──► owned, e+1 ──► released, idle
//!                  ▲  │  none: no fence ────────────────►     │ unknown: read SERIAL, later
//!                  │  └ x is alive: later                     │
//!                  └──────────────────────────────────────────┘
//! ```
//!
//! **Guarantees.** A claim is sent only after the fence of exactly the owner that was read succeeded, and with exactly
//! that row. Nobody who is heard to be alive is fenced. A claim whose outcome is unknown is looked after until the row
//! has moved on, wanted or not: it may take place at any time. Once a release was sent, the epoch is never served again.

use proto::Epoch;
use store::mutation::{self, Mutation};
use store::{Cas, IncarnationId, Level, Ownership, StoreError};

use crate::rules::backoff::pause_ms;

/// One partition.
#[derive(Debug)]
pub struct Owner {
    me: IncarnationId,
    state: State,
    wanted: bool,
    /// A claim of unknown outcome expected this epoch.
    doubt: Option<Epoch>,
    /// The newest epoch that was given back: dead, whatever an old read says (O2).
    dead: Option<Epoch>,
    failures: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Idle,
    Reading,
    Fencing(Ownership),
    Claiming(Ownership),
    Owned(Epoch),
    Retrying(u64),
    Releasing(Epoch),
    ReleaseRetrying(Epoch, u64),
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
    /// A partition that nobody wants.
    pub fn new(me: IncarnationId) -> Self {
        Self { me, state: State::Idle, wanted: false, doubt: None, dead: None, failures: 0 }
    }

    /// Whether it is to be claimed, or need not be. One that is owned stays owned until it is released.
    pub fn set_wanted(&mut self, wanted: bool) {
        self.wanted = wanted;
    }

    /// Whether it is wanted, and nothing is done about it: its row has to be read.
    pub fn awaits_row(&self) -> bool {
        self.wanted && self.state == State::Idle
    }

    /// Whether it is being claimed and no try was in vain yet: soon it is owned, or it is known that this takes longer.
    pub fn is_first_try(&self) -> bool {
        match self.state {
            State::Idle => self.wanted,
            State::Fencing(_) | State::Claiming(_) => self.failures == 0,
            _ => false,
        }
    }

    /// The epoch under which it may be served.
    pub fn epoch(&self) -> Option<Epoch> {
        match self.state {
            State::Owned(epoch) => Some(epoch),
            _ => None,
        }
    }

    /// The epoch under which it is owned, until its release is seen.
    pub fn held(&self) -> Option<Epoch> {
        match self.state {
            State::Owned(epoch) | State::Releasing(epoch) | State::ReleaseRetrying(epoch, _) => Some(epoch),
            _ => None,
        }
    }

    /// Something has changed: what waits to try again does so at once.
    pub fn hurry(&mut self) {
        if let State::Retrying(at) = &mut self.state {
            *at = 0;
        }
    }

    /// The owner row was read.
    pub fn read(
        &mut self,
        row: Result<Ownership, StoreError>,
        may_fence: impl Fn(IncarnationId) -> bool,
        now_ms: u64,
    ) -> Option<Ask> {
        if !matches!(self.state, State::Reading | State::Idle) {
            return None;
        }
        match row {
            Ok(row) => self.found(row, may_fence, now_ms),
            Err(_) => self.later(now_ms),
        }
    }

    /// The fence was written, or not: then the row has to be read again.
    pub fn fenced(&mut self, fenced: &Result<(), StoreError>) -> Option<Ask> {
        let State::Fencing(row) = self.state else { return None };
        if fenced.is_err() {
            self.state = State::Idle;
            return None;
        }
        self.state = State::Claiming(row);
        Some(Ask::Claim(row))
    }

    /// The claim was decided, or not.
    pub fn claimed(
        &mut self,
        claimed: Cas<Ownership>,
        may_fence: impl Fn(IncarnationId) -> bool,
        now_ms: u64,
    ) -> Option<Ask> {
        let State::Claiming(expected) = self.state else { return None };
        match claimed {
            Cas::Applied(row) | Cas::Refused(Some(row)) => self.found(row, may_fence, now_ms),
            Cas::Refused(None) => self.later(now_ms),
            Cas::Unknown(_) => {
                self.doubt = self.doubt.max(Some(expected.epoch));
                self.later(now_ms)
            }
        }
    }

    /// Time has come to try again. Every further read is SERIAL.
    pub fn timer(&mut self, now_ms: u64) -> Option<Ask> {
        match self.state {
            State::Retrying(_) if !self.wanted && self.doubt.is_none() => {
                self.state = State::Idle;
                self.failures = 0;
                None
            }
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
        self.dead = Some(epoch);
        self.failures = 0;
        Some(Ask::Release(epoch))
    }

    /// The release was decided, or not; if not it is sent again, and never served.
    pub fn released(&mut self, released: &Cas<Ownership>, now_ms: u64) {
        let State::Releasing(epoch) = self.state else { return };
        self.state = match released {
            Cas::Applied(_) | Cas::Refused(_) => {
                self.failures = 0;
                State::Idle
            }
            Cas::Unknown(_) if mutation::is(Mutation::ServingAfterRelease) => State::Owned(epoch),
            Cas::Unknown(_) => {
                self.failures += 1;
                State::ReleaseRetrying(epoch, now_ms + pause_ms(self.failures))
            }
        };
    }

    fn found(
        &mut self,
        row: Ownership,
        may_fence: impl Fn(IncarnationId) -> bool,
        now_ms: u64,
    ) -> Option<Ask> {
        if self.doubt.is_some_and(|expected| row.epoch > expected) {
            self.doubt = None;
        }
        match row.owner {
            // Also the late success of a claim whose outcome was unknown: an epoch belongs to one incarnation.
            Some(owner) if owner == self.me && Some(row.epoch) > self.dead => {
                self.state = State::Owned(row.epoch);
                self.failures = 0;
                None
            }
            _ if !self.wanted => self.later(now_ms),
            // Read before the release took place.
            Some(owner) if owner == self.me => self.later(now_ms),
            Some(_) if mutation::is(Mutation::UnfencedClaim) => self.claim(row),
            Some(owner) if may_fence(owner) => {
                self.state = State::Fencing(row);
                Some(Ask::Fence(owner))
            }
            // Its owner is alive: it has claimed it just now, or is about to give it back.
            Some(_) => self.later(now_ms),
            None => self.claim(row),
        }
    }

    fn claim(&mut self, row: Ownership) -> Option<Ask> {
        self.state = State::Claiming(row);
        Some(Ask::Claim(row))
    }

    fn later(&mut self, now_ms: u64) -> Option<Ask> {
        self.failures += 1;
        self.state = State::Retrying(now_ms + pause_ms(self.failures));
        None
    }
}

#[cfg(test)]
mod tests;
