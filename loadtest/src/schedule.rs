//! When each message is due: an open loop, which does not wait for answers. A latency that counts from the due time
//! includes whatever kept the message from leaving ("coordinated omission" cannot hide it).

use crate::clock::{Nanos, SECOND};

/// Evenly spaced due times, from `start`; or closer together by day than by night.
#[derive(Clone, Copy, Debug)]
pub struct Schedule {
    start: Nanos,
    per_second: f64,
    warm_up: u64,
    total: u64,
    /// `None`: the rate is the same at all times.
    day: Option<Day>,
}

/// How a rate rises and falls: at the middle of a day it is `1 + swing` times the mean, at its ends `1 - swing` times.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Day {
    /// Seconds of one.
    pub seconds: f64,
    /// Below 1.
    pub swing: f64,
}

impl Day {
    /// Seconds at a steady mean rate in which as much is due as in the first `seconds` of days.
    fn steady(self, seconds: f64) -> f64 {
        let turn = std::f64::consts::TAU / self.seconds;
        seconds - self.swing / turn * (turn * seconds).sin()
    }

    /// The other way round.
    fn of_steady(self, steady: f64) -> f64 {
        let turn = std::f64::consts::TAU / self.seconds;
        // It rises everywhere, and is never further from the steady one than this.
        let (mut low, mut high) = (steady - self.swing / turn, steady + self.swing / turn);
        for _ in 0..40 {
            let middle = (low + high) / 2.0;
            if self.steady(middle) < steady { low = middle } else { high = middle }
        }
        high
    }
}

impl Schedule {
    /// `per_second` messages a second, first for `warm_up`, which is not counted, then for `measured`.
    pub fn new(start: Nanos, per_second: f64, warm_up: Nanos, measured: Nanos) -> Self {
        let messages = |time: Nanos| (time as f64 / SECOND as f64 * per_second).round() as u64;
        let warm_up = messages(warm_up);
        Self { start, per_second, warm_up, total: warm_up + messages(measured).max(1), day: None }
    }

    /// With a rate that rises and falls.
    #[must_use]
    pub fn with_day(self, day: Option<Day>) -> Self {
        Self { day, ..self }
    }

    /// When message `number` is due.
    pub fn due(&self, number: u64) -> Nanos {
        let steady = number as f64 / self.per_second;
        let seconds = self.day.map_or(steady, |day| day.of_steady(steady));
        self.start + (seconds * SECOND as f64) as Nanos
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
        let seconds = passed as f64 / SECOND as f64;
        let steady = self.day.map_or(seconds, |day| day.steady(seconds));
        let number = (steady * self.per_second) as u64 + 1;
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
    fn by_day_more_is_due_than_by_night_and_in_a_whole_day_the_mean() {
        let day = Day { seconds: 10.0, swing: 0.8 };
        let schedule = Schedule::new(0, 1000.0, 0, 20 * SECOND).with_day(Some(day));
        let due_in = |from: u64, to: u64| schedule.due_by(to * SECOND) - schedule.due_by(from * SECOND);
        assert!(due_in(4, 6) > 5 * due_in(9, 11), "{} {}", due_in(4, 6), due_in(9, 11));
        assert!(due_in(0, 10).abs_diff(10_000) < 3);
        for number in (0..20_000).step_by(97) {
            assert!(schedule.due(number) < schedule.due(number + 1));
            assert!(schedule.due_by(schedule.due(number) + 1000).abs_diff(number + 1) <= 1, "{number}");
        }
    }

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
