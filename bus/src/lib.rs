//! Carries envelopes: in one process now, over NATS in a cluster.
//!
//! ```text
//! node ──send_command──► queue of the worker that serves the partition ──recv──► router
//! node ◄──recv── inbox of the node ◄── interest (user, group → nodes) ◄──publish── router
//! ```
//!
//! **Guarantees.** Commands of one node for one partition arrive in the order they were sent; deliveries of one
//! publisher to one target arrive in the order they were published. Sending never waits: a full command queue gives
//! the command back, a full inbox turns into one [`Received::Gap`] that says "something was lost, resync".
//! A delivery published after `subscribe_…` returned is received.
//!
//! **Does not** keep anything: what nobody listens to is gone. The log heals.
//!
//! **Limits.** [`Limits`].

mod heartbeat;
mod inbox;
mod interest;
mod local;
pub mod metrics;
pub mod nats;
mod queue;
mod routing;
pub mod subject;

pub use heartbeat::HeartbeatInbox;
pub use inbox::{NodeInbox, Received};
pub use nats::ConnectError;
pub use nats::config::{NatsAuth, NatsConfig, NatsTls, Secret};
pub use queue::CommandQueue;

use std::sync::Arc;

use proto::{Command, Delivery, Epoch, Heartbeat, NodeId, Partition};

use local::Local;

/// The bus of a process. Cloning gives another handle to the same bus.
#[derive(Clone)]
pub enum Bus {
    /// Everything in one process.
    Local(Arc<Local>),
}

/// Bounds of the queues of a bus.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Commands waiting for one router worker. Full: [`Bus::send_command`] answers [`Busy`].
    pub commands: usize,
    /// Deliveries waiting in one node's inbox. Full: dropped, and told as [`Received::Gap`].
    pub deliveries: usize,
}

/// The command queue is full, or nobody serves the partition: here is the command back.
#[derive(Debug)]
pub struct Busy(pub Box<Command>);

impl Bus {
    /// A bus within this process.
    pub fn local(limits: Limits) -> Self {
        Self::Local(Arc::new(Local::new(limits)))
    }

    /// Opens the inbox of a node. It is closed when dropped.
    pub fn node(&self, node: NodeId) -> NodeInbox {
        match self {
            Self::Local(local) => NodeInbox::new(Arc::clone(local), node),
        }
    }

    /// Sends a command to whoever serves its partition.
    pub fn send_command(&self, command: Command) -> Result<(), Busy> {
        match self {
            Self::Local(local) => local.send_command(command),
        }
    }

    /// Opens a command queue for the given partitions; a partition is served by the last queue that was opened for
    /// it. Stops serving when dropped.
    pub fn serve(&self, partitions: impl IntoIterator<Item = Partition>) -> CommandQueue {
        match self {
            Self::Local(local) => CommandQueue::open(Arc::clone(local), partitions),
        }
    }

    /// Publishes deliveries, in order, emptying the buffer. One call wakes each node at most once.
    pub fn publish(&self, deliveries: &mut Vec<Delivery>) {
        match self {
            Self::Local(local) => local.publish(deliveries),
        }
    }

    /// A router worker tells what it serves; ten times a second, so that its silence means something.
    pub fn beat(&self, heartbeat: Heartbeat) {
        match self {
            Self::Local(local) => local.beat(heartbeat),
        }
    }

    /// Hears every heartbeat from now on, one's own among them. Every process hears them for [`Self::epoch`] anyway.
    pub fn heartbeats(&self) -> HeartbeatInbox {
        match self {
            Self::Local(local) => local.listeners.open(),
        }
    }

    /// A router tells which epoch it owns a partition under (its heartbeat).
    pub fn tell_epoch(&self, partition: Partition, epoch: Epoch) {
        match self {
            Self::Local(local) => local.routing.tell(partition, epoch),
        }
    }

    /// The highest epoch that was told for a partition, by a heartbeat or in this process (FENCE D2); zero before the first.
    pub fn epoch(&self, partition: Partition) -> Epoch {
        match self {
            Self::Local(local) => local.routing.epoch(partition),
        }
    }
}
