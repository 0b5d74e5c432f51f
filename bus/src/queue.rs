//! The queue of commands in front of one router worker.

use std::sync::{Arc, Mutex, PoisonError};

use proto::{Command, Partition};
use tokio::sync::Notify;

use crate::local::Local;

/// Commands for the partitions that one router worker serves.
pub struct CommandQueue {
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
    pub(crate) fn open(local: Arc<Local>, partitions: impl IntoIterator<Item = Partition>) -> Self {
        let queue = Arc::new(SharedQueue::default());
        for partition in partitions {
            local.serve(partition, Some(&queue));
        }
        Self { local, queue }
    }

    /// Serves one more partition.
    pub fn add(&self, partition: Partition) {
        self.local.serve(partition, Some(&self.queue));
    }

    /// Stops serving a partition; commands already queued stay.
    pub fn remove(&self, partition: Partition) {
        self.local.serve(partition, None);
    }

    /// Waits for commands and takes all there are, in order, replacing what is in `into`. Cancel-safe.
    pub async fn recv(&self, into: &mut Vec<Command>) {
        into.clear();
        loop {
            std::mem::swap(&mut *self.queue.commands.lock().unwrap_or_else(PoisonError::into_inner), into);
            if !into.is_empty() {
                self.local
                    .meters
                    .commands_queued
                    .set(f64::from(u32::try_from(into.len()).unwrap_or(u32::MAX)));
                return;
            }
            self.queue.filled.notified().await;
        }
    }
}

impl Drop for CommandQueue {
    fn drop(&mut self) {
        self.local.stop_serving(&self.queue);
    }
}
