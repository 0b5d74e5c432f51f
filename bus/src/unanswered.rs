//! Sends that were handed to an owner and are not answered: sent again when another owner takes over.
//!
//! ```text
//! sent ──keep──► under the epoch of its owner ──ack or nack──► gone
//!                             │
//!                             └── the owner is gone ──► again, as a repetition, in the order of sending
//! ```
//!
//! Only sends are kept: a router appends each id once, however often it comes, and finds a repetition (`attempt` > 0) in
//! the log where its ring does not know it (FENCE A4). Whoever wants no answer gets none, and is not kept.
//!
//! **Guarantees.** What was not answered is given for each owner that is lost, until its deadline: when that is known, and once
//! more a little later, since a new owner tells that it is one before it listens, and who sleeps may still listen in its place. No io.
//!
//! **Does not** decide who owns: an epoch that a heartbeat told, or a server that found nobody listening. Either may be
//! wrong, and then a send comes twice to one owner, who appends it once.
//!
//! **Limits.** [`UNANSWERED_MAX`] and [`UNANSWERED_BYTES_MAX`]: what comes when it is full is not kept, and only its client
//! sends it again.

use std::collections::BTreeMap;
use std::time::Duration;

use hashbrown::HashMap;
use proto::client_frame::AckMode;
use proto::id::PARTITIONS;
use proto::{
    ClientMessageId, Command, Delivery, Epoch, Partition, Payload, Reply, Request, ServerFrame, SessionRef,
    Target, Timestamp,
};
use tokio::time::Instant;

/// Sends that are kept.
pub(crate) const UNANSWERED_MAX: usize = 65_536;
/// Their bytes.
pub(crate) const UNANSWERED_BYTES_MAX: usize = 32 * 1024 * 1024;

/// How long after a change of owners is looked for what is still not answered,
const SECOND_LOOK: Duration = Duration::from_millis(300);
/// though it was sent so long before.
const ANSWERED_WITHIN: Duration = Duration::from_millis(150);

/// By what an answer is known to belong to a send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Asked {
    session: SessionRef,
    id: ClientMessageId,
}

/// See the module. `C` is a command as its bus sends it.
pub(crate) struct Unanswered<C> {
    partitions: Vec<OfPartition<C>>,
    places: HashMap<Asked, (Partition, u64)>,
    bytes: usize,
}

struct OfPartition<C> {
    /// The newest epoch that was heard of; zero for none.
    epoch: Epoch,
    /// After a change of owners.
    second_look: Option<Instant>,
    /// By their order.
    sent: BTreeMap<u64, Sent<C>>,
}

struct Sent<C> {
    asked: Asked,
    /// The owner who has it, or will have it.
    under: Epoch,
    at: Instant,
    deadline: Timestamp,
    bytes: usize,
    command: C,
}

/// One command on its way to an owner.
pub(crate) struct Outbound<C> {
    pub(crate) asked: Asked,
    pub(crate) partition: Partition,
    /// Its place among all that were sent.
    pub(crate) order: u64,
    pub(crate) deadline: Timestamp,
    pub(crate) bytes: usize,
    pub(crate) command: C,
}

/// Who gets a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum To {
    /// The owner of its partition.
    Owner,
    /// Any router, because nobody owns the partition: it waits there for the next owner.
    Any,
}

impl Asked {
    /// `None` for what is not sent again.
    pub(crate) fn by(command: &Command) -> Option<Self> {
        match &command.request {
            Request::Send(send) if send.ack != AckMode::None => {
                Some(Self { session: command.origin.session, id: send.client_message_id })
            }
            _ => None,
        }
    }

    /// What a delivery answers.
    pub(crate) fn answered_by(delivery: &Delivery) -> Option<Self> {
        let (Target::Node(node), Payload::Reply(session, Reply::Frame(frame))) =
            (&delivery.target, &delivery.payload)
        else {
            return None;
        };
        let id = match frame {
            ServerFrame::Ack(ack) => ack.client_message_id,
            ServerFrame::Nack(nack) => nack.client_message_id?,
            _ => return None,
        };
        Some(Self { session: SessionRef { node: *node, session: *session }, id })
    }
}

