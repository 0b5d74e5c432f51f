//! What all sockets of one user together may ask for, by kind. Shared by shards without a lock: a compare-and-swap for each
//! command, of a word that only the same user's sockets touch.

use std::sync::atomic::{AtomicU64, Ordering};

use proto::ClientFrame;
use proto::presence::PresenceAsk;

use crate::config::{RateLimit, UserRateLimits};

/// What a command costs others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CommandClass {
    /// It changes something, and others are told: sends, recalls, changes of any kind.
    Write,
    /// It reads a log or a list.
    Read,
    /// It says what the user is doing or has seen.
    Signal,
}

impl CommandClass {
    /// The class of a frame; `None` for those that the gateway answers itself.
    pub(crate) fn of(frame: &ClientFrame) -> Option<Self> {
        match frame {
            ClientFrame::Hello(_) | ClientFrame::Ping => None,
            ClientFrame::Fetch(_)
            | ClientFrame::Sync(_)
            | ClientFrame::Pins(_)
            | ClientFrame::Versions(_)
            | ClientFrame::Readers(_)
            | ClientFrame::Confirmations(_) => Some(Self::Read),
            ClientFrame::Presence(PresenceAsk::Subscribe(_)) => Some(Self::Read),
            ClientFrame::Typing(_)
            | ClientFrame::Read(_)
            | ClientFrame::Delivered(_)
            | ClientFrame::Confirm(_)
            | ClientFrame::Presence(_) => Some(Self::Signal),
            // What is not known to be harmless is counted with what is not.
            _ => Some(Self::Write),
        }
    }

    /// As metrics name it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Write => "user_writes",
            Self::Read => "user_reads",
            Self::Signal => "user_signals",
        }
    }
}

/// The theoretical arrival time (ITU-T I.371) of the next command of each class, and of any, in microseconds.
#[derive(Default)]
pub(crate) struct UserRates {
    any: AtomicU64,
    classes: [AtomicU64; 3],
}

/// A command over a user's limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OverRate {
    /// Which limit, as metrics name it.
    pub(crate) limit: &'static str,
    pub(crate) retry_after_ms: u32,
}

impl UserRates {
    /// Counts one command.
    pub(crate) fn take(
        &self,
        limits: &UserRateLimits,
        class: CommandClass,
        now_us: u64,
    ) -> Result<(), OverRate> {
        let limit = match class {
            CommandClass::Write => &limits.writes,
            CommandClass::Read => &limits.reads,
            CommandClass::Signal => &limits.signals,
        };
        take(&self.classes[class as usize], limit, now_us, class.name())?;
        take(&self.any, &limits.commands, now_us, "user_commands")
    }

    /// Everything that was used is there again.
    pub(super) fn has_rested(&self, now_us: u64) -> bool {
        self.classes.iter().chain([&self.any]).all(|next_us| next_us.load(Ordering::Relaxed) <= now_us)
    }
}

fn take(next_us: &AtomicU64, limit: &RateLimit, now_us: u64, name: &'static str) -> Result<(), OverRate> {
    let (interval_us, tolerance_us) = limit.interval_and_tolerance_us();
    // Only the number itself is shared: nothing is published by it.
    let taken = next_us.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |next_us| {
        let early_us = next_us.saturating_sub(now_us);
        (early_us <= tolerance_us).then(|| next_us.max(now_us) + interval_us)
    });
    taken.map(|_| ()).map_err(|next_us| {
        let wait_ms = (next_us.saturating_sub(now_us) - tolerance_us).div_ceil(1_000);
        OverRate { limit: name, retry_after_ms: u32::try_from(wait_ms).unwrap_or(u32::MAX) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn limit(per_second: u32, burst: u32) -> RateLimit {
        RateLimit { per_second, burst }
    }

    const LIMITS: UserRateLimits = UserRateLimits {
        commands: limit(10, 5),
        writes: limit(10, 2),
        reads: limit(10, 4),
        signals: limit(1, 1),
    };

    #[test]
    fn each_class_has_its_own_rate() {
        let rates = UserRates::default();
        for _ in 0..2 {
            assert_eq!(rates.take(&LIMITS, CommandClass::Write, 0), Ok(()));
        }
        let refused = OverRate { limit: "user_writes", retry_after_ms: 100 };
        assert_eq!(rates.take(&LIMITS, CommandClass::Write, 0), Err(refused));
        assert_eq!(rates.take(&LIMITS, CommandClass::Signal, 0), Ok(()));
        assert_eq!(rates.take(&LIMITS, CommandClass::Write, 100_000), Ok(()), "the advice was enough");
    }

    #[test]
    fn all_classes_together_have_one_too() {
        let rates = UserRates::default();
        for class in [
            CommandClass::Write,
            CommandClass::Write,
            CommandClass::Read,
            CommandClass::Read,
            CommandClass::Read,
        ] {
            assert_eq!(rates.take(&LIMITS, class, 0), Ok(()));
        }
        let refused = OverRate { limit: "user_commands", retry_after_ms: 100 };
        assert_eq!(rates.take(&LIMITS, CommandClass::Read, 0), Err(refused));
        assert!(!rates.has_rested(499_999));
        assert!(rates.has_rested(1_000_000));
    }
}
