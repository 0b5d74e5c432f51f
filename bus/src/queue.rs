//! The queue of commands in front of one router worker.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use proto::{Command, Partition};
use tokio::sync::Notify;

use crate::local::Local;
use crate::nats::{Nats, NatsQueue};

/// Commands for the partitions that one router worker serves.
pub struct CommandQueue(Kind);

enum Kind {
    Local(LocalQueue),
    Nats(NatsQueue),
}

struct LocalQueue {
    local: Arc<Local>,
    queue: Arc<SharedQueue>,
}

#[derive(Default)]
pub(crate) struct SharedQueue {
    commands: Mutex<Vec<Command>>,
    filled: Notify,
}

impl SharedQueue {
    /// Gives the command back when the queue is full.
    pub(crate) fn push(&self, command: Command, max: usize) -> Option<Command> {
        let mut commands = self.commands.lock().unwrap_or_else(PoisonError::into_inner);
        if commands.len() >= max {
            return Some(command);
        }
        commands.push(command);
        let first = commands.len() == 1;
        drop(commands);
        if first {
            self.filled.notify_one();
        }
        None
    }
}

impl CommandQueue {
    pub(crate) fn local(local: &Arc<Local>, partitions: impl IntoIterator<Item = Partition>) -> Self {
        let queue = LocalQueue { local: Arc::clone(local), queue: Arc::default() };
        Self(Kind::Local(queue)).serving(partitions)
    }

    pub(crate) fn nats(nats: &Arc<Nats>, partitions: impl IntoIterator<Item = Partition>) -> Self {
        Self(Kind::Nats(nats.queue())).serving(partitions)
    }

    fn serving(self, partitions: impl IntoIterator<Item = Partition>) -> Self {
        partitions.into_iter().for_each(|partition| self.add(partition));
        self
    }

    /// Serves one more partition.
    pub fn add(&self, partition: Partition) {
        match &self.0 {
            Kind::Local(queue) => queue.local.serve(partition, &queue.queue),
            Kind::Nats(queue) => queue.add(partition),
        }
    }

    /// Stops serving a partition; commands already queued stay.
    pub fn remove(&self, partition: Partition) {
        match &self.0 {
            Kind::Local(queue) => queue.local.stop_serving_one(partition, &queue.queue),
            Kind::Nats(queue) => queue.remove(partition),
        }
    }

    /// Waits until everything added is served, and nothing more can arrive for what was removed. In one process that is at
    /// once; over a network it is a round trip. Cancel-safe.
    pub async fn flush(&self) {
        if let Kind::Nats(queue) = &self.0 {
            queue.flush().await;
        }
    }

    /// From now on also receives commands of partitions that nobody serves, if several queues do then its share of them.
    /// Over NATS these wait in the bus, at one who serves something.
    pub fn accept_any(&self) {
        if let Kind::Local(queue) = &self.0 {
            queue.local.accept_any(&queue.queue);
        }
    }

    /// No longer receives commands of partitions that nobody serves.
    pub fn refuse_any(&self) {
        if let Kind::Local(queue) = &self.0 {
            queue.local.refuse_any(&queue.queue);
        }
    }

    /// Partitions of commands that came here since the last call although others should serve them, and that the bus itself
    /// keeps or passes on. In one process there are none: [`Self::recv`] gives such commands.
    pub fn take_strays(&self) -> BTreeSet<Partition> {
        match &self.0 {
            Kind::Local(_) => BTreeSet::new(),
            Kind::Nats(queue) => queue.take_strays(),
        }
    }

    /// Waits for commands and takes all there are, in order, replacing what is in `into`. Cancel-safe.
    pub async fn recv(&self, into: &mut Vec<Command>) {
        match &self.0 {
            Kind::Local(queue) => queue.recv(into).await,
            Kind::Nats(queue) => queue.recv(into).await,
        }
    }
}

impl LocalQueue {
    async fn recv(&self, into: &mut Vec<Command>) {
        into.clear();
        loop {
            std::mem::swap(&mut *self.queue.commands.lock().unwrap_or_else(PoisonError::into_inner), into);
            if !into.is_empty() {
                let queued = f64::from(u32::try_from(into.len()).unwrap_or(u32::MAX));
                self.local.meters.commands_queued.set(queued);
                return;
            }
            self.queue.filled.notified().await;
        }
    }
}

impl Drop for LocalQueue {
    fn drop(&mut self) {
        self.local.stop_serving(&self.queue);
    }
}
