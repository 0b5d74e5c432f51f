//! The wall clock, asked in one place.

use std::time::{SystemTime, UNIX_EPOCH};

/// Unix time in milliseconds. May step in either direction: order never depends on it.
pub fn wall_clock_ms() -> u64 {
    #[cfg(feature = "sim")]
    if let Some(ms) = crate::sim::wall_clock_ms() {
        return ms;
    }
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
