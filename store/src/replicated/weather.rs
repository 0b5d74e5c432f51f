//! What a call meets on its way: drawn from the seed.

use std::time::Duration;

use lifecycle::sim::Random;

/// How bad it is. Chances are in thousandths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weather {
    /// The longest usual way from here to a replica or back, in microseconds.
    pub delay_us: u64,
    /// A message takes up to [`Self::slow_ms`] instead.
    pub slow: u64,
    /// See [`Self::slow`].
    pub slow_ms: u64,
    /// A plain write reaches a replica only up to [`Self::late_ms`] later.
    pub late: u64,
    /// See [`Self::late`]; 20,000 at most.
    pub late_ms: u64,
    /// A plain write never reaches a replica.
    pub lost: u64,
    /// A call fails before anything was sent.
    pub fail: u64,
    /// The answer of a call is lost, though it takes place.
    pub unanswered: u64,
    /// A conditional write, or a transaction on a projection, takes place later, or never, after it was given up.
    pub late_swap: u64,
    /// A conditional write is carried out twice, and the second answer is given.
    pub repeated: u64,
}

impl Weather {
    /// Everything arrives, soon.
    pub const fn calm() -> Self {
        Self {
            delay_us: 1_000,
            slow: 0,
            slow_ms: 0,
            late: 0,
            late_ms: 0,
            lost: 0,
            fail: 0,
            unanswered: 0,
            late_swap: 0,
            repeated: 0,
        }
    }

    /// One way between the caller and a replica.
    pub(super) fn way(&self, random: &mut Random) -> Duration {
        if random.per_mille(self.slow) {
            Duration::from_millis(random.between(1..self.slow_ms.max(1) + 1))
        } else {
            Duration::from_micros(random.between(50..self.delay_us.max(51)))
        }
    }

    /// The way of a plain write to one replica; `None` if it never arrives.
    pub(super) fn write_way(&self, random: &mut Random) -> Option<Duration> {
        if random.per_mille(self.lost) {
            None
        } else if random.per_mille(self.late) {
            Some(Duration::from_millis(random.between(1..self.late_ms.max(1) + 1)))
        } else {
            Some(self.way(random))
        }
    }

    /// What happens to a conditional write or a transaction.
    pub(super) fn fate(&self, random: &mut Random) -> Fate {
        if random.per_mille(self.fail) {
            Fate::Fails
        } else if random.per_mille(self.unanswered) {
            Fate::Unanswered
        } else if random.per_mille(self.late_swap) {
            if random.per_mille(500) {
                Fate::Late(Duration::from_millis(random.between(1..self.late_ms.max(1) + 1)))
            } else {
                Fate::Never
            }
        } else if random.per_mille(self.repeated) {
            Fate::Repeated
        } else {
            Fate::Usual
        }
    }
}

/// What happens to a conditional write or a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It takes place and is answered.
    Usual,
    /// Nothing takes place, and that is known.
    Fails,
    /// It takes place; the answer is lost.
    Unanswered,
    /// The answer is lost, and it takes place so much later.
    Late(Duration),
    /// The answer is lost, and it never takes place.
    Never,
    /// It is carried out twice.
    Repeated,
}
