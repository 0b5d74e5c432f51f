//! The bus over NATS.
//!
//! ```text
//! send_command ─► uplink ───(connection 1: commands)──► cmd.<partition>.… ──► queue of the router worker that serves it
//! publish ───────► downlink ─(connection 2: deliveries)─► user.… group.… node.…
//! inbox of a node ◄── interest (a lean connection each) ◄── user.… group.… node.…
//! ```
//!
//! **Guarantees.** Those of [`crate`], with these differences: a subscription is in force once `flush` returned; without
//! a connection [`crate::Bus::send_command`] gives the command back at once and what is published is dropped and
//! counted; a node whose connection was broken hears of it as a gap.

pub mod config;
pub(crate) mod connect;
mod downlink;
mod inbox;
pub mod multiplex;
mod queue;
mod uplink;

pub use connect::ConnectError;
pub(crate) use inbox::NatsInbox;
pub(crate) use queue::NatsQueue;

use std::sync::Arc;

use async_nats::Subscriber;
use futures_util::StreamExt as _;
use lifecycle::Tasks;
use proto::{Command, Delivery, Heartbeat, NodeId, Target};

use crate::heartbeat::Listeners;
use crate::metrics::NatsMeters;
use crate::routing::Routing;
use crate::subject::Subjects;
use crate::{Busy, Limits};
use config::NatsConfig;
use downlink::Downlink;
use multiplex::{Multiplex, MultiplexConfig};
use uplink::Uplink;

/// See [`crate::Bus::Nats`].
pub struct Nats {
    config: Arc<NatsConfig>,
    limits: Limits,
    tasks: Tasks,
    subjects: Subjects,
    uplink: Arc<Uplink>,
    downlink: Downlink,
    meters: Arc<NatsMeters>,
    pub(crate) routing: Routing,
    pub(crate) listeners: Listeners,
}

impl Nats {
    /// Connects, on the current runtime, until the drain begins.
    pub(crate) async fn connect(
        config: NatsConfig,
        limits: Limits,
        tasks: &Tasks,
    ) -> Result<Arc<Self>, ConnectError> {
        let subjects = Subjects::new(&config.prefix)?;
        let meters = Arc::new(NatsMeters::default());
        let commands = connect::connect(&config, "commands", limits.commands).await?;
        let deliveries = connect::connect(&config, "deliveries", downlink::OUTGOING_MAX).await?;
        let heartbeats = commands.subscribe(subjects.heartbeat()).await.map_err(ConnectError::Subscribe)?;
        let uplink = Uplink::open(
            commands,
            subjects.clone(),
            rand::random(),
            limits.commands,
            Arc::clone(&meters),
            tasks,
        )
        .await
        .map_err(ConnectError::Subscribe)?;
        let nats = Arc::new(Self {
            config: Arc::new(config),
            limits,
            tasks: tasks.clone(),
            downlink: Downlink::new(deliveries, subjects.clone(), Arc::clone(&meters)),
            subjects,
            uplink,
            meters,
            routing: Routing::default(),
            listeners: Listeners::default(),
        });
        let (hearing, ended) = (Arc::clone(&nats), tasks.clone());
        tasks.spawn("nats heartbeats", async move {
            tokio::select! {
                () = hearing.hear(heartbeats) => {}
                () = ended.draining() => {}
            }
        });
        Ok(nats)
    }

    /// Whether commands leave, and deliveries.
    pub(crate) fn is_connected(&self) -> bool {
        self.uplink.is_connected() && self.downlink.is_connected()
    }

    pub(crate) fn node(&self, node: NodeId) -> NatsInbox {
        let multiplex = self.multiplex(|config| MultiplexConfig {
            name: format!("tidegate node {node}"),
            messages_max: self.limits.deliveries,
            bytes_max: inbox::INBOX_BYTES_MAX,
            answers: Some(self.subjects.delivery(&Target::Node(node)).into()),
            ..config
        });
        NatsInbox::new(node, multiplex, self.subjects.clone(), &self.uplink, Arc::clone(&self.meters))
    }

    pub(crate) fn queue(self: &Arc<Self>) -> NatsQueue {
        let multiplex = self.multiplex(|config| MultiplexConfig {
            queue_group: Some(queue::group_of_one().into()),
            subscribes_per_second: queue::SUBSCRIBES_PER_SECOND,
            ..config
        });
        NatsQueue::new(Arc::clone(self), multiplex)
    }

    fn multiplex(&self, change: impl FnOnce(MultiplexConfig) -> MultiplexConfig) -> Multiplex {
        let config = MultiplexConfig {
            nats: Arc::clone(&self.config),
            subjects: self.subjects.clone(),
            name: "tidegate router".to_owned(),
            queue_group: None,
            subscribes_per_second: self.config.subscribes_per_second,
            messages_max: self.limits.commands,
            bytes_max: queue::COMMANDS_BYTES_MAX,
            answers: None,
        };
        Multiplex::open(change(config), &self.tasks)
            .unwrap_or_else(|error| unreachable!("the addresses were read when the bus connected: {error}"))
    }

    pub(crate) fn send_command(&self, command: Command) -> Result<(), Busy> {
        self.uplink.send(command)
    }

    pub(crate) fn publish(&self, deliveries: &mut Vec<Delivery>) {
        self.downlink.publish(deliveries);
    }

    pub(crate) fn beat(&self, heartbeat: &Heartbeat) {
        self.routing.hear(heartbeat);
        self.uplink.beat(heartbeat);
    }

    async fn hear(&self, mut heartbeats: Subscriber) {
        while let Some(message) = heartbeats.next().await {
            match Heartbeat::from_envelope(message.payload) {
                Ok(heartbeat) => {
                    self.routing.hear(&heartbeat);
                    self.uplink.owned(&heartbeat.serving);
                    self.listeners.tell(&Arc::new(heartbeat), &self.meters.shared);
                }
                Err(error) => {
                    tracing::debug!(%error, "received what is no heartbeat");
                    self.meters.malformed.increment(1);
                }
            }
        }
    }
}
