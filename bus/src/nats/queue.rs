//! The commands of one router worker over NATS: one connection.
//!
//! The commands of a partition come to everyone who listens to it: that is its owner, and for a while after a take-over a
//! former owner that is asleep. It is in no queue group with its successor, or it would go on getting half of
//! the commands until the server misses it. What it finds when it wakes it cannot tell anybody about (FENCE A3), and
//! of what reached both each id is appended once (A4). What nobody listens to goes to one router out of all.
//!
//! **Guarantees.** A command for a partition that is not served here, because it came by `cmd.any` or was on its way when
//! the partition moved, is not lost: it waits in the uplink of this process until somebody says that he serves it.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use proto::id::PARTITIONS;
use proto::server_frame::Nack;
use proto::{Code, Command, Delivery, Partition, Payload, Reply, Request, ServerFrame, Target};

use super::Nats;
use super::multiplex::{Message, Multiplex};
use crate::Received;

/// Bytes of the commands that wait for one router worker.
pub(crate) const COMMANDS_BYTES_MAX: usize = 64 * 1024 * 1024;
/// A router has few subscriptions, and whoever waits for a partition waits for them: all at once.
pub(super) const SUBSCRIBES_PER_SECOND: u32 = 100_000;
/// Every router that takes what nobody serves.
const QUEUE_GROUP: &str = "router";

/// A group for one connection alone, and for the one that follows it while both are open.
pub(super) fn group_of_one() -> String {
    format!("{QUEUE_GROUP}.{:016x}", rand::random::<u64>())
}

/// Advice of a `BUSY` nack, in milliseconds.
const BUSY_RETRY_MS: u32 = 500;

/// See [`crate::CommandQueue`].
pub(crate) struct NatsQueue {
    nats: Arc<Nats>,
    multiplex: Multiplex,
    served: Mutex<Served>,
    /// Partitions of commands that were passed on since somebody asked.
    strays: Mutex<BTreeSet<Partition>>,
}

struct Served {
    partitions: Vec<bool>,
    number: usize,
}

impl NatsQueue {
    pub(super) fn new(nats: Arc<Nats>, multiplex: Multiplex) -> Self {
        let served = Served { partitions: vec![false; usize::from(PARTITIONS)], number: 0 };
        Self { nats, multiplex, served: Mutex::new(served), strays: Mutex::default() }
    }

    pub(crate) fn add(&self, partition: Partition) {
        let mut served = self.served();
        let slot = &mut served.partitions[usize::from(partition.number())];
        if std::mem::replace(slot, true) {
            return;
        }
        served.number += 1;
        self.multiplex.subscribe(&self.nats.subjects.commands_of(partition));
        if served.number == 1 {
            self.multiplex.subscribe_shared(&self.nats.subjects.any_command(), QUEUE_GROUP);
        }
    }

    pub(crate) fn remove(&self, partition: Partition) {
        let mut served = self.served();
        let slot = &mut served.partitions[usize::from(partition.number())];
        if !std::mem::replace(slot, false) {
            return;
        }
        served.number -= 1;
        self.multiplex.unsubscribe(&self.nats.subjects.commands_of(partition));
        // Whoever serves nothing is starting or about to stop, and should not collect what others could take.
        if served.number == 0 {
            self.multiplex.unsubscribe_shared(&self.nats.subjects.any_command(), QUEUE_GROUP);
        }
    }

    pub(crate) async fn flush(&self) {
        self.multiplex.flush().await;
    }

    pub(crate) async fn recv(&self, into: &mut Vec<Command>) {
        into.clear();
        let mut messages = Vec::new();
        while into.is_empty() {
            if self.multiplex.recv(&mut messages).await == Received::Gap {
                self.nats.meters.commands_lost.increment(1);
            }
            let mut elsewhere = Vec::new();
            {
                let served = self.served();
                for Message { payload, .. } in messages.drain(..) {
                    match Command::from_envelope(payload.clone()) {
                        Err(error) => {
                            tracing::debug!(%error, "received what is no command");
                            self.nats.meters.malformed.increment(1);
                        }
                        Ok(command) if served.partitions[usize::from(command.partition().number())] => {
                            into.push(command);
                        }
                        Ok(command) => elsewhere.push((command, payload)),
                    }
                }
            }
            self.pass_on(elsewhere);
        }
        let queued = f64::from(u32::try_from(into.len()).unwrap_or(u32::MAX));
        self.nats.meters.shared.commands_queued.set(queued);
    }

    pub(crate) fn take_strays(&self) -> BTreeSet<Partition> {
        std::mem::take(&mut *self.strays.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn pass_on(&self, commands: Vec<(Command, bytes::Bytes)>) {
        let mut refusals = Vec::new();
        if !commands.is_empty() {
            let mut strays = self.strays.lock().unwrap_or_else(PoisonError::into_inner);
            strays.extend(commands.iter().map(|(command, _)| command.partition()));
        }
        for (command, payload) in commands {
            if !self.nats.uplink.forward(&command, payload) {
                refusals.push(refusal(&command));
            }
        }
        if !refusals.is_empty() {
            self.nats.downlink.publish(&mut refusals);
        }
    }

    fn served(&self) -> std::sync::MutexGuard<'_, Served> {
        self.served.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Too many commands wait for partitions that are served elsewhere.
fn refusal(command: &Command) -> Delivery {
    const TEXT: &str = "nobody serves this now, and too many wait for it";
    let nack = match &command.request {
        Request::Send(send) => Nack::of_send(send.client_message_id, Code::Busy, TEXT),
        other => Nack::of(other.name(), Code::Busy, TEXT),
    };
    let reply = Reply::Frame(ServerFrame::Nack(nack.retry_after_ms(BUSY_RETRY_MS)));
    let session = command.origin.session;
    let payload = Payload::Reply(session.session, reply);
    Delivery { target: Target::Node(session.node), payload, trace: command.trace }
}
