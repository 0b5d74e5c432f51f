//! Buckets: time-bounded partitions of a conversation's log.

use proto::Timestamp;

/// `(days since 1970 / 10) << 8 | split`. Clocks only choose the name: a bucket's number only grows along a log,
/// whatever clocks do.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Bucket(pub u32);

/// Milliseconds of one window.
const WINDOW_MS: u64 = 10 * 24 * 60 * 60 * 1000;

impl Bucket {
    /// The first bucket of the window that holds a time.
    pub fn at(time: Timestamp) -> Self {
        Self(u32::try_from(time.0 / WINDOW_MS).unwrap_or(u32::MAX >> 8) << 8)
    }

    /// The bucket to roll over to: that of the clock, or the next one when the clock's is not larger.
    #[must_use]
    pub fn after(self, now: Timestamp) -> Self {
        Self::at(now).max(Self(self.0.saturating_add(1)))
    }

    /// The number of the window, in tens of days since 1970.
    pub fn window(self) -> u32 {
        self.0 >> 8
    }
}
