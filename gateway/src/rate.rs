//! The generic cell rate algorithm (ITU-T I.371): a rate limit with a burst in one number.

use crate::config::RateLimit;

/// What one session has used of its rate; 16 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RateMeter {
    /// The theoretical arrival time of the next command, in microseconds of the shard's clock.
    next_us: u64,
    /// Refusals since the session last rested.
    strikes: u16,
    /// Before this, in units of 2^16 microseconds, it has not rested from its last refusal.
    struck_until: u32,
}

const STRUCK_UNIT_BITS: u32 = 16;

/// The rate that a session may have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rate {
    interval_us: u64,
    tolerance_us: u64,
    strikes_max: u16,
}

/// What to do with one command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Carry it out.
    Admit,
    /// Refuse it; it would be admitted after so many milliseconds.
    Refuse { retry_after_ms: u32 },
    /// The session was refused too often without a rest.
    Abuse,
}

impl Rate {
    /// `per_second` commands sustained, `burst` at once after a rest; both at least 1.
    pub(crate) fn new(per_second: u32, burst: u32, strikes_max: u16) -> Self {
        let (interval_us, tolerance_us) = RateLimit { per_second, burst }.interval_and_tolerance_us();
        Self { interval_us, tolerance_us, strikes_max }
    }
}

impl RateMeter {
    /// Everything that was used is there again.
    pub(crate) fn has_rested(&self, now_us: u64) -> bool {
        self.next_us <= now_us
    }

    /// Counts a command at `now_us` that was refused, perhaps by another limit, until `retry_after_ms` have passed.
    pub(crate) fn strike(&mut self, rate: &Rate, now_us: u64, retry_after_ms: u32) -> Verdict {
        let until_us = now_us.saturating_add(u64::from(retry_after_ms) * 1_000);
        self.struck_until = u32::try_from(until_us >> STRUCK_UNIT_BITS).unwrap_or(u32::MAX);
        self.strikes = self.strikes.saturating_add(1);
        if self.strikes >= rate.strikes_max { Verdict::Abuse } else { Verdict::Refuse { retry_after_ms } }
    }

    /// Counts one command at `now_us`.
    pub(crate) fn take(&mut self, rate: &Rate, now_us: u64) -> Verdict {
        if self.next_us <= now_us && u64::from(self.struck_until) <= now_us >> STRUCK_UNIT_BITS {
            self.strikes = 0;
        }
        let early_us = self.next_us.saturating_sub(now_us);
        if early_us <= rate.tolerance_us {
            self.next_us = self.next_us.max(now_us) + rate.interval_us;
            return Verdict::Admit;
        }
        let wait_ms = (early_us - rate.tolerance_us).div_ceil(1_000);
        self.strike(rate, now_us, u32::try_from(wait_ms).unwrap_or(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_the_sustained_rate() {
        let rate = Rate::new(10, 3, 1_000);
        let mut meter = RateMeter::default();
        for _ in 0..3 {
            assert_eq!(meter.take(&rate, 1_000_000), Verdict::Admit);
        }
        assert_eq!(meter.take(&rate, 1_000_000), Verdict::Refuse { retry_after_ms: 100 });
        assert_eq!(meter.take(&rate, 1_100_000), Verdict::Admit);
        assert_eq!(meter.take(&rate, 1_100_000), Verdict::Refuse { retry_after_ms: 100 });
    }

    #[test]
    fn the_advice_is_enough() {
        let rate = Rate::new(3, 1, 1_000);
        let mut meter = RateMeter::default();
        assert_eq!(meter.take(&rate, 0), Verdict::Admit);
        let Verdict::Refuse { retry_after_ms } = meter.take(&rate, 7) else { panic!("too early") };
        assert_eq!(meter.take(&rate, 7 + u64::from(retry_after_ms) * 1_000), Verdict::Admit);
    }

    #[test]
    fn refusals_without_a_rest_are_abuse_and_a_rest_forgives() {
        let rate = Rate::new(10, 1, 3);
        let mut meter = RateMeter::default();
        assert_eq!(meter.take(&rate, 0), Verdict::Admit);
        assert!(matches!(meter.take(&rate, 0), Verdict::Refuse { .. }));
        assert!(matches!(meter.take(&rate, 0), Verdict::Refuse { .. }));
        assert_eq!(meter.take(&rate, 1_000_000), Verdict::Admit);
        assert!(matches!(meter.take(&rate, 1_000_000), Verdict::Refuse { .. }));
        assert!(matches!(meter.take(&rate, 1_000_000), Verdict::Refuse { .. }));
        assert_eq!(meter.take(&rate, 1_000_000), Verdict::Abuse);
    }

    #[test]
    fn refusals_by_another_limit_count_until_their_advice_has_passed() {
        let rate = Rate::new(1_000, 1_000, 3);
        let mut meter = RateMeter::default();
        for second in 0..2_u64 {
            let now_us = second * 1_000_000;
            assert_eq!(meter.take(&rate, now_us), Verdict::Admit);
            let refused = Verdict::Refuse { retry_after_ms: 2_000 };
            assert_eq!(meter.strike(&rate, now_us, 2_000), refused);
        }
        let mut rested = meter;
        assert_eq!(meter.take(&rate, 2_500_000), Verdict::Admit);
        assert_eq!(meter.strike(&rate, 2_500_000, 2_000), Verdict::Abuse);
        assert_eq!(rested.take(&rate, 3_100_000), Verdict::Admit);
        assert_eq!(rested.strike(&rate, 3_100_000, 5), Verdict::Refuse { retry_after_ms: 5 });
    }

    #[test]
    fn a_meter_is_sixteen_bytes() {
        assert_eq!(size_of::<RateMeter>(), 16);
    }
}
