//! Commands for partitions that this worker does not serve: kept until it does, or until it is known who does.

use std::collections::{BTreeMap, VecDeque};

use proto::{Command, Partition, Timestamp};

/// One that waits.
struct Waiting {
    command: Command,
    arrived_ms: u64,
}

/// All of one worker, in the order of their arrival for each partition.
#[derive(Default)]
pub struct Kept {
    partitions: BTreeMap<Partition, VecDeque<Waiting>>,
    len: usize,
}

impl Kept {
    /// Gives the command back when there are `max` already.
    pub fn push(&mut self, command: Command, now_ms: u64, max: usize) -> Result<(), Box<Command>> {
        if self.len >= max {
            return Err(Box::new(command));
        }
        let waiting = self.partitions.entry(command.partition()).or_default();
        waiting.push_back(Waiting { command, arrived_ms: now_ms });
        self.len += 1;
        Ok(())
    }

    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Those with commands waiting, each with the arrival of the oldest.
    pub fn partitions(&self) -> Vec<(Partition, u64)> {
        let oldest = |waiting: &VecDeque<Waiting>| waiting.front().map_or(0, |first| first.arrived_ms);
        self.partitions.iter().map(|(partition, waiting)| (*partition, oldest(waiting))).collect()
    }

    /// Takes all of one partition out, oldest first.
    pub fn take(&mut self, partition: Partition) -> Vec<Command> {
        let waiting = self.partitions.remove(&partition).unwrap_or_default();
        self.len -= waiting.len();
        waiting.into_iter().map(|waiting| waiting.command).collect()
    }

    /// Takes out those whose deadline has passed, and those that have waited for `waited_ms`.
    pub fn expired(&mut self, wall: Timestamp, now_ms: u64, waited_ms: u64) -> Vec<Command> {
        let is_late = |waiting: &Waiting| {
            waiting.command.deadline < wall || waiting.arrived_ms.saturating_add(waited_ms) <= now_ms
        };
        let mut expired = Vec::new();
        self.partitions.retain(|_, waiting| {
            if waiting.iter().any(is_late) {
                let all = std::mem::take(waiting);
                let (late, in_time): (VecDeque<_>, VecDeque<_>) = all.into_iter().partition(is_late);
                expired.extend(late.into_iter().map(|waiting| waiting.command));
                *waiting = in_time;
            }
            !waiting.is_empty()
        });
        self.len -= expired.len();
        expired
    }
}

#[cfg(test)]
mod tests {
    use proto::command::Source;
    use proto::{DeviceId, Epoch, NodeId, Origin, Request, SessionRef, TraceId, UserId};

    use super::*;

    fn command(user: &str, session: u64, deadline: u64) -> Command {
        Command {
            origin: Origin {
                user: UserId::parse(user).unwrap(),
                device: DeviceId::unnamed(),
                session: SessionRef { node: NodeId(1), session },
                source: Source::Client,
            },
            deadline: Timestamp(deadline),
            epoch: Epoch(0),
            once: None,
            trace: TraceId::default(),
            request: Request::Connected(None),
        }
    }

    fn sessions(commands: &[Command]) -> Vec<u64> {
        commands.iter().map(|command| command.origin.session.session).collect()
    }

    #[test]
    fn they_come_out_by_partition_in_the_order_of_their_arrival() {
        let mut kept = Kept::default();
        for (user, session) in [("alice", 1), ("bob", 2), ("alice", 3)] {
            kept.push(command(user, session, 100), 0, 10).unwrap();
        }
        let partition = |name| Partition::of_user(&UserId::parse(name).unwrap());
        assert_eq!(sessions(&kept.take(partition("alice"))), [1, 3]);
        assert_eq!((kept.len(), kept.partitions()), (1, vec![(partition("bob"), 0)]));
    }

    #[test]
    fn there_is_room_for_so_many() {
        let mut kept = Kept::default();
        kept.push(command("alice", 1, 100), 0, 1).unwrap();
        let refused = kept.push(command("alice", 2, 100), 0, 1).unwrap_err();
        assert_eq!(refused.origin.session.session, 2);
    }

    #[test]
    fn late_ones_are_taken_out() {
        let mut kept = Kept::default();
        for (session, arrived_ms, deadline) in [(1, 0, 50), (2, 0, 500), (3, 90, 500)] {
            kept.push(command("alice", session, deadline), arrived_ms, 10).unwrap();
        }
        assert_eq!(sessions(&kept.expired(Timestamp(51), 95, 100)), [1], "its deadline has passed");
        assert_eq!(sessions(&kept.expired(Timestamp(51), 100, 100)), [2], "it has waited for long enough");
        assert!(kept.expired(Timestamp(51), 101, 100).is_empty());
        assert_eq!((kept.len(), kept.is_empty()), (1, false));
    }
}
