//! The time of a shard: ticks for the wheel, microseconds for rates, the wall clock for deadlines.

use std::time::Duration;

use proto::Timestamp;
use tokio::time::Instant;

use crate::wheel::{TICK, Tick};

/// Read once per batch of work.
pub(super) struct Clock {
    start: Instant,
    elapsed: Duration,
    wall: Timestamp,
}

impl Clock {
    /// Microseconds count from `start` on all shards; ticks too.
    pub(super) fn since(start: Instant) -> Self {
        Self { start, elapsed: start.elapsed(), wall: Timestamp(lifecycle::wall_clock_ms()) }
    }

    /// Reads both clocks.
    pub(super) fn read(&mut self) {
        self.elapsed = self.start.elapsed();
        self.wall = Timestamp(lifecycle::wall_clock_ms());
    }

    pub(super) fn tick(&self) -> Tick {
        Tick(u32::try_from(self.elapsed.as_millis() / TICK.as_millis()).unwrap_or(u32::MAX))
    }

    pub(super) fn micros(&self) -> u64 {
        u64::try_from(self.elapsed.as_micros()).unwrap_or(u64::MAX)
    }

    pub(super) fn wall(&self) -> Timestamp {
        self.wall
    }

    /// The tick at which the wall clock will show this Unix time in seconds.
    pub(super) fn tick_at_unix(&self, seconds: u64) -> Tick {
        self.tick_at_unix_ms(seconds.saturating_mul(1_000))
    }

    /// The same for milliseconds.
    pub(super) fn tick_at_unix_ms(&self, ms: u64) -> Tick {
        self.tick().after(Duration::from_millis(ms.saturating_sub(self.wall.0)))
    }

    /// What the wall clock will show at the tick; `u64::MAX` for never.
    pub(super) fn unix_ms_at(&self, tick: Tick) -> u64 {
        if tick == Tick::NEVER { u64::MAX } else { self.wall.plus_ms(self.ms_until(tick).into()).0 }
    }

    /// Milliseconds until the tick.
    pub(super) fn ms_until(&self, tick: Tick) -> u32 {
        tick.0.saturating_sub(self.tick().0).saturating_mul(TICK.as_millis() as u32)
    }
}
