//! The bus within one process: queues behind locks that are held for a push or a swap.

use std::sync::{Arc, PoisonError, RwLock};

use hashbrown::HashMap;
use proto::id::PARTITIONS;
use proto::{Command, Delivery, Heartbeat, NodeId, Partition, Target, UserId};

use crate::heartbeat::Listeners;
use crate::inbox::InboxQueue;
use crate::interest::{Interest, NodeSet};
use crate::metrics::Meters;
use crate::queue::SharedQueue;
use crate::routing::Routing;
use crate::{Busy, Limits};

/// See [`crate::Bus::Local`].
pub struct Local {
    pub(crate) limits: Limits,
    pub(crate) interest: Interest,
    pub(crate) routing: Routing,
    pub(crate) listeners: Listeners,
    pub(crate) meters: Meters,
    pub(crate) serving: RwLock<Vec<Option<Arc<SharedQueue>>>>,
    /// Who takes commands of partitions that nobody serves.
    pub(crate) any: RwLock<Vec<Arc<SharedQueue>>>,
    pub(crate) nodes: RwLock<Nodes>,
}

/// Open inboxes; a node's index is its bit in a [`NodeSet`].
#[derive(Default)]
pub(crate) struct Nodes {
    pub(crate) slots: Vec<Option<Arc<InboxQueue>>>,
    pub(crate) index: HashMap<NodeId, usize>,
}

impl Local {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            interest: Interest::default(),
            routing: Routing::default(),
            listeners: Listeners::default(),
            meters: Meters::default(),
            serving: RwLock::new(vec![None; usize::from(PARTITIONS)]),
            any: RwLock::default(),
            nodes: RwLock::default(),
        }
    }

    pub(crate) fn send_command(&self, command: Command) -> Result<(), Busy> {
        let partition = usize::from(command.partition().number());
        let serving = self.serving.read().unwrap_or_else(PoisonError::into_inner);
        let refused = match &serving[partition] {
            Some(queue) => queue.push(command, self.limits.commands),
            None => {
                let any = self.any.read().unwrap_or_else(PoisonError::into_inner);
                // Those of one partition wait in one queue, so that they stay in order.
                match any.get(partition % any.len().max(1)) {
                    Some(queue) => queue.push(command, self.limits.commands),
                    None => Some(command),
                }
            }
        };
        match refused {
            None => Ok(()),
            Some(refused) => {
                self.meters.commands_refused.increment(1);
                Err(Busy(Box::new(refused)))
            }
        }
    }

    pub(crate) fn serve(&self, partition: Partition, queue: &Arc<SharedQueue>) {
        let mut serving = self.serving.write().unwrap_or_else(PoisonError::into_inner);
        serving[usize::from(partition.number())] = Some(Arc::clone(queue));
    }

    /// Nobody serves the partition from now on, unless it is another queue's by now.
    pub(crate) fn stop_serving_one(&self, partition: Partition, queue: &Arc<SharedQueue>) {
        let mut serving = self.serving.write().unwrap_or_else(PoisonError::into_inner);
        let slot = &mut serving[usize::from(partition.number())];
        if slot.as_ref().is_some_and(|served| Arc::ptr_eq(served, queue)) {
            *slot = None;
        }
    }

    pub(crate) fn accept_any(&self, queue: &Arc<SharedQueue>) {
        self.refuse_any(queue);
        self.any.write().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(queue));
    }

    pub(crate) fn refuse_any(&self, queue: &Arc<SharedQueue>) {
        let mut any = self.any.write().unwrap_or_else(PoisonError::into_inner);
        any.retain(|accepting| !Arc::ptr_eq(accepting, queue));
    }

    pub(crate) fn stop_serving(&self, queue: &Arc<SharedQueue>) {
        self.refuse_any(queue);
        let mut serving = self.serving.write().unwrap_or_else(PoisonError::into_inner);
        for slot in serving.iter_mut() {
            if slot.as_ref().is_some_and(|served| Arc::ptr_eq(served, queue)) {
                *slot = None;
            }
        }
    }

    /// Registers an inbox and gives its index. More than [`NodeSet::MAX`] open inboxes in one process is a bug.
    pub(crate) fn open_inbox(&self, node: NodeId, queue: Arc<InboxQueue>) -> usize {
        let mut nodes = self.nodes.write().unwrap_or_else(PoisonError::into_inner);
        let free = nodes.slots.iter().position(Option::is_none);
        let index = free.unwrap_or_else(|| {
            nodes.slots.push(None);
            nodes.slots.len() - 1
        });
        assert!(index < NodeSet::MAX, "at most {} nodes in one process", NodeSet::MAX);
        nodes.slots[index] = Some(queue);
        nodes.index.insert(node, index);
        index
    }

    /// Closes the inbox with that index. The node may have another one by now, which stays.
    pub(crate) fn close_inbox(&self, node: NodeId, index: usize) {
        let mut nodes = self.nodes.write().unwrap_or_else(PoisonError::into_inner);
        if nodes.index.get(&node) == Some(&index) {
            nodes.index.remove(&node);
        }
        nodes.slots[index] = None;
        self.interest.forget_node(index);
    }

    pub(crate) fn is_watched(&self, user: &UserId) -> bool {
        self.interest.of_presence(user) != NodeSet::EMPTY
    }

    pub(crate) fn beat(&self, heartbeat: Heartbeat) {
        self.hear(Arc::new(heartbeat));
    }

    pub(crate) fn hear(&self, heartbeat: Arc<Heartbeat>) {
        self.routing.hear(&heartbeat);
        self.listeners.tell(&heartbeat, &self.meters);
    }

    pub(crate) fn publish(&self, deliveries: &mut Vec<Delivery>) {
        let nodes = self.nodes.read().unwrap_or_else(PoisonError::into_inner);
        let mut batches: Vec<Vec<Delivery>> = Vec::new();
        batches.resize_with(nodes.slots.len(), Vec::new);
        for delivery in deliveries.drain(..) {
            let mut targets = match &delivery.target {
                Target::Node(node) => {
                    nodes.index.get(node).map_or(NodeSet::EMPTY, |index| NodeSet::one(*index))
                }
                Target::User(user) => self.interest.of_user(user),
                Target::Group(group) => self.interest.of_group(group),
                Target::Presence(user) => self.interest.of_presence(user),
                Target::Everyone => self.interest.of_everyone(),
            };
            // The last node takes the delivery itself, the others a clone.
            while let Some(index) = targets.pop() {
                if targets == NodeSet::EMPTY {
                    batches[index].push(delivery);
                    break;
                }
                batches[index].push(delivery.clone());
            }
        }
        for (queue, batch) in nodes.slots.iter().zip(batches) {
            if let Some(queue) = queue {
                self.meters.deliveries.increment(batch.len() as u64);
                let lost = queue.push(batch, self.limits.deliveries);
                self.meters.deliveries_lost.increment(lost);
            }
        }
    }
}
