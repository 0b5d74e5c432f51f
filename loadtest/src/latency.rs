//! Latencies, kept whole: every one counts, none is sampled.

use hdrhistogram::Histogram;

use crate::clock::Nanos;

/// Microseconds up to a minute, to three digits.
#[derive(Clone, Debug)]
pub struct Latencies(Histogram<u64>);

/// The longest that is told apart.
const MICROS_MAX: u64 = 60_000_000;

impl Default for Latencies {
    fn default() -> Self {
        let histogram = Histogram::new_with_bounds(1, MICROS_MAX, 3);
        Self(histogram.unwrap_or_else(|_| unreachable!("the bounds are constants that fit")))
    }
}

impl Latencies {
    /// Counts one.
    pub fn record(&mut self, nanos: Nanos) {
        self.0.saturating_record((nanos / 1000).max(1));
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// In seconds; 0 when there are none.
    pub fn quantile_seconds(&self, quantile: f64) -> f64 {
        self.0.value_at_quantile(quantile) as f64 / 1e6
    }

    /// In seconds; 0 when there are none.
    pub fn max_seconds(&self) -> f64 {
        self.0.max() as f64 / 1e6
    }

    /// In seconds; 0 when there are none.
    pub fn mean_seconds(&self) -> f64 {
        if self.0.is_empty() { 0.0 } else { self.0.mean() / 1e6 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_within_a_thousandth_and_the_longest_is_kept() {
        let mut latencies = Latencies::default();
        for micros in 1..=10_000 {
            latencies.record(micros * 1000);
        }
        assert!((latencies.quantile_seconds(0.99) - 0.0099).abs() < 0.0099 * 0.002);
        latencies.record(Nanos::MAX);
        assert!((latencies.max_seconds() - 60.0).abs() < 0.1);
        assert_eq!(latencies.count(), 10_001);
    }
}
