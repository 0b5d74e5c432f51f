//! The inbox of one node: what a gateway shard or an API process receives.

use std::sync::{Arc, Mutex, PoisonError};

use proto::{Delivery, GroupId, NodeId, UserId};
use tokio::sync::Notify;

use crate::local::Local;

/// Receives deliveries for one node. Dropping it closes it and ends all its interest.
pub struct NodeInbox {
    local: Arc<Local>,
    node: NodeId,
    index: usize,
    queue: Arc<InboxQueue>,
}

/// What [`NodeInbox::recv`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// Deliveries only.
    Deliveries,
    /// Deliveries, after others were lost: every session of the node must resync.
    Gap,
}

#[derive(Default)]
pub(crate) struct InboxQueue {
    state: Mutex<InboxState>,
    filled: Notify,
}

#[derive(Default)]
struct InboxState {
    deliveries: Vec<Delivery>,
    lost: u64,
}

impl InboxQueue {
    /// Takes what there is room for and tells how many were lost.
    pub(crate) fn push(&self, mut batch: Vec<Delivery>, max: usize) -> u64 {
        if batch.is_empty() {
            return 0;
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let was_empty = state.deliveries.is_empty() && state.lost == 0;
        let room = max.saturating_sub(state.deliveries.len());
        let lost = batch.len().saturating_sub(room) as u64;
        batch.truncate(room);
        state.lost += lost;
        state.deliveries.append(&mut batch);
        drop(state);
        if was_empty {
            self.filled.notify_one();
        }
        lost
    }
}

impl NodeInbox {
    pub(crate) fn new(local: Arc<Local>, node: NodeId) -> Self {
        let queue = Arc::new(InboxQueue::default());
        let index = local.open_inbox(node, Arc::clone(&queue));
        Self { local, node, index, queue }
    }

    /// Whose inbox it is.
    pub fn node(&self) -> NodeId {
        self.node
    }

    /// From now on receives what is published to the user.
    pub fn subscribe_user(&self, user: &UserId) {
        self.local.interest.add_user(user, self.index);
    }

    /// No longer receives what is published to the user.
    pub fn unsubscribe_user(&self, user: &UserId) {
        self.local.interest.remove_user(user, self.index);
    }

    /// From now on receives what is published to the group.
    pub fn subscribe_group(&self, group: &GroupId) {
        self.local.interest.add_group(group, self.index);
    }

    /// No longer receives what is published to the group.
    pub fn unsubscribe_group(&self, group: &GroupId) {
        self.local.interest.remove_group(group, self.index);
    }

    /// Waits until every subscription made so far is in force. In one process that is at once; over a network it is
    /// a round trip.
    pub async fn flush(&self) {}

    /// Waits for deliveries and takes all there are, in order, replacing what is in `into`. Cancel-safe.
    pub async fn recv(&self, into: &mut Vec<Delivery>) -> Received {
        into.clear();
        loop {
            let lost = {
                let mut state = self.queue.state.lock().unwrap_or_else(PoisonError::into_inner);
                std::mem::swap(&mut state.deliveries, into);
                std::mem::take(&mut state.lost)
            };
            match (lost, into.is_empty()) {
                (0, true) => self.queue.filled.notified().await,
                (0, false) => return Received::Deliveries,
                _ => return Received::Gap,
            }
        }
    }
}

impl Drop for NodeInbox {
    fn drop(&mut self) {
        self.local.close_inbox(self.node);
    }
}