impl<C> Default for Unanswered<C> {
    fn default() -> Self {
        let nothing = || OfPartition { epoch: Epoch(0), second_look: None, sent: BTreeMap::new() };
        let partitions = (0..PARTITIONS).map(|_| nothing()).collect();
        Self { partitions, places: HashMap::new(), bytes: 0 }
    }
}

impl<C> Unanswered<C> {
    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    /// Keeps a send that leaves now. `false`: there is no room.
    pub(crate) fn keep(&mut self, outbound: Outbound<C>, to: To, now: Instant) -> bool {
        let Outbound { asked, partition, order, deadline, bytes, command } = outbound;
        // Another try of its sender takes the place of the one before.
        self.forget(asked);
        let heard = self.of(partition).epoch;
        if heard == Epoch(0) {
            // Nobody tells who owns what, so nobody can be missed.
            return true;
        }
        if self.places.len() >= UNANSWERED_MAX || self.bytes + bytes > UNANSWERED_BYTES_MAX {
            return false;
        }
        let under = match to {
            To::Owner => heard,
            To::Any => Epoch(heard.0 + 1),
        };
        self.bytes += bytes;
        self.places.insert(asked, (partition, order));
        self.of(partition).sent.insert(order, Sent { asked, under, at: now, deadline, bytes, command });
        true
    }

    /// It was answered, or nobody has it.
    pub(crate) fn forget(&mut self, asked: Asked) {
        if let Some((partition, order)) = self.places.remove(&asked)
            && let Some(sent) = self.of(partition).sent.remove(&order)
        {
            self.bytes -= sent.bytes;
        }
    }

    /// A heartbeat says under which epoch a partition is owned. Gives what was sent to owners before that one and what a
    /// new one has not answered for long, in the order of sending, and since when.
    pub(crate) fn owned(&mut self, partition: Partition, epoch: Epoch, now: Instant) -> Vec<(C, Instant)> {
        let of = self.of(partition);
        if epoch > of.epoch {
            of.second_look = (of.epoch > Epoch(0)).then(|| now + SECOND_LOOK);
            of.epoch = epoch;
            return self.take(partition, |_, sent| sent.under < epoch);
        }
        if of.second_look.is_some_and(|at| epoch == of.epoch && at <= now) {
            of.second_look = None;
            return self.take(partition, |_, sent| sent.at + ANSWERED_WITHIN <= now);
        }
        Vec::new()
    }

    /// Nobody listened to the command of that order, so the owner of all that was sent before it listens no more. Gives
    /// that, as [`Self::owned`] does.
    pub(crate) fn unserved(&mut self, partition: Partition, order: u64) -> Vec<(C, Instant)> {
        let heard = self.of(partition).epoch;
        self.take(partition, |at, sent| at < order && sent.under <= heard)
    }

    /// Forgets what must not be carried out any more.
    pub(crate) fn forget_late(&mut self, wall: Timestamp) {
        for of in &mut self.partitions {
            while let Some(oldest) = of.sent.first_entry().filter(|oldest| oldest.get().deadline < wall) {
                let sent = oldest.remove();
                self.places.remove(&sent.asked);
                self.bytes -= sent.bytes;
            }
        }
    }

    fn take(
        &mut self,
        partition: Partition,
        mut lost: impl FnMut(u64, &Sent<C>) -> bool,
    ) -> Vec<(C, Instant)> {
        let taken: Vec<_> =
            self.of(partition).sent.extract_if(.., |order, sent| lost(*order, sent)).collect();
        let give = |(_, sent): (u64, Sent<C>)| {
            self.places.remove(&sent.asked);
            self.bytes -= sent.bytes;
            (sent.command, sent.at)
        };
        taken.into_iter().map(give).collect()
    }

    fn of(&mut self, partition: Partition) -> &mut OfPartition<C> {
        &mut self.partitions[usize::from(partition.number())]
    }
}

#[cfg(test)]
mod tests;
