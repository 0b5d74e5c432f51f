//! One connection to NATS with any number of subscriptions and one bounded way in: a client of our own, for what
//! async-nats is not made for (several kilobytes a subscription, and silent loss where one is read too slowly).
//!
//! ```text
//! subscribe, unsubscribe ──► what is wanted ──(paced)──► SUB, UNSUB ──► server
//! recv ◄── received (bounded in messages and bytes) ◄───────── MSG ◄──────┘
//! ```
//!
//! **Guarantees.** After [`Multiplex::flush`] returned, every subscription made before it is in force, or a
//! [`Received::Gap`] is going to be told. Messages come in the order in which the server sent them. What was lost, to a full
//! way in or to a broken connection, is told once as a gap, together with what came before it was noticed; it is
//! never swallowed, and the socket is read on. After a reconnect everything wanted is subscribed again, no faster than the
//! configured pace, and the gap is told when that is done: from then on nothing is missing. A server that announces its end
//! is left for another one; until that one has been told everything, the old one is listened to.
//!
//! **Does not** publish, and does not know what the messages are.
//!
//! **Limits.** A subscription costs 22 to 46 bytes ([`names`]). Of a server's `INFO` 64 KiB are read, of its other lines 4 KiB.

mod config;
mod connection;
mod decoder;
mod dial;
mod driver;
mod greeting;
mod inbound;
mod names;
mod pace;
mod reconnect;
mod servers;
mod subscriptions;
mod tls;

pub use config::MultiplexConfig;
pub use decoder::{Decoder, INFO_BYTES_MAX, LINE_BYTES_MAX, Message as WireMessage, Op, ProtocolError};
pub use inbound::Message;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lifecycle::Tasks;
use proto::{GroupId, UserId};
use tokio::sync::{Notify, watch};

use super::connect::ConnectError;
use crate::inbox::Received;
use crate::metrics::InterestMeters;
use inbound::Inbound;
use servers::Servers;
use subscriptions::Subscriptions;

/// See the module. Closed when dropped.
pub struct Multiplex {
    shared: Arc<Shared>,
}

/// What the handle and the task that drives the connection share.
struct Shared {
    config: MultiplexConfig,
    wishes: Mutex<Wishes>,
    /// Wishes changed, or the handle is gone.
    changed: Notify,
    closed: AtomicBool,
    /// How many of the changes that were asked for are in force.
    in_force: watch::Sender<u64>,
    inbound: Inbound,
    meters: InterestMeters,
}

struct Wishes {
    subscriptions: Subscriptions,
    /// Up to which change somebody waits.
    flush: u64,
}

impl Multiplex {
    /// Begins to connect, and goes on trying until it is dropped. On the current runtime.
    pub fn open(config: MultiplexConfig, tasks: &Tasks) -> Result<Self, ConnectError> {
        let servers = Servers::new(&super::connect::addresses(&config.nats)?);
        let shared = Arc::new(Shared {
            inbound: Inbound::new(&config),
            config,
            wishes: Mutex::new(Wishes { subscriptions: Subscriptions::new(), flush: 0 }),
            changed: Notify::new(),
            closed: AtomicBool::new(false),
            in_force: watch::Sender::new(0),
            meters: InterestMeters::default(),
        });
        tasks.spawn("nats interest", reconnect::run(Arc::clone(&shared), servers));
        Ok(Self { shared })
    }

    /// From now on receives what is published to the user; once in force, see [`Self::flush`].
    pub fn subscribe_user(&self, user: &UserId) {
        self.shared.change(|wanted| wanted.subscribe_user(user));
    }

    /// No longer receives what is published to the user. What is on its way may still come.
    pub fn unsubscribe_user(&self, user: &UserId) {
        self.shared.change(|wanted| wanted.unsubscribe_user(user));
    }

    /// From now on receives what is published to the group; once in force.
    pub fn subscribe_group(&self, group: &GroupId) {
        self.shared.change(|wanted| wanted.subscribe_group(group));
    }

    /// No longer receives what is published to the group. What is on its way may still come.
    pub fn unsubscribe_group(&self, group: &GroupId) {
        self.shared.change(|wanted| wanted.unsubscribe_group(group));
    }

    /// From now on receives what is published to the subject; once in force. For subjects that are few: they are kept as
    /// they are spelled.
    pub fn subscribe(&self, subject: &str) {
        self.shared.change(|wanted| wanted.subscribe(subject));
    }

    /// The same, in a queue group of its own: each message goes to one of those who share it.
    pub fn subscribe_shared(&self, subject: &str, group: &str) {
        self.subscribe(&shared(subject, group));
    }

    /// No longer receives its share. What is on its way may still come.
    pub fn unsubscribe_shared(&self, subject: &str, group: &str) {
        self.unsubscribe(&shared(subject, group));
    }

    /// No longer receives what is published to the subject. What is on its way may still come.
    pub fn unsubscribe(&self, subject: &str) {
        self.shared.change(|wanted| wanted.unsubscribe(subject));
    }

    /// Waits until everything subscribed so far is in force, however long the server stays away. Cancel-safe.
    pub async fn flush(&self) {
        let ticket = {
            let mut wishes = self.shared.wishes();
            wishes.flush = wishes.subscriptions.asked();
            wishes.flush
        };
        let mut in_force = self.shared.in_force.subscribe();
        if *in_force.borrow_and_update() < ticket {
            self.shared.changed.notify_one();
            // The sender is ours.
            let _ = in_force.wait_for(|told| *told >= ticket).await;
        }
    }

    /// Waits for messages and takes all there are, in order, replacing what is in `into`. Cancel-safe.
    pub async fn recv(&self, into: &mut Vec<Message>) -> Received {
        let received = self.shared.inbound.recv(into).await;
        if received == Received::Gap {
            self.shared.meters.gaps.increment(1);
        }
        received
    }

    /// Subscriptions there are.
    pub fn subscriptions(&self) -> usize {
        self.shared.wishes().subscriptions.len()
    }

    /// Changes of subscriptions that wait for their turn to be told to the server.
    pub fn waiting(&self) -> usize {
        self.shared.wishes().subscriptions.waiting()
    }
}

/// As `SUB` spells it, and no subject has a space in it.
fn shared(subject: &str, group: &str) -> String {
    format!("{subject} {group}")
}

impl Drop for Multiplex {
    fn drop(&mut self) {
        self.shared.closed.store(true, Ordering::Release);
        self.shared.changed.notify_one();
    }
}

impl Shared {
    fn wishes(&self) -> MutexGuard<'_, Wishes> {
        self.wishes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut Subscriptions)) {
        let mut wishes = self.wishes();
        let before = wishes.subscriptions.asked();
        change(&mut wishes.subscriptions);
        let changed = wishes.subscriptions.asked() > before;
        drop(wishes);
        if changed {
            self.changed.notify_one();
        }
    }

    fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Completes when the handle is gone.
    async fn closed(&self) {
        while !self.is_closed() {
            self.changed.notified().await;
        }
    }
}
