//! How long to wait before the next try: exponential with full jitter.

use std::time::Duration;

use rand::RngExt as _;
use rand::rngs::StdRng;

/// Waits drawn evenly from zero to a ceiling that doubles with each try ("full jitter": a crowd that lost its server
/// together comes back spread out).
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    /// The ceiling of the first wait.
    pub first: Duration,
    /// No ceiling is above this.
    pub max: Duration,
}

impl Backoff {
    /// The ceiling before try number `attempt`, from 0.
    pub fn ceiling(&self, attempt: u32) -> Duration {
        let doubled = self.first.checked_mul(1_u32.checked_shl(attempt.min(20)).unwrap_or(u32::MAX));
        doubled.map_or(self.max, |wait| wait.min(self.max))
    }

    /// A wait before try number `attempt`, from 0.
    pub fn draw(&self, attempt: u32, random: &mut StdRng) -> Duration {
        let ceiling = u64::try_from(self.ceiling(attempt).as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(random.random_range(0..=ceiling))
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;

    const BACKOFF: Backoff = Backoff { first: Duration::from_millis(100), max: Duration::from_secs(5) };

    #[test]
    fn ceilings_double_up_to_the_maximum_and_never_overflow() {
        let millis: Vec<u128> = (0..8).map(|attempt| BACKOFF.ceiling(attempt).as_millis()).collect();
        assert_eq!(millis, [100, 200, 400, 800, 1600, 3200, 5000, 5000]);
        assert_eq!(BACKOFF.ceiling(u32::MAX), BACKOFF.max);
    }

    #[test]
    fn waits_fill_the_whole_range_below_the_ceiling() {
        let mut random = StdRng::seed_from_u64(7);
        let waits: Vec<Duration> = (0..1000).map(|_| BACKOFF.draw(2, &mut random)).collect();
        assert!(waits.iter().all(|wait| *wait <= Duration::from_millis(400)));
        assert!(waits.iter().any(|wait| *wait < Duration::from_millis(40)));
        assert!(waits.iter().any(|wait| *wait > Duration::from_millis(360)));
    }
}
