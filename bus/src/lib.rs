//! Carries envelopes: in one process, or over NATS between the processes of a cluster.
//!
//! ```text
//! node ──send_command──► queue of the worker that serves the partition ──recv──► router
//! node ◄──recv── inbox of the node ◄── interest (user, group → nodes) ◄──publish── router
//! ```
//!
//! **Guarantees.** Commands of one node for one partition arrive in the order they were sent; deliveries of one
//! publisher to one target arrive in the order they were published. Sending never waits: a full command queue gives
//! the command back, a full inbox turns into one [`Received::Gap`] that says "something was lost, resync".
//! A delivery published after [`NodeInbox::flush`] returned is received by who subscribed before it. Over NATS a
//! command that nobody received is sent again until its deadline, and so is a send whose owner is gone and that was not
//! answered, as a repetition. No other command that anyone may have received is ever sent again.
//!
//! **Does not** keep anything: what nobody listens to is gone, and what a broken connection took with it. The log heals.
//!
//! **Limits.** [`Limits`].

#[cfg(feature = "sim")]
pub mod faulty;
mod heartbeat;
mod inbox;
mod interest;
mod local;
pub mod metrics;
pub mod nats;
mod queue;
mod routing;
pub mod subject;
mod unanswered;

pub use heartbeat::HeartbeatInbox;
pub use inbox::{NodeInbox, Received};
pub use nats::ConnectError;
pub use nats::config::{NatsAuth, NatsConfig, NatsTls, Secret};
pub use queue::CommandQueue;

use std::sync::Arc;

use proto::{Command, Delivery, Epoch, Heartbeat, NodeId, Partition, UserId};

use lifecycle::Tasks;
use local::Local;
use nats::Nats;

/// The bus of a process. Cloning gives another handle to the same bus.
#[derive(Clone)]
pub enum Bus {
    /// Everything in one process.
    Local(Arc<Local>),
    /// Processes that meet at NATS.
    Nats(Arc<Nats>),
    /// Between simulated processes.
    #[cfg(feature = "sim")]
    Faulty(Arc<faulty::Endpoint>),
}

/// Bounds of the queues of a bus.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Commands waiting for one router worker. Full: [`Bus::send_command`] answers [`Busy`].
    pub commands: usize,
    /// Deliveries waiting in one node's inbox. Full: dropped, and told as [`Received::Gap`]; but of answers to commands,
    /// which are in no log, up to twice as many are taken.
    pub deliveries: usize,
}

/// The command queue is full, nobody serves the partition (in one process), or there is no connection (over NATS): here
/// is the command back.
#[derive(Debug)]
pub struct Busy(pub Box<Command>);

impl Bus {
    /// A bus within this process.
    pub fn local(limits: Limits) -> Self {
        Self::Local(Arc::new(Local::new(limits)))
    }

    /// A bus over NATS. Its connections live on the current runtime, until the drain of `tasks` begins.
    pub async fn nats(config: NatsConfig, limits: Limits, tasks: &Tasks) -> Result<Self, ConnectError> {
        Ok(Self::Nats(Nats::connect(config, limits, tasks).await?))
    }

    /// Whether what is sent now goes anywhere.
    pub fn is_connected(&self) -> bool {
        match self {
            Self::Local(_) => true,
            Self::Nats(nats) => nats.is_connected(),
            #[cfg(feature = "sim")]
            Self::Faulty(_) => true,
        }
    }

    /// Whether other processes may be on it.
    pub fn is_shared(&self) -> bool {
        match self {
            Self::Local(_) => false,
            Self::Nats(_) => true,
            #[cfg(feature = "sim")]
            Self::Faulty(_) => true,
        }
    }

    /// Opens the inbox of a node. It is closed when dropped. Over NATS its connection lives on the current runtime.
    pub fn node(&self, node: NodeId) -> NodeInbox {
        match self {
            Self::Local(local) => NodeInbox::local(local, node),
            Self::Nats(nats) => NodeInbox::nats(nats, node),
            #[cfg(feature = "sim")]
            Self::Faulty(endpoint) => endpoint.node(node),
        }
    }

    /// Sends a command to whoever serves its partition, or else to one who accepts any.
    pub fn send_command(&self, command: Command) -> Result<(), Busy> {
        match self {
            Self::Local(local) => local.send_command(command),
            Self::Nats(nats) => nats.send_command(command),
            #[cfg(feature = "sim")]
            Self::Faulty(endpoint) => endpoint.send_command(command),
        }
    }

    /// Opens a command queue for the given partitions. In one process a partition is served by the last queue that was
    /// opened for it; over NATS commands go to everyone who serves their partition at the time, which is one but for a
    /// moment. Stops serving when dropped. Over NATS its connection lives on the current runtime.
    pub fn serve(&self, partitions: impl IntoIterator<Item = Partition>) -> CommandQueue {
        match self {
            Self::Local(local) => CommandQueue::local(local, partitions),
            Self::Nats(nats) => CommandQueue::nats(nats, partitions),
            #[cfg(feature = "sim")]
            Self::Faulty(endpoint) => endpoint.serve(partitions),
        }
    }

    /// Publishes deliveries, in order, emptying the buffer. One call wakes each node at most once.
    pub fn publish(&self, deliveries: &mut Vec<Delivery>) {
        match self {
            Self::Local(local) => local.publish(deliveries),
            Self::Nats(nats) => nats.publish(deliveries),
            #[cfg(feature = "sim")]
            Self::Faulty(endpoint) => endpoint.publish(deliveries),
        }
    }

    /// Whether somebody may watch the presence of the user; over NATS that is not known, and anybody may.
    pub fn may_be_watched(&self, user: &UserId) -> bool {
        match self {
            Self::Local(local) => local.is_watched(user),
            Self::Nats(_) => true,
            #[cfg(feature = "sim")]
            Self::Faulty(_) => true,
        }
    }

    /// A router worker tells what it serves; ten times a second, so that its silence means something.
    pub fn beat(&self, heartbeat: Heartbeat) {
        match self {
            Self::Local(local) => local.beat(heartbeat),
            Self::Nats(nats) => nats.beat(&heartbeat),
            #[cfg(feature = "sim")]
            Self::Faulty(endpoint) => endpoint.beat(heartbeat),
        }
    }

    /// Hears every heartbeat from now on, one's own among them. Every process hears them for [`Self::epoch`] anyway.
    pub fn heartbeats(&self) -> HeartbeatInbox {
        match self {
            Self::Local(local) => local.listeners.open(),
            Self::Nats(nats) => nats.listeners.open(),
            #[cfg(feature = "sim")]
            Self::Faulty(endpoint) => endpoint.heartbeats(),
        }
    }

    /// The highest epoch that a heartbeat told for a partition (FENCE D2); zero before the first.
    pub fn epoch(&self, partition: Partition) -> Epoch {
        match self {
            Self::Local(local) => local.routing.epoch(partition),
            Self::Nats(nats) => nats.routing.epoch(partition),
            #[cfg(feature = "sim")]
            Self::Faulty(endpoint) => endpoint.local().routing.epoch(partition),
        }
    }
}
