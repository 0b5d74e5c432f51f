//! How long child processes take.

#![expect(clippy::disallowed_types, reason = "times child processes; no test pauses this clock")]

use std::time::Duration;

/// Runs from its creation.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(std::time::Instant);

impl Stopwatch {
    /// Starts at zero.
    pub fn start() -> Self {
        Self(std::time::Instant::now())
    }

    /// Since the start.
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}
