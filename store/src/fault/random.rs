//! Faults by chance, from a seed.

use std::time::Duration;

use super::Fault;
use crate::call::Op;

/// How often each fault happens, in thousandths of calls. Their sum is at most 1,000.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rates {
    /// [`Fault::Fail`].
    pub fail: u32,
    /// [`Fault::UnknownApplied`].
    pub unknown_applied: u32,
    /// [`Fault::UnknownNever`].
    pub unknown_never: u32,
    /// [`Fault::UnknownLate`].
    pub unknown_late: u32,
    /// [`Fault::SlowBefore`] and [`Fault::SlowAfter`], half and half.
    pub slow: u32,
    /// [`Fault::Fenced`], of checks only.
    pub fenced: u32,
    /// The longest a slow call waits.
    pub slow_max: Duration,
    /// How often a late write arrives before a later call, in thousandths, each call anew.
    pub arrival: u32,
}

impl Rates {
    /// Nothing ever happens; for `..Rates::none()`.
    pub const fn none() -> Self {
        Self {
            fail: 0,
            unknown_applied: 0,
            unknown_never: 0,
            unknown_late: 0,
            slow: 0,
            fenced: 0,
            slow_max: Duration::ZERO,
            arrival: 0,
        }
    }
}

/// A seeded source of faults (SplitMix64: Steele, Lea and Flood 2014).
pub(super) struct Random {
    state: u64,
    rates: Rates,
}

impl Random {
    pub(super) fn new(seed: u64, rates: Rates) -> Self {
        Self { state: seed, rates }
    }

    pub(super) fn arrives(&mut self) -> bool {
        self.thousandth() < self.rates.arrival
    }

    pub(super) fn fault(&mut self, op: Op) -> Option<Fault> {
        let rates = self.rates;
        let time = self.time();
        let mut drawn = self.thousandth();
        let mut hit = |rate: u32| {
            let hit = drawn < rate;
            drawn = drawn.wrapping_sub(rate);
            hit
        };
        if hit(rates.fail) {
            Some(Fault::Fail)
        } else if hit(rates.unknown_applied) {
            Some(Fault::UnknownApplied)
        } else if hit(rates.unknown_never) {
            Some(Fault::UnknownNever)
        } else if hit(rates.unknown_late) {
            Some(Fault::UnknownLate)
        } else if hit(rates.slow / 2) {
            Some(Fault::SlowBefore(time))
        } else if hit(rates.slow - rates.slow / 2) {
            Some(Fault::SlowAfter(time))
        } else if hit(rates.fenced) && op == Op::Verify {
            Some(Fault::Fenced)
        } else {
            None
        }
    }

    fn time(&mut self) -> Duration {
        let longest = u64::try_from(self.rates.slow_max.as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(self.next() % longest.saturating_add(1).max(1))
    }

    fn thousandth(&mut self) -> u32 {
        u32::try_from(self.next() % 1_000).unwrap_or(0)
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
