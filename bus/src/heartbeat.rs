//! Heartbeats on their way to everyone in this process who listens.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use proto::Heartbeat;
use tokio::sync::Notify;

use crate::metrics::Meters;

/// Incarnations whose heartbeats wait in one inbox; those of more are dropped until it is read.
pub(crate) const INCARNATIONS_MAX: usize = 4096;

/// Hears every heartbeat on the bus, those of this process among them. Closed when dropped.
pub struct HeartbeatInbox(Arc<Waiting>);

#[derive(Default)]
struct Waiting {
    unread: Mutex<BTreeMap<u128, Unread>>,
    filled: Notify,
}

/// Of one incarnation.
struct Unread {
    /// The last that served anything, when the newest serves nothing: who slept through all of it must learn from a farewell,
    /// too, that its partitions were taken.
    served: Option<Arc<Heartbeat>>,
    newest: Arc<Heartbeat>,
}

/// Everyone in this process who listens.
#[derive(Default)]
pub(crate) struct Listeners(Mutex<Vec<Weak<Waiting>>>);

impl Listeners {
    pub(crate) fn open(&self) -> HeartbeatInbox {
        let waiting = Arc::new(Waiting::default());
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::downgrade(&waiting));
        HeartbeatInbox(waiting)
    }

    pub(crate) fn tell(&self, heartbeat: &Arc<Heartbeat>, meters: &Meters) {
        let mut listeners = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        listeners.retain(|listener| {
            let Some(listener) = listener.upgrade() else { return false };
            if !listener.put(heartbeat) {
                meters.heartbeats_lost.increment(1);
            }
            true
        });
    }
}

impl Waiting {
    /// Whether there was room.
    fn put(&self, heartbeat: &Arc<Heartbeat>) -> bool {
        let mut unread = self.unread.lock().unwrap_or_else(PoisonError::into_inner);
        if unread.len() >= INCARNATIONS_MAX && !unread.contains_key(&heartbeat.incarnation) {
            return false;
        }
        let before = unread.remove(&heartbeat.incarnation);
        unread.insert(heartbeat.incarnation, Unread::after(before, heartbeat));
        drop(unread);
        self.filled.notify_one();
        true
    }
}

impl Unread {
    fn after(before: Option<Self>, newest: &Arc<Heartbeat>) -> Self {
        let served = before.filter(|_| newest.serving.is_empty()).and_then(|before| {
            if before.newest.serving.is_empty() { before.served } else { Some(before.newest) }
        });
        Self { served, newest: Arc::clone(newest) }
    }
}

impl HeartbeatInbox {
    /// Waits for heartbeats and takes the newest of each incarnation that beat since the last call, replacing what is in
    /// `into`. Before one that serves nothing comes the last that did. Cancel-safe.
    pub async fn recv(&self, into: &mut Vec<Arc<Heartbeat>>) {
        into.clear();
        loop {
            let unread = std::mem::take(&mut *self.0.unread.lock().unwrap_or_else(PoisonError::into_inner));
            into.extend(
                unread.into_values().flat_map(|Unread { served, newest }| served.into_iter().chain([newest])),
            );
            if !into.is_empty() {
                return;
            }
            self.0.filled.notified().await;
        }
    }
}
