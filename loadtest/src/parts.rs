//! One run by several processes of this program, on one machine or on many, when one thread or 64,000 ports are not enough.
//!
//! ```text
//! lead ── Clock ×8 ──► part        on one machine all must have the same clock; on many, what it is ahead is taken off
//!      ── Assignment ─► which share of the connections, the scenario, the run's mark
//!      ── Open ───────► opens its connections       ◄─ Ready
//!      ── Start{at} ──► one schedule for all; each sends what its own connections send       ◄─ Tick, each second
//!      ── Finish ─────► when every acknowledged message has arrived wherever it should, or the grace is over
//!      ◄─ Found ─────── histograms bucket by bucket, the audit message by message
//! ```
//!
//! **Guarantees.** What comes out is what one process would have found: a message that one part sent, another received and
//! a third should have received is found lost. Clocks that do not agree, and a part that ends early or falls silent, end the run.
//!
//! **Does not** tear pairs of users apart: both are of one part.
//!
//! **Limits.** Parts wait for each other at the start; the slowest to open decides.

mod agreement;
mod conduct;
mod follower;
mod found;
mod machines;
mod pipe;
mod processes;
mod team;
mod words;

use std::ops::Range;

use serde::{Deserialize, Serialize};

pub use conduct::{hold, perform};
pub use follower::{Follower, TICK_AT_THE_END};
pub use found::{Extras, Found};
pub use machines::wait;
pub use processes::serve;
pub use team::Team;
pub use words::{Assignment, Terms, Tick};

/// Which part of a run a process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// From 0.
    pub number: usize,
    /// How many there are.
    pub of: usize,
}

impl Share {
    /// All of it.
    pub const WHOLE: Self = Self { number: 0, of: 1 };

    /// Those of so many connections that are this part's; they begin with an even one, so that pairs stay together.
    pub fn mine(&self, connections: usize) -> Range<usize> {
        let at = |number: usize| match number {
            last if last == self.of => connections,
            number => (connections as u128 * number as u128 / self.of as u128) as usize & !1,
        };
        at(self.number)..at(self.number + 1)
    }

    /// This part's share of a rate.
    pub fn rate(&self, per_second: f64) -> f64 {
        per_second / self.of as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cover_everybody_and_tear_no_pair_apart() {
        for (connections, of) in [(10, 3), (1000, 7), (15_000, 4), (4, 2), (5, 2), (3, 8), (1_000_000, 53)] {
            let mut next = 0;
            for number in 0..of {
                let mine = Share { number, of }.mine(connections);
                assert_eq!(mine.start, next);
                assert!(mine.start.is_multiple_of(2) || mine.is_empty(), "{mine:?}");
                next = mine.end;
            }
            assert_eq!(next, connections);
        }
    }
}
