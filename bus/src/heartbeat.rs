//! Heartbeats on their way to everyone in this process who listens.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use proto::Heartbeat;
use tokio::sync::Notify;

use crate::metrics::Meters;

/// Incarnations whose newest heartbeat waits in one inbox; those of more are dropped until it is read.
pub(crate) const INCARNATIONS_MAX: usize = 4096;

/// Hears every heartbeat on the bus, those of this process among them. Closed when dropped.
pub struct HeartbeatInbox(Arc<Waiting>);

#[derive(Default)]
struct Waiting {
    newest: Mutex<BTreeMap<u128, Arc<Heartbeat>>>,
    filled: Notify,
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
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        if newest.len() >= INCARNATIONS_MAX && !newest.contains_key(&heartbeat.incarnation) {
            return false;
        }
        newest.insert(heartbeat.incarnation, Arc::clone(heartbeat));
        drop(newest);
        self.filled.notify_one();
        true
    }
}

impl HeartbeatInbox {
    /// Waits for heartbeats and takes the newest of each incarnation that beat since the last call, in no order that matters,
    /// replacing what is in `into`. Cancel-safe.
    pub async fn recv(&self, into: &mut Vec<Arc<Heartbeat>>) {
        into.clear();
        loop {
            into.extend(
                std::mem::take(&mut *self.0.newest.lock().unwrap_or_else(PoisonError::into_inner))
                    .into_values(),
            );
            if !into.is_empty() {
                return;
            }
            self.0.filled.notified().await;
        }
    }
}
