//! Whether two processes agree on the time: asked as NTP asks, several times, and the quickest answer counts.
//!
//! ```text
//! lead   asked ───────────────► answered      the part's clock was read between the two: it is ahead by
//! part            at                          at - (asked + answered) / 2, give or take half of the way there and back
//! ```

use crate::clock::Nanos;

/// How often a part is asked.
pub(super) const TIMES: u64 = 8;

/// What the answers say; all on the machines' monotonic clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Agreement {
    /// The part's clock minus the lead's, nanoseconds.
    pub ahead: i64,
    /// By so much it may be wrong, nanoseconds.
    pub error: Nanos,
}

impl Agreement {
    /// Of one question.
    pub fn of(asked: i64, at: i64, answered: i64) -> Self {
        let way = answered.saturating_sub(asked).max(0);
        Self {
            ahead: at.saturating_sub(asked).saturating_sub(way / 2),
            error: way.unsigned_abs().div_ceil(2),
        }
    }

    /// Of two, the closer.
    pub fn closer(self, other: Self) -> Self {
        if other.error < self.error { other } else { self }
    }

    /// Whether the clocks may be the same one.
    pub fn is_one_clock(&self) -> bool {
        self.ahead.unsigned_abs() <= self.error
    }

    /// By how much the part's clock went ahead or fell behind since, beyond what the two may be wrong.
    pub fn moved(&self, later: &Self) -> Nanos {
        let apart = self.ahead.abs_diff(later.ahead);
        apart.saturating_sub(self.error + later.error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quickest_answer_counts() {
        let slow = Agreement::of(1000, 9000, 3000);
        let quick = Agreement::of(5000, 12_100, 5200);
        assert_eq!(slow, Agreement { ahead: 7000, error: 1000 });
        assert_eq!(slow.closer(quick), Agreement { ahead: 7000, error: 100 });
        assert_eq!(quick.closer(slow), quick);
    }

    #[test]
    fn one_clock_is_told_from_two_and_one_that_runs_from_one_that_stays() {
        assert!(Agreement::of(100, 120, 200).is_one_clock());
        assert!(!Agreement::of(100, 220, 200).is_one_clock(), "ahead");
        assert!(!Agreement::of(100, 80, 200).is_one_clock(), "behind");
        let before = Agreement { ahead: -4000, error: 50 };
        assert_eq!(before.moved(&Agreement { ahead: -4080, error: 60 }), 0);
        assert_eq!(before.moved(&Agreement { ahead: -3000, error: 60 }), 890);
    }
}
