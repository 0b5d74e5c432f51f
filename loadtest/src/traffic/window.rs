//! Senders with a bounded number of messages unanswered: what is due beyond that is offered to the server, and withheld.
//! Without the bound, a server that does not read would be measured by this program's memory.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::clock::{Nanos, SECOND};
use crate::schedule::Schedule;

/// An answer that takes longer is no answer any more: the time that a server has for a command.
pub const ANSWER_MAX: Nanos = 10 * SECOND;

/// How senders were served.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Served {
    /// By sender: acknowledgements that came in the measured time.
    pub acked: BTreeMap<usize, u64>,
    /// Measured messages that were due while their sender had as many unanswered as it may.
    pub withheld: u64,
    /// Measured messages whose answer came after [`ANSWER_MAX`].
    pub late: u64,
    /// Refusals that were anything but `BUSY` with advice when to try again.
    pub unadvised: u64,
}

impl Served {
    /// Adds those of another process.
    pub fn merge(&mut self, other: &Self) {
        for (sender, count) in &other.acked {
            *self.acked.entry(*sender).or_default() += count;
        }
        self.withheld += other.withheld;
        self.late += other.late;
        self.unadvised += other.unadvised;
    }
}

/// How many messages of each connection are unanswered.
#[derive(Clone, Debug)]
pub(super) struct Window {
    unanswered_max: u32,
    unanswered: Vec<u32>,
}

impl Window {
    pub(super) fn new(unanswered_max: u32, connections: usize) -> Self {
        Self { unanswered_max, unanswered: vec![0; connections] }
    }

    /// Whether connection `who` may send one more, which then is unanswered.
    pub(super) fn take(&mut self, who: usize) -> bool {
        let own = &mut self.unanswered[who];
        let admits = *own < self.unanswered_max;
        *own += u32::from(admits);
        admits
    }

    /// A message of connection `who` has its first answer.
    pub(super) fn give(&mut self, who: usize) {
        self.unanswered[who] = self.unanswered[who].saturating_sub(1);
    }
}

/// Whether `at` is in the time in which measured messages are due.
pub(super) fn is_measured_time(schedule: &Schedule, at: Nanos) -> bool {
    let from = schedule.due(schedule.total() - schedule.measured());
    (from..from + (schedule.measured_seconds() * SECOND as f64) as Nanos).contains(&at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_too_many_unanswered_waits_for_an_answer_and_others_do_not() {
        let mut window = Window::new(2, 2);
        assert!(window.take(0) && window.take(0) && !window.take(0));
        assert!(window.take(1));
        window.give(0);
        assert!(window.take(0) && !window.take(0));
    }

    #[test]
    fn only_the_time_that_is_measured_counts() {
        let schedule = Schedule::new(5 * SECOND, 100.0, 2 * SECOND, 8 * SECOND);
        let counts = [6, 7, 14, 15].map(|second| is_measured_time(&schedule, second * SECOND));
        assert_eq!(counts, [false, true, true, false]);
    }
}
