//! Commands that nobody received, because nobody serves their partition: kept in order and tried again.
//!
//! ```text
//!            came back                     paused for a while
//! published ───────────► waiting in a lane ──────────────────► the first is published, alone
//!     ▲                         ▲                                    │ came back   │ settled
//!     │                         └────────────────────────────────────┘             │
//!     └──────────────────────────────── all others, in order ◄─────────────────────┘
//! ```
//!
//! No io, no clock: inputs in, commands to publish out.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::Duration;

use hashbrown::HashMap;
use proto::{Partition, Timestamp};
use tokio::time::Instant;

use super::Outgoing;

/// Bytes of the commands that wait.
pub(crate) const WAITING_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Before the first is tried again, at most; half of it at least, by chance.
const PAUSE_MAX: Duration = Duration::from_millis(60);

/// The lanes of all partitions with commands that wait.
pub(super) struct Waiting {
    lanes: HashMap<Partition, Lane>,
    commands: usize,
    bytes: usize,
    commands_max: usize,
}

/// The commands of one partition, in the order in which they were sent.
struct Lane {
    commands: VecDeque<Outgoing>,
    step: Step,
    /// Whether the next try goes to any router.
    to_any: bool,
}

#[derive(Clone, Copy)]
enum Step {
    /// Until then.
    Paused(Instant),
    /// The command of that number was published and may come back.
    Probing(u64),
}

impl Waiting {
    pub(super) fn new(commands_max: usize) -> Self {
        Self { lanes: HashMap::new(), commands: 0, bytes: 0, commands_max }
    }

    /// How many commands wait.
    pub(super) fn len(&self) -> usize {
        self.commands
    }

    /// Whether commands of the partition wait, or one of them is under way: then others queue behind them.
    pub(super) fn has(&self, partition: Partition) -> bool {
        self.lanes.contains_key(&partition)
    }

    /// Takes a command in, at its place in the order; gives it back when there is no room.
    pub(super) fn put(&mut self, outgoing: Outgoing, now: Instant) -> Result<(), Box<Outgoing>> {
        if self.commands >= self.commands_max || self.bytes + outgoing.payload.len() > WAITING_BYTES_MAX {
            return Err(Box::new(outgoing));
        }
        self.commands += 1;
        self.bytes += outgoing.payload.len();
        let lane = self.lanes.entry(outgoing.partition).or_insert_with(|| Lane {
            commands: VecDeque::new(),
            step: Step::Paused(now + pause()),
            to_any: true,
        });
        let later = lane.commands.iter().rev().take_while(|other| other.order > outgoing.order).count();
        lane.commands.insert(lane.commands.len() - later, outgoing);
        Ok(())
    }

    /// The published command of that number came back, and is put in again by the caller.
    pub(super) fn came_back(&mut self, partition: Partition, number: u64, now: Instant) {
        if let Some(lane) = self.lanes.get_mut(&partition)
            && matches!(lane.step, Step::Probing(probe) if probe == number)
        {
            lane.step = Step::Paused(now + pause());
            lane.to_any = !lane.to_any;
        }
    }

    /// Somebody says that these are served: no reason to wait any longer.
    pub(super) fn served(&mut self, partitions: impl Iterator<Item = Partition>, now: Instant) {
        if self.lanes.is_empty() {
            return;
        }
        for partition in partitions {
            if let Some(lane) = self.lanes.get_mut(&partition)
                && matches!(lane.step, Step::Paused(_))
            {
                lane.step = Step::Paused(now);
                lane.to_any = false;
            }
        }
    }

    /// When the next lane is due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        let due = self.lanes.values().filter_map(|lane| match lane.step {
            Step::Paused(until) => Some(until),
            Step::Probing(_) => None,
        });
        due.min()
    }

    /// The first command of each lane that is due, to be published to its own partition or, if so marked, to any
    /// router. Then tell [`Self::probing`]; if it could not be published, [`Self::put`] it in again. Commands past their
    /// deadline are dropped; how many is told.
    pub(super) fn probes(&mut self, now: Instant, wall: Timestamp) -> (Vec<(Outgoing, bool)>, u64) {
        let (mut probes, mut late) = (Vec::new(), 0);
        let (commands, bytes) = (&mut self.commands, &mut self.bytes);
        self.lanes.retain(|_, lane| {
            if !matches!(lane.step, Step::Paused(until) if until <= now) {
                return true;
            }
            while let Some(first) = lane.commands.pop_front() {
                *commands -= 1;
                *bytes -= first.payload.len();
                if first.deadline >= wall {
                    let to_any = lane.to_any && !first.forwarded;
                    probes.push((first, to_any));
                    lane.step = Step::Paused(now + pause());
                    return true;
                }
                late += 1;
            }
            false
        });
        (probes, late)
    }

    /// The probe of a partition was published under that number.
    pub(super) fn probing(&mut self, partition: Partition, number: u64) {
        if let Some(lane) = self.lanes.get_mut(&partition) {
            lane.step = Step::Probing(number);
        }
    }

    /// Every published command up to that number was received by somebody, unless it came back. Gives what waited
    /// behind such probes, in order, to be published the same way, and whether to any router.
    pub(super) fn settled(&mut self, upto: u64) -> Vec<(Outgoing, bool)> {
        let mut free = Vec::new();
        self.lanes.retain(|_, lane| {
            let received = matches!(lane.step, Step::Probing(number) if number <= upto);
            if received {
                let to_any = lane.to_any;
                free.extend(lane.commands.drain(..).map(|outgoing| {
                    let to_any = to_any && !outgoing.forwarded;
                    (outgoing, to_any)
                }));
            }
            !received
        });
        self.commands -= free.len();
        self.bytes -= free.iter().map(|(outgoing, _)| outgoing.payload.len()).sum::<usize>();
        free
    }
}

fn pause() -> Duration {
    PAUSE_MAX / 2 + PAUSE_MAX.mul_f64(rand::random::<f64>() / 2.0)
}
