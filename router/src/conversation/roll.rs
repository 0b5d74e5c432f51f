//! Leaving a full or outdated bucket, FENCE R1 to R3. Begins only with nothing in flight; nothing is appended until it
//! is decided.

use store::mutation::{self, Mutation};
use store::{Cas, Register, StoreError};

use super::{Conversation, Phase};
use crate::rules::backoff::pause_ms;
use crate::turn::{Death, Turn, Work};

/// A roll-over under way.
pub struct Roll {
    step: Step,
    retry_at: Option<u64>,
    failures: u32,
    since_ms: u64,
}

#[derive(Clone, Copy)]
enum Step {
    /// R1: the index row of the bucket being left.
    Index,
    /// R2: the register; once sent there is no way back to the old bucket.
    Move(Register),
}

impl Roll {
    pub fn retry_at(&self) -> Option<u64> {
        self.retry_at
    }
}

impl Conversation {
    pub(super) fn roll_over(&mut self, turn: &mut Turn<'_>) {
        debug_assert!(
            self.in_flight.is_none() || mutation::is(Mutation::RollWithoutBarrier),
            "R1: nothing unverified"
        );
        let since_ms = turn.now.steady_ms;
        self.phase = Phase::Rolling(Roll { step: Step::Index, retry_at: None, failures: 0, since_ms });
        turn.metrics.roll_overs.increment(1);
        self.ask_again(turn);
    }

    /// R1 broken: the batch in flight may fill the bucket, so it is left at once.
    pub(super) fn rolls_too_early(&self, turn: &Turn<'_>) -> bool {
        mutation::is(Mutation::RollWithoutBarrier)
            && self
                .in_flight
                .as_ref()
                .is_some_and(|batch| self.log.room(turn.now.wall, turn.rules) <= batch.len() as u64)
    }

    pub(super) fn indexed(&mut self, indexed: Result<(), StoreError>, turn: &mut Turn<'_>) {
        let Phase::Rolling(roll) = &mut self.phase else { return };
        if let Err(error) = indexed {
            self.roll_failed(&error, turn);
            return;
        }
        let now = self.log.register;
        roll.step = Step::Move(Register {
            version: now.version + 1,
            epoch: self.epoch,
            start: self.log.head.next(),
            bucket: now.bucket.after(turn.now.wall),
            bucket_first: self.log.head.next(),
            window: turn.rules.window,
            counted: self.log.counted,
        });
        self.ask_again(turn);
    }

    pub(super) fn rolled(&mut self, moved: Cas<Register>, turn: &mut Turn<'_>) {
        let Phase::Rolling(Roll { step: Step::Move(new), .. }) = &self.phase else { return };
        let new = *new;
        match moved {
            Cas::Applied(register) => self.rolled_over(register),
            // R3: an earlier try of the very same.
            Cas::Refused(Some(found)) if found == new => self.rolled_over(found),
            Cas::Refused(_) => *turn.death = Some(Death::Superseded),
            Cas::Unknown(_) if mutation::is(Mutation::OldBucketAfterUnknown) => {
                self.log.register.bucket_first = self.log.head.next();
                self.phase = Phase::Serving;
            }
            Cas::Unknown(error) => self.roll_failed(&error, turn),
        }
    }

    pub(super) fn retry_roll(&mut self, turn: &mut Turn<'_>) {
        let Phase::Rolling(roll) = &mut self.phase else { return };
        if roll.retry_at.is_some_and(|at| at <= turn.now.steady_ms) {
            roll.retry_at = None;
            self.ask_again(turn);
        }
    }

    fn rolled_over(&mut self, register: Register) {
        self.log.rolled_over(register);
        self.phase = Phase::Serving;
    }

    fn roll_failed(&mut self, error: &StoreError, turn: &mut Turn<'_>) {
        let Phase::Rolling(roll) = &mut self.phase else { return };
        roll.failures += 1;
        let waited_ms = turn.now.steady_ms.saturating_sub(roll.since_ms);
        if waited_ms > turn.rules.give_up_ms {
            tracing::error!(conversation = %self.id, waited_ms, %error, "roll-over given up");
            *turn.death = Some(Death::GaveUp);
            return;
        }
        roll.retry_at = Some(turn.now.steady_ms + pause_ms(roll.failures));
    }

    fn ask_again(&mut self, turn: &mut Turn<'_>) {
        let Phase::Rolling(roll) = &self.phase else { return };
        let now = self.log.register;
        turn.work.push(match roll.step {
            Step::Index => Work::WriteIndex { bucket: now.bucket, first: now.bucket_first },
            Step::Move(new) => Work::MoveRegister { expected: Some(now.version), new },
        });
    }
}
