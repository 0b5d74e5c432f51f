//! How long sends, deliveries and sockets were disturbed by each fault, from what the generator wrote down of every tenth of a
//! second and of every socket that broke.

use std::path::Path;

use anyhow::Context as _;
use serde::Deserialize;

use super::fault::{Happened, Sockets};

/// Slower than this is disturbed.
const SLOW_MS: u64 = 500;

/// A session that lost its gateway should be on another one by then.
pub(super) const BACK_MS: u64 = 5_000;

/// Steps before a fault whose messages may still be on their way when it comes.
const JUST_BEFORE: u64 = 2;

/// As `loadtest endure --series` writes it.
#[derive(Debug, Deserialize)]
pub(super) struct Series {
    start_unix_ms: u64,
    step_ms: u64,
    steps: Vec<Step>,
    breaks: Vec<Break>,
}

/// A socket that broke, and when its client had another; since the start.
#[derive(Clone, Copy, Debug, Deserialize)]
struct Break {
    lost_ms: u64,
    back_ms: Option<u64>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
struct Step {
    due: u64,
    acked: u64,
    acks: u64,
    ack_max_ms: u64,
    delivery_max_ms: u64,
    reads_again: u64,
}

impl Series {
    pub(super) fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
        serde_json::from_str(&text).with_context(|| path.display().to_string())
    }

    /// The steps of a time, each with its beginning.
    fn between(&self, from: u64, until: u64) -> impl Iterator<Item = (u64, &Step)> {
        let begins = |index: usize| self.start_unix_ms + index as u64 * self.step_ms;
        let all = self.steps.iter().enumerate().map(move |(index, step)| (begins(index), step));
        // What was due just before a fault suffers from that one, and not from the one before it.
        let from = from.saturating_sub(JUST_BEFORE * self.step_ms);
        all.filter(move |(begin, _)| *begin > from && *begin <= until)
    }

    /// The sockets that broke in a time.
    fn breaks_between(&self, from: u64, until: u64) -> impl Iterator<Item = Break> {
        let time = from..until;
        self.breaks.iter().copied().filter(move |one| time.contains(&(self.start_unix_ms + one.lost_ms)))
    }
}

/// Fills in what each fault disturbed: of the messages that were due from its beginning to that of the next one.
pub(super) fn judge(happened: &mut [Happened], series: &Series) {
    for index in 0..happened.len() {
        let next = happened.get(index + 1).map_or(u64::MAX, |next| next.from_unix_ms);
        let until = next.saturating_sub(JUST_BEFORE * series.step_ms);
        let from = happened[index].from_unix_ms;
        let steps = || series.between(from, until);
        let sends = steps().map(|(begin, step)| {
            let unanswered = step.acked < step.due;
            (begin, if unanswered { u64::MAX } else { step.ack_max_ms })
        });
        let fault = &mut happened[index];
        (fault.sends_disturbed_ms, fault.send_worst_ms) = disturbed(sends, series.step_ms);
        let deliveries = steps().map(|(begin, step)| (begin, step.delivery_max_ms));
        (fault.deliveries_disturbed_ms, fault.delivery_worst_ms) = disturbed(deliveries, series.step_ms);
        fault.silence_ms = silence(steps().map(|(_, step)| step.acks), series.step_ms);
        fault.reads_again = steps().map(|(_, step)| step.reads_again).sum();
        fault.sockets = sockets(series.breaks_between(from, next));
    }
}

/// The longest time in which nothing was acknowledged, in whole steps.
fn silence(acks: impl Iterator<Item = u64>, step_ms: u64) -> u64 {
    let (mut here, mut longest) = (0, 0);
    for acks in acks {
        here = if acks == 0 { here + step_ms } else { 0 };
        longest = longest.max(here);
    }
    longest
}

fn sockets(breaks: impl Iterator<Item = Break>) -> Sockets {
    breaks.fold(Sockets::default(), |sum, Break { lost_ms, back_ms }| {
        let took = back_ms.map_or(u64::MAX, |back| back - lost_ms);
        let soon = sum.back_soon + u64::from(took <= BACK_MS);
        Sockets { lost: sum.lost + 1, back_soon: soon, worst_ms: sum.worst_ms.max(took) }
    })
}

/// From the first to the last slow step, and the slowest.
fn disturbed(steps: impl Iterator<Item = (u64, u64)>, step_ms: u64) -> (u64, u64) {
    let (mut first, mut last, mut worst) = (None, 0, 0);
    for (begin, slowest) in steps {
        worst = worst.max(slowest);
        if slowest > SLOW_MS {
            first.get_or_insert(begin);
            last = begin;
        }
    }
    (first.map_or(0, |first| last - first + step_ms), worst)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(from: u64) -> Happened {
        Happened {
            sort: "test",
            fault: String::new(),
            from_unix_ms: from,
            until_unix_ms: from,
            sends_disturbed_ms: 0,
            send_worst_ms: 0,
            deliveries_disturbed_ms: 0,
            delivery_worst_ms: 0,
            silence_ms: 0,
            reads_again: 0,
            sockets: Sockets::default(),
        }
    }

    #[test]
    fn each_fault_gets_what_was_due_after_it() {
        let slow =
            |ms| Step { due: 1, acked: 1, acks: 1, ack_max_ms: ms, delivery_max_ms: 10, reads_again: 0 };
        let mut steps = vec![slow(10); 100];
        steps[20] = slow(900);
        steps[30] = slow(600);
        steps[70] = Step { acked: 1, due: 2, delivery_max_ms: 700, reads_again: 3, ..slow(10) };
        steps[30].acks = 0;
        steps[31].acks = 0;
        steps[33].acks = 0;
        let series = Series { start_unix_ms: 1_000_000, step_ms: 100, steps, breaks: Vec::new() };
        let mut happened = [fault(1_002_000), fault(1_006_000)];
        judge(&mut happened, &series);
        let [first, second] = happened;
        assert_eq!((first.sends_disturbed_ms, first.send_worst_ms), (1100, 900));
        assert_eq!((first.silence_ms, second.silence_ms), (200, 0));
        assert_eq!((first.reads_again, second.reads_again), (0, 3));
        assert_eq!((first.deliveries_disturbed_ms, first.delivery_worst_ms), (0, 10));
        assert_eq!((second.sends_disturbed_ms, second.send_worst_ms), (100, u64::MAX));
        assert_eq!((second.deliveries_disturbed_ms, second.delivery_worst_ms), (100, 700));
    }

    #[test]
    fn each_fault_gets_the_sockets_that_broke_after_it() {
        let broke = |lost_ms, back_ms| Break { lost_ms, back_ms };
        let breaks = vec![
            broke(1_900, Some(1_950)),
            broke(2_000, Some(2_500)),
            broke(2_100, Some(7_101)),
            broke(6_000, None),
        ];
        let series = Series { start_unix_ms: 1_000_000, step_ms: 100, steps: Vec::new(), breaks };
        let mut happened = [fault(1_002_000), fault(1_006_000)];
        judge(&mut happened, &series);
        assert_eq!(happened[0].sockets, Sockets { lost: 2, back_soon: 1, worst_ms: 5_001 });
        assert_eq!(happened[1].sockets, Sockets { lost: 1, back_soon: 0, worst_ms: u64::MAX });
    }
}
