//! A line a second on standard error, so that nobody wonders.

use crate::clock::{Nanos, SECOND};
use crate::figures::grouped;

/// What is shown.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sample {
    /// Messages sent.
    pub sent: u64,
    /// Messages acknowledged or refused.
    pub settled: u64,
    /// Deliveries.
    pub delivered: u64,
    /// Refusals.
    pub refused: u64,
    /// Sockets that the server closed.
    pub closed: u64,
    /// So far, seconds.
    pub delivery_p99: f64,
}

/// Shows progress, unless told not to.
#[derive(Debug)]
pub struct Progress {
    scenario: &'static str,
    quiet: bool,
    shown_at: Nanos,
    before: Sample,
}

impl Progress {
    /// Of one scenario; a `quiet` one says nothing.
    pub fn of(scenario: &'static str, verbosity: Verbosity) -> Self {
        let quiet = verbosity == Verbosity::Quiet;
        Self { scenario, quiet, shown_at: 0, before: Sample::default() }
    }

    /// Whether a second has passed.
    pub fn is_due(&self, now: Nanos) -> bool {
        now >= self.shown_at + SECOND
    }

    /// Says something.
    pub fn say(&self, what: &str) {
        if !self.quiet {
            eprintln!("{}: {what}", self.scenario);
        }
    }

    /// Shows how far the run is.
    pub fn show(&mut self, now: Nanos, sample: Sample) {
        let seconds = (now - self.shown_at) as f64 / SECOND as f64;
        let rate = |now: u64, before: u64| grouped(((now - before) as f64 / seconds).round());
        let mut line = format!(
            "{:>4} s  sent {}/s  answered {}/s  delivered {}/s  in flight {}  delivery p99 {:.1} ms",
            now / SECOND,
            rate(sample.sent, self.before.sent),
            rate(sample.settled, self.before.settled),
            rate(sample.delivered, self.before.delivered),
            grouped(sample.sent.saturating_sub(sample.settled) as f64),
            sample.delivery_p99 * 1e3,
        );
        if sample.refused + sample.closed > 0 {
            line += &format!("  refused {}  sockets closed {}", sample.refused, sample.closed);
        }
        self.say(&line);
        (self.shown_at, self.before) = (now, sample);
    }
}

/// Whether progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verbosity {
    /// A line a second.
    Progress,
    /// Nothing.
    Quiet,
}
