//! Time of one run, as nanoseconds since it began.

use rustix::time::{ClockId, clock_gettime};

/// Nanoseconds since the run began.
pub type Nanos = u64;

/// One millisecond.
pub const MILLISECOND: Nanos = 1_000_000;
/// One second.
pub const SECOND: Nanos = 1_000_000_000;

/// Monotonic. Its zero is its creation, or that of another process's clock: on one machine all agree to the nanosecond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    /// On the machine's monotonic clock.
    zero: i64,
}

impl Clock {
    /// Starts at zero.
    pub fn start() -> Self {
        Self { zero: machine() }
    }

    /// The clock of another process on this machine, from its [`Self::zero`].
    pub fn of_zero(zero: i64) -> Self {
        Self { zero }
    }

    /// When it was zero, on the machine's clock; before the machine started, if need be.
    pub fn zero(&self) -> i64 {
        self.zero
    }

    /// Since the start; 0 before.
    pub fn now(&self) -> Nanos {
        u64::try_from(machine().saturating_sub(self.zero)).unwrap_or(0)
    }

    /// The same, `ahead` nanoseconds further.
    #[must_use]
    pub fn moved(&self, ahead: i64) -> Self {
        Self { zero: self.zero.saturating_sub(ahead) }
    }
}

/// Nanoseconds since the machine started: the same to all of its processes.
pub fn machine() -> i64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec.saturating_mul(1_000_000_000).saturating_add(now.tv_nsec)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_process_may_have_the_same_clock() {
        let clock = Clock::start();
        let other = Clock::of_zero(clock.zero());
        let (first, second, third) = (clock.now(), other.now(), clock.now());
        assert!(first <= second && second <= third && third < 60 * SECOND);
        assert!(clock.moved(5_000_000_000).now() >= 5 * SECOND);
        assert_eq!(clock.moved(-3_600_000_000_000).now(), 0, "an hour before its zero");
    }
}
