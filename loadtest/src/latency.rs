//! Latencies, kept whole: every one counts, none is sampled.

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::clock::Nanos;

/// Microseconds up to a minute, to three digits. Written as [`Self::buckets`]: nothing is lost on the way to another process.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(into = "Vec<(u64, u64)>", from = "Vec<(u64, u64)>")]
pub struct Latencies(Histogram<u64>);

/// The longest that is told apart.
const MICROS_MAX: u64 = 60_000_000;

impl Default for Latencies {
    fn default() -> Self {
        let histogram = Histogram::new_with_bounds(1, MICROS_MAX, 3);
        Self(histogram.unwrap_or_else(|_| unreachable!("the bounds are constants that fit")))
    }
}

impl From<Latencies> for Vec<(u64, u64)> {
    fn from(latencies: Latencies) -> Self {
        latencies.buckets()
    }
}

impl From<Vec<(u64, u64)>> for Latencies {
    fn from(buckets: Vec<(u64, u64)>) -> Self {
        Self::from_buckets(&buckets)
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

    /// Counts all of `other` as well: the same as if they had been recorded here.
    pub fn merge(&mut self, other: &Self) {
        self.0.add(&other.0).unwrap_or_else(|_| unreachable!("all have the same bounds"));
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.0.reset();
    }

    /// Two digits of each, in a few hundred bytes.
    pub fn outline(&self) -> Outline {
        let mut buckets: Vec<(u32, u32)> = Vec::new();
        for bucket in self.0.iter_recorded() {
            let micros = two_digits(u32::try_from(bucket.value_iterated_to()).unwrap_or(u32::MAX));
            let count = u32::try_from(bucket.count_since_last_iteration()).unwrap_or(u32::MAX);
            match buckets.last_mut() {
                Some(last) if last.0 == micros => last.1 = last.1.saturating_add(count),
                _ => buckets.push((micros, count)),
            }
        }
        Outline(buckets)
    }

    /// Every bucket that is not empty: microseconds and how many. [`Self::from_buckets`] gives the same latencies back.
    pub fn buckets(&self) -> Vec<(u64, u64)> {
        let recorded = self.0.iter_recorded();
        recorded.map(|bucket| (bucket.value_iterated_to(), bucket.count_since_last_iteration())).collect()
    }

    /// As [`Self::buckets`] wrote them.
    pub fn from_buckets(buckets: &[(u64, u64)]) -> Self {
        let mut latencies = Self::default();
        for (micros, count) in buckets {
            latencies.0.saturating_record_n(*micros, *count);
        }
        latencies
    }

    /// The distribution as points: which share is at most so many seconds; closer together towards the slowest.
    pub fn distribution(&self) -> Vec<(f64, f64)> {
        if self.0.is_empty() {
            return Vec::new();
        }
        let shares = (0..=CURVE_POINTS).map(|point| 1.0 - 10_f64.powf(-f64::from(point) * CURVE_STEP));
        let mut points: Vec<(f64, f64)> = Vec::new();
        for share in shares {
            // Beyond this, less than one is left.
            if (1.0 - share) * (self.count() as f64) < 1.0 {
                break;
            }
            points.push((share, self.quantile_seconds(share)));
        }
        points.push((1.0, self.max_seconds()));
        points
    }
}

/// Points of a distribution's curve, from 0 to 99.9999 %.
const CURVE_POINTS: u16 = 120;
/// From one to the next, the rest shrinks by this power of ten.
const CURVE_STEP: f64 = 0.05;

/// The latencies of a short time, to two digits: microseconds and how many, rising.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outline(Vec<(u32, u32)>);

impl Outline {
    /// How many there are.
    pub fn count(&self) -> u64 {
        self.0.iter().map(|(_, count)| u64::from(*count)).sum()
    }

    /// In seconds; 0 when there are none.
    pub fn quantile_seconds(&self, quantile: f64) -> f64 {
        let wanted = (self.count() as f64 * quantile).ceil().max(1.0) as u64;
        let mut passed = 0;
        for (micros, count) in &self.0 {
            passed += u64::from(*count);
            if passed >= wanted {
                return f64::from(*micros) / 1e6;
            }
        }
        0.0
    }

    /// Counts all of `other` as well.
    pub fn merge(&mut self, other: &Self) {
        for (micros, count) in &other.0 {
            match self.0.binary_search_by_key(micros, |bucket| bucket.0) {
                Ok(at) => self.0[at].1 = self.0[at].1.saturating_add(*count),
                Err(at) => self.0.insert(at, (*micros, *count)),
            }
        }
    }
}

fn two_digits(micros: u32) -> u32 {
    let mut scale = 1;
    while micros / scale >= 100 {
        scale *= 10;
    }
    micros / scale * scale
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

    #[test]
    fn what_is_written_and_read_back_is_the_same_to_the_last_bucket() {
        let mut latencies = Latencies::default();
        for number in 0..5000_u64 {
            latencies.record(number * number * 777);
        }
        let again = Latencies::from_buckets(&latencies.buckets());
        assert_eq!(again.0, latencies.0);
        let mut twice = latencies.clone();
        twice.merge(&again);
        assert_eq!(twice.count(), 10_000);
        assert_eq!(twice.quantile_seconds(0.9).to_bits(), latencies.quantile_seconds(0.9).to_bits());
    }

    #[test]
    fn an_outline_keeps_two_digits_and_merges_like_the_whole() {
        let (mut low, mut high) = (Latencies::default(), Latencies::default());
        for micros in 1..=1000 {
            low.record(micros * 1000);
            high.record((micros + 10_000) * 1000);
        }
        let mut outline = low.outline();
        assert!((outline.quantile_seconds(0.5) - 0.0005).abs() < 0.00002, "{outline:?}");
        outline.merge(&high.outline());
        assert_eq!(outline.count(), 2000);
        assert!((outline.quantile_seconds(0.75) - 0.0105).abs() < 0.001, "{outline:?}");
        assert!(outline.0.is_sorted() && outline.0.len() < 300);
        assert_eq!(Outline::default().quantile_seconds(0.5), 0.0);
    }

    #[test]
    fn a_distribution_rises_and_ends_with_the_slowest() {
        let mut latencies = Latencies::default();
        for micros in 1..=1000 {
            latencies.record(micros * 1000);
        }
        let points = latencies.distribution();
        assert!(points.is_sorted() && points.len() > 50, "{points:?}");
        assert_eq!(points.last().map(|last| last.0), Some(1.0));
        assert!(Latencies::default().distribution().is_empty());
    }
}
