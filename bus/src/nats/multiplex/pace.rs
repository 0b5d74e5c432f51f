//! How fast the server is told: so many changes a second, in batches, never in step with other processes.
//!
//! **Guarantees.** In any second at most [`Pace::per_second`] changes and one [`BATCH`] of them more. After a rest a whole batch
//! goes out at once.
//!
//! **Does not** sleep: it says when to come again.

use std::time::Duration;

use rand::RngExt as _;
use tokio::time::Instant;

/// The time whose changes may go out at once. Batches come half as far apart, on average.
const BATCH: Duration = Duration::from_millis(100);

/// See the module.
pub(super) struct Pace {
    per_second: f64,
    allowed: f64,
    counted: Instant,
}

impl Pace {
    /// `per_second` of 0 counts as 1.
    pub(super) fn new(per_second: u32, now: Instant) -> Self {
        let mut pace = Self { per_second: f64::from(per_second.max(1)), allowed: 0.0, counted: now };
        pace.allowed = pace.batch();
        pace
    }

    fn batch(&self) -> f64 {
        (self.per_second * BATCH.as_secs_f64()).max(1.0)
    }

    /// Whether one more change may go out now.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        let since = now.saturating_duration_since(self.counted).as_secs_f64();
        self.counted = now;
        self.allowed = (self.allowed + since * self.per_second).min(self.batch());
        if self.allowed < 1.0 {
            return false;
        }
        self.allowed -= 1.0;
        true
    }

    /// When the next batch may go out, after [`Self::take`] said no.
    pub(super) fn next_batch(&self, now: Instant) -> Instant {
        // At least until one is allowed; else a random part of a batch, so that many processes do not beat in step.
        let one = (1.0 - self.allowed).max(0.0) / self.per_second;
        let part = BATCH.as_secs_f64() * rand::rng().random_range(0.25..0.75);
        now + Duration::from_secs_f64(one.max(part))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn changes_keep_to_the_rate() {
        let start = Instant::now();
        let mut pace = Pace::new(1_000, start);
        let mut times = Vec::new();
        while times.len() < 5_000 {
            let now = Instant::now();
            if pace.take(now) {
                times.push(now);
            } else {
                tokio::time::sleep_until(pace.next_batch(now)).await;
            }
        }
        let took = start.elapsed();
        assert!(took >= Duration::from_millis(4_800) && took < Duration::from_millis(5_100), "{took:?}");
        for (at, first) in times.iter().enumerate() {
            let within =
                times[at..].iter().take_while(|time| **time < *first + Duration::from_secs(1)).count();
            assert!(within <= 1_100, "{within} in one second");
        }
        assert_eq!(
            times.iter().filter(|time| **time == start).count(),
            100,
            "the first batch goes out at once"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_pace_still_moves() {
        let start = Instant::now();
        let mut pace = Pace::new(2, start);
        let mut count = 0;
        while count < 4 {
            let now = Instant::now();
            if pace.take(now) {
                count += 1;
            } else {
                tokio::time::sleep_until(pace.next_batch(now)).await;
            }
        }
        let took = start.elapsed();
        assert!(took >= Duration::from_millis(1_500) && took < Duration::from_millis(1_700), "{took:?}");
    }
}
