//! The bus of the simulator: every message takes its own time, or is lost, doubled or brought to the wrong router, as a
//! seed says. Only with the feature `sim`.
//!
//! ```text
//! Endpoint (one process) ──► Network: messages on their way, in order of time ──► queues and inboxes of an endpoint
//! ```
//!
//! An endpoint is the connection of one process. Its queues, inboxes, interest and routing are those of
//! [`crate::Bus::Local`]; only the ways between endpoints are simulated. What nobody serves is offered again until its
//! deadline, as the bus over a network does.
//!
//! **Guarantees.** Nothing arrives that was not sent. An endpoint that missed deliveries is told so by one gap, some time
//! later; not of what [`Network::lose`] says. The same seed and the same calls at the same times give the same arrivals.
//!
//! **Does not** keep any order.
//!
//! **Limits.** One thread with paused time; those of [`Limits`] at each endpoint.

mod network;
mod reach;

use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lifecycle::sim::{Random, effect};
use proto::{Command, Delivery, Heartbeat, NodeId, Partition};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use crate::heartbeat::HeartbeatInbox;
use crate::local::Local;
use crate::{Bus, Busy, CommandQueue, Limits, NodeInbox};
use network::{Message, State};

/// How bad it is. Chances are in thousandths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conditions {
    /// The longest usual way, in microseconds.
    pub delay_us: u64,
    /// A message takes up to [`Self::slow_ms`] instead, and may be overtaken.
    pub slow: u64,
    /// See [`Self::slow`].
    pub slow_ms: u64,
    /// A message is lost.
    pub lost: u64,
    /// A message arrives twice.
    pub doubled: u64,
    /// A command comes to a router that does not serve its partition.
    pub misrouted: u64,
}

impl Conditions {
    /// Everything arrives, soon.
    pub const fn calm() -> Self {
        Self { delay_us: 500, slow: 0, slow_ms: 0, lost: 0, doubled: 0, misrouted: 0 }
    }
}

/// What is lost until a moment, and nobody is told that it was: neither who sent it nor who lacks it.
#[derive(Clone, Copy, Debug)]
pub struct Loss {
    /// Until when.
    pub until: Instant,
    /// What.
    pub of: Lost,
}

/// See [`Loss`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// Events.
    Events,
    /// Whatever is told to users and groups.
    Told,
}

/// Sees every delivery that leaves a process.
pub type Observer = Box<dyn FnMut(&Delivery) + Send>;

/// Everything on its way between the endpoints of a world.
pub struct Network {
    state: Mutex<State>,
    changed: Notify,
}

impl Network {
    /// A network without endpoints.
    pub fn new(seed: u64, conditions: Conditions, observer: Observer) -> Arc<Self> {
        let state = Mutex::new(State::new(Random::new(seed), conditions, observer));
        Arc::new(Self { state, changed: Notify::new() })
    }

    /// Connects a process; `number` is its own.
    pub fn connect(self: &Arc<Self>, number: u64, limits: Limits) -> Bus {
        let local = Arc::new(Local::new(limits));
        self.state().join(number, Arc::clone(&local));
        Bus::Faulty(Arc::new(Endpoint { network: Arc::clone(self), local, number }))
    }

    /// Forgets the connection of a process that is gone.
    pub fn disconnect(&self, number: u64) {
        self.state().leave(number);
    }

    /// Nothing passes between a process and the others for a while; afterwards it is told that it missed something.
    pub fn cut(&self, number: u64, pause: Duration) {
        self.state().cut(number, pause);
        self.changed.notify_one();
    }

    /// A process hears no heartbeat but its own until this time; everything else reaches it.
    pub fn deafen(&self, number: u64, until: Instant) {
        self.state().deafen(number, until);
    }

    /// From now on this is lost.
    pub fn lose(&self, loss: Loss) {
        self.state().loss = Some(loss);
    }

    /// Every endpoint sends again what an owner took who is gone, as the bus over a network does.
    pub fn send_again(&self) {
        self.state().sends_again = true;
    }

    /// From now on it is like this; what is on its way stays as late as it is.
    pub fn set_conditions(&self, conditions: Conditions) {
        self.state().conditions = conditions;
    }

    /// Tells every endpoint that missed something that it did.
    pub fn tell_gaps(&self) {
        self.state().tell_gaps();
        self.changed.notify_one();
    }

    /// Carries messages, for ever.
    pub async fn run(&self) -> Infallible {
        loop {
            let next = self.state().advance(Instant::now());
            match next {
                Some(next) => tokio::select! {
                    biased;
                    () = self.changed.notified() => {}
                    () = sleep_until(next) => {}
                },
                None => self.changed.notified().await,
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The connection of one process.
pub struct Endpoint {
    network: Arc<Network>,
    local: Arc<Local>,
    number: u64,
}

impl Endpoint {
    pub(crate) fn node(&self, node: NodeId) -> NodeInbox {
        NodeInbox::local(&self.local, node)
    }

    pub(crate) fn serve(&self, partitions: impl IntoIterator<Item = Partition>) -> CommandQueue {
        CommandQueue::local(&self.local, partitions)
    }

    pub(crate) fn heartbeats(&self) -> HeartbeatInbox {
        self.local.listeners.open()
    }

    pub(crate) fn local(&self) -> &Local {
        &self.local
    }

    /// A cut connection may be noticed, and then nothing is sent.
    pub(crate) fn send_command(&self, command: Command) -> Result<(), Busy> {
        if !effect() {
            return Ok(());
        }
        let mut state = self.network.state();
        if state.notices_cut(self.number) {
            return Err(Busy(Box::new(command)));
        }
        lifecycle::sim::note(|| {
            let about = command.conversation().map(|id| id.to_string()).unwrap_or_default();
            format!(
                "command {} {about} of {} epoch {}",
                command.request.name(),
                command.origin.user,
                command.epoch.0
            )
        });
        state.send_command(self.number, command);
        drop(state);
        self.network.changed.notify_one();
        Ok(())
    }

    /// A process that dies in the middle has published what came before.
    pub(crate) fn publish(&self, deliveries: &mut Vec<Delivery>) {
        let alive = deliveries.iter().take_while(|_| effect()).count();
        deliveries.truncate(alive);
        if !deliveries.is_empty() {
            self.network.state().publish(self.number, std::mem::take(deliveries));
            self.network.changed.notify_one();
        }
        deliveries.clear();
    }

    pub(crate) fn beat(&self, heartbeat: Heartbeat) {
        if effect() {
            self.network.state().broadcast(self.number, Message::Beat(Arc::new(heartbeat)));
            self.network.changed.notify_one();
        }
    }
}
