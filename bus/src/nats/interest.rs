//! One connection to NATS with any number of subscriptions and one bounded way in.
//!
//! ```text
//! subscribe, unsubscribe ──► wanted subjects ──► SUB, UNSUB ──► server
//! recv ◄── received (bounded in messages and bytes) ◄── MSG ◄──┘
//! ```
//!
//! **Guarantees.** After [`Multiplex::flush`] returned, every subscription made before it is in force. Messages come in
//! the order in which the server sent them. What was lost, to a full way in or to a broken connection, is told once as
//! [`Received::Gap`], together with what came before it was noticed; it is never swallowed. After a reconnect every
//! wanted subject is subscribed again.
//!
//! **Does not** know what the messages are.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::SelectAll;
use hashbrown::HashSet;
use lifecycle::Tasks;
use tokio::sync::Notify;

use super::config::NatsConfig;
use crate::Received;

/// What one connection is.
#[derive(Clone, Debug)]
pub(crate) struct MultiplexConfig {
    /// Where to and who we are.
    pub(crate) nats: Arc<NatsConfig>,
    /// How the server's monitoring names it.
    pub(crate) name: String,
    /// Whether each message goes to one of those who share the group, for all subscriptions of the connection.
    pub(crate) queue_group: Option<&'static str>,
    /// Received messages that wait. Full: dropped, and told as a gap.
    pub(crate) messages_max: usize,
    /// Their bytes.
    pub(crate) bytes_max: usize,
}

/// A message as it came. Both parts may share a larger buffer.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    /// What it was published to.
    pub(crate) subject: Bytes,
    /// What it carries.
    pub(crate) payload: Bytes,
}

/// See the module. Closed when dropped.
pub(crate) struct Multiplex {
    shared: Arc<Shared>,
}

struct Shared {
    config: MultiplexConfig,
    wanted: Mutex<Wanted>,
    changed: Notify,
    flushed: tokio::sync::watch::Sender<u64>,
    received: Mutex<Waiting>,
    filled: Notify,
}

#[derive(Default)]
struct Wanted {
    subjects: HashSet<String>,
    version: u64,
    closed: bool,
}

#[derive(Default)]
struct Waiting {
    messages: Vec<Message>,
    bytes: usize,
    gap: bool,
}

impl Multiplex {
    /// Begins to connect, and goes on until it is dropped or the drain begins. On the current runtime.
    pub(crate) fn open(config: MultiplexConfig, tasks: &Tasks) -> Self {
        let shared = Arc::new(Shared {
            config,
            wanted: Mutex::default(),
            changed: Notify::new(),
            flushed: tokio::sync::watch::Sender::new(0),
            received: Mutex::default(),
            filled: Notify::new(),
        });
        tasks.spawn("nats interest", run(Arc::clone(&shared), tasks.clone()));
        Self { shared }
    }

    /// From now on receives what is published to the subject; once in force, see [`Self::flush`].
    pub(crate) fn subscribe(&self, subject: &str) {
        self.shared.want(|subjects| subjects.insert(subject.to_owned()));
    }

    /// No longer receives what is published to the subject. What is on its way may still come.
    pub(crate) fn unsubscribe(&self, subject: &str) {
        self.shared.want(|subjects| subjects.remove(subject));
    }

    /// Waits until everything subscribed so far is in force, however long the server stays away. Cancel-safe.
    pub(crate) async fn flush(&self) {
        let version = self.shared.wanted.lock().unwrap_or_else(PoisonError::into_inner).version;
        // The task ends with the drain; then nobody waits for anything any more.
        let _ = self.shared.flushed.subscribe().wait_for(|flushed| *flushed >= version).await;
    }

    /// Waits for messages and takes all there are, in order, replacing what is in `into`. Cancel-safe.
    pub(crate) async fn recv(&self, into: &mut Vec<Message>) -> Received {
        into.clear();
        loop {
            {
                let mut received = self.shared.received.lock().unwrap_or_else(PoisonError::into_inner);
                if received.gap || !received.messages.is_empty() {
                    std::mem::swap(&mut received.messages, into);
                    received.bytes = 0;
                    let gap = std::mem::take(&mut received.gap);
                    return if gap { Received::Gap } else { Received::Deliveries };
                }
            }
            self.shared.filled.notified().await;
        }
    }
}

impl Drop for Multiplex {
    fn drop(&mut self) {
        self.shared.wanted.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
        self.shared.changed.notify_one();
    }
}

impl Shared {
    fn want(&self, change: impl FnOnce(&mut HashSet<String>) -> bool) {
        let mut wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        if change(&mut wanted.subjects) {
            wanted.version += 1;
            drop(wanted);
            self.changed.notify_one();
        }
    }

    fn put(&self, message: Message) {
        let mut received = self.received.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = received.bytes + message.subject.len() + message.payload.len();
        if received.messages.len() >= self.config.messages_max || bytes > self.config.bytes_max {
            received.gap = true;
        } else {
            received.bytes = bytes;
            received.messages.push(message);
        }
        drop(received);
        self.filled.notify_one();
    }

    fn lost(&self) {
        self.received.lock().unwrap_or_else(PoisonError::into_inner).gap = true;
        self.filled.notify_one();
    }
}

async fn run(shared: Arc<Shared>, tasks: Tasks) {
    tokio::select! {
        () = serve(&shared) => {}
        () = tasks.draining() => {}
    }
}

async fn serve(shared: &Arc<Shared>) {
    let events = Arc::clone(shared);
    let connected_before = std::sync::atomic::AtomicBool::new(false);
    let on_event = move |event| {
        if matches!(event, async_nats::Event::Connected)
            && connected_before.swap(true, std::sync::atomic::Ordering::Relaxed)
        {
            events.lost();
        }
    };
    let config = &shared.config;
    let client = match super::connect::connect(&config.nats, &config.name, 1024, on_event).await {
        Ok(client) => client,
        Err(error) => {
            tracing::error!(%error, "no interest connection");
            return;
        }
    };
    let mut streams = SelectAll::new();
    let mut ends: hashbrown::HashMap<String, tokio::sync::oneshot::Sender<()>> = hashbrown::HashMap::new();
    loop {
        let (wanted, version) = {
            let wanted = shared.wanted.lock().unwrap_or_else(PoisonError::into_inner);
            if wanted.closed {
                return;
            }
            (wanted.subjects.clone(), wanted.version)
        };
        ends.retain(|subject, _| wanted.contains(subject));
        for subject in wanted {
            if ends.contains_key(&subject) {
                continue;
            }
            let subscribed = match config.queue_group {
                None => client.subscribe(subject.clone()).await,
                Some(group) => client.queue_subscribe(subject.clone(), group.to_owned()).await,
            };
            let Ok(subscriber) = subscribed else { return };
            let (end, ended) = tokio::sync::oneshot::channel::<()>();
            ends.insert(subject, end);
            streams.push(subscriber.take_until(ended).boxed());
        }
        // A request that nobody answers comes back as "no responders": a round trip behind the subscriptions.
        let _ = client.request(format!("{}.{version}", client.new_inbox()), Bytes::new()).await;
        shared.flushed.send_replace(version);
        loop {
            tokio::select! {
                () = shared.changed.notified() => break,
                Some(message) = streams.next(), if !streams.is_empty() => {
                    shared.put(Message {
                        subject: Bytes::copy_from_slice(message.subject.as_bytes()),
                        payload: message.payload,
                    });
                }
            }
        }
    }
}
