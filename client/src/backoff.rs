//! How long to wait before the next try: exponential with full jitter.

use std::time::Duration;

use rand::{Rng, RngExt as _};

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
    /// Of clients: waits of up to 0.1 s at first, and of up to 10 s in the end.
    pub const USUAL: Self = Self { first: Duration::from_millis(100), max: Duration::from_secs(10) };

    /// The ceiling before try number `attempt`, from 0.
    pub fn ceiling(&self, attempt: u32) -> Duration {
        let doubled = self.first.checked_mul(1_u32.checked_shl(attempt.min(20)).unwrap_or(u32::MAX));
        doubled.map_or(self.max, |wait| wait.min(self.max))
    }

    /// A wait before try number `attempt`, from 0.
    pub fn draw(&self, attempt: u32, random: &mut impl Rng) -> Duration {
        let ceiling = u64::try_from(self.ceiling(attempt).as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(random.random_range(0..=ceiling))
    }

    /// A wait after a refusal for now, the first of which is `attempt` 0: never shorter than the server advises.
    pub fn after_refusal(&self, retry_after_ms: u32, attempt: u32, random: &mut impl Rng) -> Duration {
        Duration::from_millis(u64::from(retry_after_ms)) + self.draw(attempt, random)
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand::rngs::StdRng;

    use super::*;

    const BACKOFF: Backoff = Backoff { max: Duration::from_secs(5), ..Backoff::USUAL };

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

    #[test]
    fn advice_is_heeded_and_those_who_were_refused_together_come_back_apart() {
        let mut random = StdRng::seed_from_u64(7);
        let waits: Vec<Duration> = (0..1000).map(|_| BACKOFF.after_refusal(500, 0, &mut random)).collect();
        assert!(waits.iter().all(|wait| (500..=600).contains(&wait.as_millis())));
        assert!(
            waits.iter().any(|wait| wait.as_millis() < 510)
                && waits.iter().any(|wait| wait.as_millis() > 590)
        );
    }
}
