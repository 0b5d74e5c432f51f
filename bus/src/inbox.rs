//! The inbox of one node: what a gateway shard or an API process receives.

use std::sync::{Arc, Mutex, PoisonError};

use proto::{Delivery, GroupId, NodeId, Target, UserId};
use tokio::sync::Notify;

use crate::local::Local;
use crate::nats::{Nats, NatsInbox};

/// Receives deliveries for one node. Dropping it closes it and ends all its interest.
pub struct NodeInbox(Kind);

enum Kind {
    Local(LocalInbox),
    Nats(NatsInbox),
}

struct LocalInbox {
    local: Arc<Local>,
    node: NodeId,
    index: usize,
    queue: Arc<InboxQueue>,
}

/// How many times as much an inbox holds of what is told to its node itself: answers to commands, which are in no log to be
/// fetched from, and of which there are no more than commands are unanswered.
pub(crate) const ANSWERS_FACTOR: usize = 2;

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
    /// Takes what there is room for and tells how many were lost. See [`ANSWERS_FACTOR`].
    pub(crate) fn push(&self, mut batch: Vec<Delivery>, max: usize) -> u64 {
        if batch.is_empty() {
            return 0;
        }
        let offered = batch.len();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let was_empty = state.deliveries.is_empty() && state.lost == 0;
        let before = state.deliveries.len();
        if before + offered <= max {
            state.deliveries.append(&mut batch);
        } else {
            for delivery in batch {
                let factor = if matches!(delivery.target, Target::Node(_)) { ANSWERS_FACTOR } else { 1 };
                if state.deliveries.len() < max.saturating_mul(factor) {
                    state.deliveries.push(delivery);
                }
            }
        }
        let lost = (offered - (state.deliveries.len() - before)) as u64;
        state.lost += lost;
        drop(state);
        if was_empty {
            self.filled.notify_one();
        }
        lost
    }

    /// Something that should be here never came.
    #[cfg(feature = "sim")]
    pub(crate) fn lose(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).lost += 1;
        self.filled.notify_one();
    }
}

impl NodeInbox {
    pub(crate) fn local(local: &Arc<Local>, node: NodeId) -> Self {
        let queue = Arc::new(InboxQueue::default());
        let index = local.open_inbox(node, Arc::clone(&queue));
        Self(Kind::Local(LocalInbox { local: Arc::clone(local), node, index, queue }))
    }

    pub(crate) fn nats(nats: &Arc<Nats>, node: NodeId) -> Self {
        Self(Kind::Nats(nats.node(node)))
    }

    /// Whose inbox it is.
    pub fn node(&self) -> NodeId {
        match &self.0 {
            Kind::Local(inbox) => inbox.node,
            Kind::Nats(inbox) => inbox.node(),
        }
    }

    /// Receives what is published to the user, once in force: see [`Self::flush`].
    pub fn subscribe_user(&self, user: &UserId) {
        match &self.0 {
            Kind::Local(inbox) => inbox.local.interest.add_user(user, inbox.index),
            Kind::Nats(inbox) => inbox.subscribe_user(user),
        }
    }

    /// No longer receives what is published to the user. Over NATS what is on its way still comes.
    pub fn unsubscribe_user(&self, user: &UserId) {
        match &self.0 {
            Kind::Local(inbox) => inbox.local.interest.remove_user(user, inbox.index),
            Kind::Nats(inbox) => inbox.unsubscribe_user(user),
        }
    }

    /// Receives what is published to the group, once in force: see [`Self::flush`].
    pub fn subscribe_group(&self, group: &GroupId) {
        match &self.0 {
            Kind::Local(inbox) => inbox.local.interest.add_group(group, inbox.index),
            Kind::Nats(inbox) => inbox.subscribe_group(group),
        }
    }

    /// No longer receives what is published to the group. Over NATS what is on its way still comes.
    pub fn unsubscribe_group(&self, group: &GroupId) {
        match &self.0 {
            Kind::Local(inbox) => inbox.local.interest.remove_group(group, inbox.index),
            Kind::Nats(inbox) => inbox.unsubscribe_group(group),
        }
    }

    /// Receives what is published to those who watch the user's presence, once in force: see [`Self::flush`].
    pub fn subscribe_presence(&self, user: &UserId) {
        match &self.0 {
            Kind::Local(inbox) => inbox.local.interest.add_presence(user, inbox.index),
            Kind::Nats(inbox) => inbox.subscribe_presence(user),
        }
    }

    /// No longer receives it. Over NATS what is on its way still comes.
    pub fn unsubscribe_presence(&self, user: &UserId) {
        match &self.0 {
            Kind::Local(inbox) => inbox.local.interest.remove_presence(user, inbox.index),
            Kind::Nats(inbox) => inbox.unsubscribe_presence(user),
        }
    }

    /// Receives what is published to everyone, once in force: see [`Self::flush`]. For as long as the inbox lives.
    pub fn subscribe_everyone(&self) {
        match &self.0 {
            Kind::Local(inbox) => inbox.local.interest.add_everyone(inbox.index),
            Kind::Nats(inbox) => inbox.subscribe_everyone(),
        }
    }

    /// Waits until every subscription made so far is in force, the inbox's own among them. In one process that is at
    /// once; over NATS it is a round trip, or as long as the server stays away. Cancel-safe.
    pub async fn flush(&self) {
        match &self.0 {
            Kind::Local(_) => {}
            Kind::Nats(inbox) => inbox.flush().await,
        }
    }

    /// Waits for deliveries and takes all there are, in order, replacing what is in `into`. Cancel-safe.
    pub async fn recv(&self, into: &mut Vec<Delivery>) -> Received {
        match &self.0 {
            Kind::Local(inbox) => inbox.recv(into).await,
            Kind::Nats(inbox) => inbox.recv(into).await,
        }
    }
}

impl LocalInbox {
    async fn recv(&self, into: &mut Vec<Delivery>) -> Received {
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

impl Drop for LocalInbox {
    fn drop(&mut self) {
        self.local.close_inbox(self.node, self.index);
    }
}
