//! What the simulated network sees of an endpoint.

use std::sync::{Arc, PoisonError};

use proto::{NodeId, Partition, Target};

use crate::interest::NodeSet;
use crate::local::Local;
use crate::queue::SharedQueue;

impl Local {
    pub(super) fn queue_of(&self, partition: Partition) -> Option<Arc<SharedQueue>> {
        let serving = self.serving.read().unwrap_or_else(PoisonError::into_inner);
        serving[usize::from(partition.number())].clone()
    }

    /// A queue that takes commands of any partition.
    pub(super) fn any_queue(&self) -> Option<Arc<SharedQueue>> {
        self.any.read().unwrap_or_else(PoisonError::into_inner).first().cloned()
    }

    pub(super) fn has_inboxes(&self) -> bool {
        self.nodes.read().unwrap_or_else(PoisonError::into_inner).slots.iter().any(Option::is_some)
    }

    pub(super) fn wants(&self, target: &Target) -> bool {
        match target {
            Target::User(user) => self.interest.of_user(user) != NodeSet::EMPTY,
            Target::Group(group) => self.interest.of_group(group) != NodeSet::EMPTY,
            Target::Presence(user) => self.interest.of_presence(user) != NodeSet::EMPTY,
            Target::Everyone => self.interest.of_everyone() != NodeSet::EMPTY,
            Target::Node(node) => self.has_inbox(*node),
        }
    }

    pub(super) fn has_inbox(&self, node: NodeId) -> bool {
        self.nodes.read().unwrap_or_else(PoisonError::into_inner).index.contains_key(&node)
    }

    /// Every inbox here is told that something is missing.
    pub(super) fn tell_gap(&self) {
        let nodes = self.nodes.read().unwrap_or_else(PoisonError::into_inner);
        for queue in nodes.slots.iter().flatten() {
            queue.lose();
        }
    }
}
