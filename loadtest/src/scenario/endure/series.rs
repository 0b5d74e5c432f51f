//! How slow the slowest was, for each tenth of a second in which messages were due; and which sockets broke, and for how long.

use std::path::Path;

use anyhow::Context as _;
use serde::Serialize;

use crate::clock::{MILLISECOND, Nanos};

/// What is looked at together.
const STEP: Nanos = 100 * MILLISECOND;

/// The messages that were due in one step, and what was acknowledged in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Step {
    due: u32,
    /// Of those that were due then, whenever it was.
    acked: u32,
    /// Acknowledgements that came in it, whenever their messages were due.
    acks: u32,
    /// The slowest acknowledgement, from due to known.
    ack_max_ms: u32,
    /// The slowest delivery, from due to shown.
    delivery_max_ms: u32,
    /// Fetches and syncs that clients asked for again in it, because no answer came.
    reads_again: u64,
}

/// A socket that broke. Times since the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
struct Break {
    lost_ms: u64,
    /// The same client was authenticated on another socket.
    back_ms: Option<u64>,
}

/// Which break, for [`Series::back`].
#[derive(Clone, Copy, Debug)]
pub(super) struct BreakNumber(usize);

/// See the module.
#[derive(Debug, Serialize)]
pub(super) struct Series {
    /// When the first step began, by the wall clock.
    start_unix_ms: u64,
    step_ms: u64,
    steps: Vec<Step>,
    breaks: Vec<Break>,
}

impl Series {
    /// Begins at the run's zero, which is `start_unix_ms`.
    pub(super) fn new(start_unix_ms: u64) -> Self {
        Self { start_unix_ms, step_ms: STEP / MILLISECOND, steps: Vec::new(), breaks: Vec::new() }
    }

    pub(super) fn due(&mut self, due: Nanos) {
        self.step(due).due += 1;
    }

    pub(super) fn acked(&mut self, due: Nanos, at: Nanos) {
        let step = self.step(due);
        step.acked += 1;
        step.ack_max_ms = step.ack_max_ms.max(milliseconds(due, at));
        self.step(at).acks += 1;
    }

    pub(super) fn delivered(&mut self, due: Nanos, at: Nanos) {
        let step = self.step(due);
        step.delivery_max_ms = step.delivery_max_ms.max(milliseconds(due, at));
    }

    pub(super) fn read_again(&mut self, at: Nanos, times: u64) {
        self.step(at).reads_again += times;
    }

    pub(super) fn lost(&mut self, at: Nanos) -> BreakNumber {
        self.breaks.push(Break { lost_ms: at / MILLISECOND, back_ms: None });
        BreakNumber(self.breaks.len() - 1)
    }

    pub(super) fn back(&mut self, BreakNumber(number): BreakNumber, at: Nanos) {
        self.breaks[number].back_ms = Some(at / MILLISECOND);
    }

    fn step(&mut self, due: Nanos) -> &mut Step {
        let index = usize::try_from(due / STEP).unwrap_or(usize::MAX);
        if index >= self.steps.len() {
            self.steps.resize(index + 1, Step::default());
        }
        &mut self.steps[index]
    }

    pub(super) fn write(&self, path: &Path) -> anyhow::Result<()> {
        std::fs::write(path, serde_json::to_string(self)? + "\n").with_context(|| path.display().to_string())
    }
}

fn milliseconds(due: Nanos, at: Nanos) -> u32 {
    u32::try_from(at.saturating_sub(due) / MILLISECOND).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slowest_of_a_step_is_kept_where_it_was_due() {
        let mut series = Series::new(0);
        for number in 0..3 {
            series.due(250 * MILLISECOND);
            series.acked(250 * MILLISECOND, (260 + number * 10) * MILLISECOND);
        }
        series.due(290 * MILLISECOND);
        series.acked(290 * MILLISECOND, 310 * MILLISECOND);
        series.read_again(220 * MILLISECOND, 2);
        let expected = Step { due: 4, acked: 4, acks: 3, ack_max_ms: 30, delivery_max_ms: 0, reads_again: 2 };
        let last = Step { acks: 1, ..Step::default() };
        assert_eq!(series.steps, [Step::default(), Step::default(), expected, last]);
    }

    #[test]
    fn a_break_ends_when_its_own_client_is_back() {
        let mut series = Series::new(0);
        let first = series.lost(MILLISECOND);
        series.lost(2 * MILLISECOND);
        series.back(first, 5 * MILLISECOND);
        let expected = [Break { lost_ms: 1, back_ms: Some(5) }, Break { lost_ms: 2, back_ms: None }];
        assert_eq!(series.breaks, expected);
    }
}
