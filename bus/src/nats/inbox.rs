//! The inbox of one node over NATS: one connection with all its interest.

use std::sync::Arc;

use proto::{Delivery, GroupId, NodeId, Target, UserId};

use super::multiplex::{Message, Multiplex};
use super::uplink::Uplink;
use crate::Received;
use crate::metrics::NatsMeters;
use crate::subject::Subjects;

/// Bytes that wait in one inbox.
pub(crate) const INBOX_BYTES_MAX: usize = 64 * 1024 * 1024;

/// See [`crate::NodeInbox`].
pub(crate) struct NatsInbox {
    node: NodeId,
    multiplex: Multiplex,
    subjects: Subjects,
    /// Commands of the node leave there, and their answers come here.
    uplink: Arc<Uplink>,
    meters: Arc<NatsMeters>,
}

impl NatsInbox {
    pub(super) fn new(
        node: NodeId,
        multiplex: Multiplex,
        subjects: Subjects,
        uplink: &Arc<Uplink>,
        meters: Arc<NatsMeters>,
    ) -> Self {
        multiplex.subscribe(&subjects.delivery(&Target::Node(node)));
        uplink.listens(node);
        Self { node, multiplex, subjects, uplink: Arc::clone(uplink), meters }
    }

    pub(crate) fn node(&self) -> NodeId {
        self.node
    }

    pub(crate) fn subscribe_user(&self, user: &UserId) {
        self.multiplex.subscribe_user(user);
    }

    pub(crate) fn unsubscribe_user(&self, user: &UserId) {
        self.multiplex.unsubscribe_user(user);
    }

    pub(crate) fn subscribe_group(&self, group: &GroupId) {
        self.multiplex.subscribe_group(group);
    }

    pub(crate) fn unsubscribe_group(&self, group: &GroupId) {
        self.multiplex.unsubscribe_group(group);
    }

    /// There are few beside users: they are kept as they are spelled.
    pub(crate) fn subscribe_presence(&self, user: &UserId) {
        self.multiplex.subscribe(&self.subjects.delivery(&Target::Presence(user.clone())));
    }

    pub(crate) fn unsubscribe_presence(&self, user: &UserId) {
        self.multiplex.unsubscribe(&self.subjects.delivery(&Target::Presence(user.clone())));
    }

    pub(crate) fn subscribe_everyone(&self) {
        self.multiplex.subscribe(&self.subjects.delivery(&Target::Everyone));
    }

    pub(crate) async fn flush(&self) {
        self.multiplex.flush().await;
    }

    pub(crate) async fn recv(&self, into: &mut Vec<Delivery>) -> Received {
        into.clear();
        let mut messages = Vec::new();
        loop {
            let received = self.multiplex.recv(&mut messages).await;
            for message in messages.drain(..) {
                if self.read(message, into).is_none() {
                    self.meters.malformed.increment(1);
                }
            }
            self.uplink.answered(into);
            if received == Received::Gap || !into.is_empty() {
                return received;
            }
        }
    }

    fn read(&self, message: Message, into: &mut Vec<Delivery>) -> Option<()> {
        let target = self.subjects.target(std::str::from_utf8(&message.subject).ok()?)?;
        let read = Delivery::read_all(&target, message.payload, into);
        if let Err(error) = &read {
            tracing::debug!(%error, "received what is no delivery");
        }
        read.ok()
    }
}

impl Drop for NatsInbox {
    fn drop(&mut self) {
        self.uplink.listens_no_more(self.node);
    }
}
