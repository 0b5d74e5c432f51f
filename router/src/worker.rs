//! One worker: a thread with a queue of commands, the conversations of its partitions and everything it has asked of
//! the store. It lives through one incarnation after another.

mod claims;
mod commands;
mod flushes;
mod ids;
mod incarnation;
pub mod ops;
mod table;
mod wheel;

use bus::Bus;
use lifecycle::Tasks;
use proto::Partition;
use store::Store;
use tokio::sync::oneshot;

use crate::RouterConfig;
use crate::metrics::Metrics;
use incarnation::{End, Incarnation};

/// What outlives an incarnation.
pub struct Worker {
    number: usize,
    config: RouterConfig,
    bus: Bus,
    store: Store,
    tasks: Tasks,
    partitions: Vec<Partition>,
    metrics: Metrics,
}

impl Worker {
    pub fn new(number: usize, config: RouterConfig, bus: Bus, store: Store, tasks: Tasks) -> Self {
        let workers = config.workers;
        let partitions = Partition::all().filter(|p| usize::from(p.number()) % workers == number).collect();
        Self { number, config, bus, store, tasks, partitions, metrics: Metrics::new(number) }
    }

    /// Owns only these.
    #[cfg(test)]
    pub fn only(mut self, partitions: Vec<Partition>) -> Self {
        self.partitions = partitions;
        self
    }

    /// Runs until the drain has ended. `ready` is told once all partitions are served for the first time.
    pub async fn run(self, ready: oneshot::Sender<()>) {
        let mut ready = Some(ready);
        loop {
            self.metrics.incarnations.increment(1);
            let mut incarnation = Box::new(Incarnation::new(&self));
            match incarnation.live(&mut ready).await {
                End::Drained => return,
                End::Died(death) => {
                    // O3: nothing of it is kept and nothing is said; its futures are dropped with it.
                    tracing::warn!(worker = self.number, ?death, "incarnation ended, beginning a new one");
                }
            }
            drop(incarnation);
            tokio::select! {
                () = tokio::time::sleep(self.config.restart_pause) => {}
                () = self.tasks.draining() => return,
            }
        }
    }
}
