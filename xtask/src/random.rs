//! Choices that a seed repeats.

use std::time::Duration;

/// Xorshift (Marsaglia 2003): repeatable, and good enough to choose moments.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The same seed makes the same choices.
    pub fn of_seed(seed: u64) -> Self {
        Self(seed | 1)
    }

    /// A moment of a range, its ends included.
    pub fn between(&mut self, least: Duration, most: Duration) -> Duration {
        let range = u64::try_from(most.saturating_sub(least).as_micros()).unwrap_or(u64::MAX - 1);
        least + Duration::from_micros(self.next() % (range + 1))
    }

    /// A number below `count`, or 0.
    pub fn below(&mut self, count: usize) -> usize {
        usize::try_from(self.next() % (count.max(1) as u64)).unwrap_or(0)
    }

    /// Brings `items` into any order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for place in (1..items.len()).rev() {
            items.swap(place, self.below(place + 1));
        }
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 >> 11
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_spread_over_the_range_and_repeatable() {
        let (least, most) = (Duration::from_millis(200), Duration::from_millis(2000));
        let draw = || {
            let mut random = Random::of_seed(7);
            (0..100).map(|_| random.between(least, most)).collect::<Vec<_>>()
        };
        let moments = draw();
        assert_eq!(moments, draw());
        assert!(moments.iter().all(|moment| (least..=most).contains(moment)));
        assert!(moments.iter().any(|moment| *moment < Duration::from_millis(600)));
        assert!(moments.iter().any(|moment| *moment > Duration::from_millis(1600)));
    }

    #[test]
    fn a_shuffle_keeps_everything() {
        let mut items: Vec<usize> = (0..50).collect();
        Random::of_seed(3).shuffle(&mut items);
        assert_ne!(items, (0..50).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..50).collect::<Vec<_>>());
    }
}
