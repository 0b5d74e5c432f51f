//! Checks of the own fence, shared by everything that waits to be told (FENCE A3).

use store::mutation::{self, Mutation};
use store::{Verified, VerifyError};

use super::incarnation::Incarnation;
use super::ops::Done;
use crate::told;
use crate::turn::Death;

/// Without anything to be told, the own fence is looked at so often, in milliseconds.
const CHECK_MS: u64 = 1_000;

/// Whether an incarnation may take commands and tell anything. While it does not hear itself, others may take over and tell
/// more than it knows; it would tell nothing wrong, but old heads. Their heartbeats may be lost, so that hearing itself
/// again is not enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wakefulness {
    /// It does not hear itself, or never did.
    Asleep,
    /// It hears itself, and has not asked yet whether anybody took over.
    Doubtful,
    /// It hears itself, and has asked since.
    Asking,
    /// Nobody had taken over after it heard itself again.
    Awake,
}

impl Incarnation<'_> {
    /// Follows from whether it hears itself.
    pub(super) fn wake_or_sleep(&mut self) {
        self.wakefulness = match (self.peers.is_heard(self.now.steady_ms), self.wakefulness) {
            (false, _) => Wakefulness::Asleep,
            (true, Wakefulness::Asleep) if mutation::is(Mutation::WakesUnasked) => Wakefulness::Awake,
            (true, Wakefulness::Asleep) => Wakefulness::Doubtful,
            (true, as_before) => as_before,
        };
    }

    /// Whether commands may be taken, and anything told.
    pub(super) fn is_awake(&self) -> bool {
        self.wakefulness == Wakefulness::Awake || mutation::is(Mutation::AnswersAsleep)
    }

    /// Starts a check for everything that is durable by now, unless one is under way: that one started too early.
    pub(super) fn begin_verify(&mut self) {
        if !self.verifying.is_empty() {
            return;
        }
        if let Some((_, at)) = &self.unchecked {
            if *at > self.now.steady_ms {
                return;
            }
            let again = self.unchecked.take().map(|(durable, _)| durable);
            self.durable.splice(0..0, again.unwrap_or_default());
        }
        if self.durable.is_empty() && !self.wants_check() {
            return;
        }
        self.metrics.verifies.increment(1);
        self.checked_ms = self.now.steady_ms;
        if self.wakefulness == Wakefulness::Doubtful {
            self.wakefulness = Wakefulness::Asking;
        }
        self.verifying = std::mem::take(&mut self.durable_keys);
        let (store, me, durable) = (self.store.clone(), self.me, std::mem::take(&mut self.durable));
        let kept = durable.clone();
        self.unchecked = Some((kept, u64::MAX));
        self.ops.push(Box::pin(async move { Done::Verified(store.verify(me, durable).await) }));
    }

    /// Reads need no check, so that one who only reads would never learn that it was fenced, and tell old heads.
    fn wants_check(&self) -> bool {
        let is_time = !self.serving.is_empty() && self.now.steady_ms >= self.checked_ms + CHECK_MS;
        !mutation::is(Mutation::AnswersAsleep) && (is_time || self.wakefulness == Wakefulness::Doubtful)
    }

    pub(super) fn verified(&mut self, verified: Result<Verified, VerifyError>) {
        let keys = std::mem::take(&mut self.verifying);
        match verified {
            Ok(verified) => {
                self.unchecked = None;
                self.verify_failures = 0;
                if self.wakefulness == Wakefulness::Asking {
                    self.wakefulness = Wakefulness::Awake;
                }
                for (key, told) in keys.into_iter().zip(told::each(&verified)) {
                    self.with(key, |conversation, turn| conversation.told(&told, turn));
                }
            }
            Err(VerifyError::Fenced) => self.death = Some(Death::Fenced),
            Err(VerifyError::Unknown(error)) => {
                self.verify_failures += 1;
                if self.wakefulness == Wakefulness::Asking {
                    self.wakefulness = Wakefulness::Doubtful;
                }
                if self.verify_failures == 1 {
                    tracing::debug!(%error, "check of the own fence failed, asking again");
                }
                let at = self.now.steady_ms + crate::rules::backoff::pause_ms(self.verify_failures);
                if let Some((_, again)) = &mut self.unchecked {
                    *again = at;
                }
                self.durable_keys.splice(0..0, keys);
            }
        }
    }
}
