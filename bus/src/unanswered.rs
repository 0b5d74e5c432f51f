//! Commands that were handed to an owner and are not answered: sent again when another owner takes over.
//!
//! ```text
//! sent ──keep──► under the epoch of its owner ──answer──► gone
//!                             │
//!                             └── the owner is gone ──► again, as a repetition, in the order of sending
//! ```
//!
//! Only what may be carried out twice is kept. A router appends a send once, however often it comes, and finds a repetition
//! (`attempt` > 0) in the log where its ring does not know it (FENCE A4); so it does with a change that is known by `once`. A
//! read changes nothing, and a cursor or a confirmation only ever moves on. Whoever wants no answer gets none, and is not kept.
//!
//! The answer to a send names its client message id. All others are known by the trace of their command, which every
//! delivery copies and no two commands share; a command without one is not kept.
//!
//! **Guarantees.** What was not answered is given for each owner that is lost, until its deadline: when that is known, and once
//! more a little later, since a new owner tells that it is one before it listens, and who sleeps may still listen in its place.
//! Whoever asked hears one answer to each command but a send, of which every answer says the same. No io.
//!
//! **Does not** decide who owns: an epoch that a heartbeat told, or a server that found nobody listening. Either may be
//! wrong, and then a command comes twice to one owner.
//!
//! **Limits.** [`UNANSWERED_MAX`] and [`UNANSWERED_BYTES_MAX`]: what comes when it is full is not kept, and only its client
//! sends it again. Of as many commands that were sent again it is remembered whether they were answered.

use std::collections::BTreeMap;
use std::time::Duration;

use hashbrown::HashMap;
use proto::client_frame::AckMode;
use proto::id::PARTITIONS;
use proto::{
    ClientMessageId, Command, Delivery, Epoch, Partition, Payload, Reply, Request, ServerFrame, SessionRef,
    Target, Timestamp, TraceId,
};
use tokio::time::Instant;

/// Commands that are kept.
pub(crate) const UNANSWERED_MAX: usize = 65_536;
/// Their bytes.
pub(crate) const UNANSWERED_BYTES_MAX: usize = 32 * 1024 * 1024;

/// How long after a change of owners is looked for what is still not answered,
const SECOND_LOOK: Duration = Duration::from_millis(300);
/// though it was sent so long before.
const ANSWERED_WITHIN: Duration = Duration::from_millis(150);

/// By what an answer is known to belong to a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Asked {
    session: SessionRef,
    by: By,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum By {
    /// A send.
    Id(ClientMessageId),
    /// Any other.
    Trace(TraceId),
}

/// See the module. `C` is a command as its bus sends it.
pub(crate) struct Unanswered<C> {
    partitions: Vec<OfPartition<C>>,
    places: HashMap<Asked, (Partition, u64)>,
    bytes: usize,
    /// What was given again and is no send, until nobody may answer it any more.
    again: HashMap<Asked, Again>,
}

struct Again {
    deadline: Timestamp,
    is_answered: bool,
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
        let by = match &command.request {
            Request::Send(send) => (send.ack != AckMode::None).then_some(By::Id(send.client_message_id))?,
            request if may_come_twice(request) || command.once.is_some() => {
                (command.trace != TraceId::default()).then_some(By::Trace(command.trace))?
            }
            _ => return None,
        };
        Some(Self { session: command.origin.session, by })
    }

    /// What a delivery answers.
    pub(crate) fn answered_by(delivery: &Delivery) -> Option<Self> {
        let (Target::Node(node), Payload::Reply(session, reply)) = (&delivery.target, &delivery.payload)
        else {
            return None;
        };
        let send = match reply {
            Reply::Frame(ServerFrame::Ack(ack)) => Some(ack.client_message_id),
            Reply::Frame(ServerFrame::Nack(nack)) => nack.client_message_id,
            _ => None,
        };
        let by = match send {
            Some(id) => By::Id(id),
            None if delivery.trace == TraceId::default() => return None,
            None => By::Trace(delivery.trace),
        };
        Some(Self { session: SessionRef { node: *node, session: *session }, by })
    }
}

/// Whether a command without an idempotency key does the same when it is carried out once more, some seconds later.
fn may_come_twice(request: &Request) -> bool {
    match request {
        Request::Fetch(_)
        | Request::Sync(_)
        | Request::Heads(_)
        | Request::Pins(_)
        | Request::Versions(_)
        | Request::Readers(_)
        | Request::Confirmations(_)
        | Request::Connected(_)
        | Request::WatchPresence(_)
        | Request::JoinRoom(_)
        | Request::Read(_)
        | Request::Delivered(_)
        | Request::Confirm(_) => true,
        // Another device may have set something else since, and those that nobody waits for are repeated by who sends them.
        Request::Private(_)
        | Request::Typing(_)
        | Request::Disconnected
        | Request::Claim { .. }
        | Request::PresenceChanged
        | Request::Broadcast(_) => false,
        // Known by what they carry, or not at all.
        Request::Send(_) | Request::Group(..) | Request::Contact(..) => false,
    }
}

impl<C> Default for Unanswered<C> {
    fn default() -> Self {
        let nothing = || OfPartition { epoch: Epoch(0), second_look: None, sent: BTreeMap::new() };
        let partitions = (0..PARTITIONS).map(|_| nothing()).collect();
        Self { partitions, places: HashMap::new(), bytes: 0, again: HashMap::new() }
    }
}

impl<C> Unanswered<C> {
    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    /// Keeps a command that leaves now. `false`: there is no room.
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

    /// This came. `false`: what it answers has been answered already.
    pub(crate) fn answered(&mut self, delivery: &Delivery) -> bool {
        let Some(asked) = Asked::answered_by(delivery) else { return true };
        self.forget(asked);
        self.again.get_mut(&asked).is_none_or(|again| !std::mem::replace(&mut again.is_answered, true))
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
        self.again.retain(|_, again| again.deadline >= wall);
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
            if matches!(sent.asked.by, By::Trace(_)) && self.again.len() < UNANSWERED_MAX {
                let new = Again { deadline: sent.deadline, is_answered: false };
                self.again.entry(sent.asked).or_insert(new);
            }
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
