//! When each message is due: an open loop, which does not wait for answers. A latency that counts from the due time
//! includes whatever kept the message from leaving ("coordinated omission" cannot hide it).

use crate::clock::{Nanos, SECOND};

/// Evenly spaced due times, from `start`.
#[derive(Clone, Copy, Debug)]
pub struct Schedule {
    start: Nanos,
    per_second: f64,
    warm_up: u64,
    total: u64,
}

impl Schedule {
    /// `per_second` messages a second, first for `warm_up`, which is not counted, then for `measured`.
    pub fn new(start: Nanos, per_second: f64, warm_up: Nanos, measured: Nanos) -> Self {
        let messages = |time: Nanos| (time as f64 / SECOND as f64 * per_second).round() as u64;
        let warm_up = messages(warm_up);
        Self { start, per_second, warm_up, total: warm_up + messages(measured).max(1) }
    }

    /// When message `number` is due.
    pub fn due(&self, number: u64) -> Nanos {
        self.start + (number as f64 / self.per_second * SECOND as f64) as Nanos
    }

    /// How many messages there are.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Whether message `number` counts.
    pub fn is_measured(&self, number: u64) -> bool {
        number >= self.warm_up
    }

    /// How many messages count.
    pub fn measured(&self) -> u64 {
        self.total - self.warm_up
    }

    /// How many messages are due by `now`.
    pub fn due_by(&self, now: Nanos) -> u64 {
        let Some(passed) = now.checked_sub(self.start) else { return 0 };
        let number = (passed as f64 / SECOND as f64 * self.per_second) as u64 + 1;
        number.min(self.total)
    }

    /// Seconds that count.
    pub fn measured_seconds(&self) -> f64 {
        self.measured() as f64 / self.per_second
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_kept_whatever_happens() {
        let schedule = Schedule::new(5 * SECOND, 1000.0, 2 * SECOND, 10 * SECOND);
        assert_eq!(schedule.due(0), 5 * SECOND);
        assert_eq!(schedule.due(12_000), 17 * SECOND);
        assert_eq!((schedule.total(), schedule.measured()), (12_000, 10_000));
        assert!(!schedule.is_measured(1999) && schedule.is_measured(2000));
        assert_eq!(schedule.due_by(0), 0);
        assert_eq!(schedule.due_by(5 * SECOND), 1);
        assert_eq!(schedule.due_by(6 * SECOND), 1001);
        assert_eq!(schedule.due_by(60 * SECOND), 12_000);
    }
}
