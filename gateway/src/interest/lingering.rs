//! When users without a session are forgotten: between the least and the most time that interest lingers, each at a random
//! moment, so that a crowd that left at once does not unsubscribe at once.
//!
//! **Does not** know who came back: [`super::Interest::forget`] does, and does nothing for them.
//!
//! **Limits.** [`LINGERING_MAX`] departures; above it the user is forgotten at once.

use std::time::Duration;

use proto::UserId;
use rand::RngExt as _;
use rand::rngs::SmallRng;

use crate::wheel::{Tick, Wheel};

/// Departures of one shard that are remembered.
pub(crate) const LINGERING_MAX: usize = 1 << 18;

/// See the module.
pub(crate) struct Lingering {
    wheel: Wheel<UserId>,
    departures: usize,
}

impl Lingering {
    pub(crate) fn new() -> Self {
        Self { wheel: Wheel::new(), departures: 0 }
    }

    /// When interest that ends now is forgotten: at once where nothing is to linger, or there is no room.
    pub(crate) fn until(&self, now: Tick, least: Duration, most: Duration, random: &mut SmallRng) -> Tick {
        if most.is_zero() || self.departures >= LINGERING_MAX {
            return now;
        }
        now.after(random.random_range(least..=most.max(least)))
    }

    /// The user left, and is to be forgotten then.
    pub(crate) fn left(&mut self, user: UserId, until: Tick) {
        self.departures += 1;
        self.wheel.insert(until, user);
    }

    /// Moves to `now` and gives whose time came.
    pub(crate) fn due(&mut self, now: Tick) -> Vec<(Tick, UserId)> {
        let mut due = Vec::new();
        self.wheel.advance(now, &mut due);
        self.departures -= due.len();
        due
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rand::SeedableRng as _;

    use super::*;
    use crate::wheel::TICK;

    const LEAST: Duration = Duration::from_secs(30);
    const MOST: Duration = Duration::from_secs(60);

    #[test]
    fn a_crowd_that_left_at_once_is_forgotten_bit_by_bit() {
        let (mut lingering, mut random) = (Lingering::new(), SmallRng::seed_from_u64(1));
        let start = Tick(1_000);
        lingering.due(start);
        for number in 0..10_000 {
            let until = lingering.until(start, LEAST, MOST, &mut random);
            lingering.left(UserId::parse(&format!("u{number}")).unwrap(), until);
        }
        let mut forgotten = BTreeSet::new();
        let mut most_at_once = 0;
        for tick in 1..=1_000 {
            let due = lingering.due(Tick(start.0 + tick));
            let after = TICK * tick;
            assert!(due.is_empty() || (after >= LEAST && after <= MOST + 2 * TICK), "{after:?}");
            most_at_once = most_at_once.max(due.len());
            forgotten.extend(due.into_iter().map(|(_, user)| user));
        }
        assert_eq!((forgotten.len(), lingering.departures), (10_000, 0));
        assert!(most_at_once < 100, "{most_at_once} in one tick, where 34 are the average");
    }

    #[test]
    fn without_room_or_time_nobody_lingers() {
        let (mut lingering, mut random) = (Lingering::new(), SmallRng::seed_from_u64(1));
        let now = Tick(5);
        assert_eq!(lingering.until(now, Duration::ZERO, Duration::ZERO, &mut random), now);
        lingering.departures = LINGERING_MAX;
        assert_eq!(lingering.until(now, LEAST, MOST, &mut random), now);
    }
}
