//! One worker: a thread with a queue of commands, the conversations of its partitions and everything it has asked of
//! the store. It lives through one incarnation after another.

mod checks;
mod claims;
mod commands;
mod flushes;
mod handover;
mod ids;
mod incarnation;
mod kept;
mod neighbours;
pub mod ops;
mod table;
mod wheel;

use std::cell::RefCell;

use bus::Bus;
use lifecycle::Tasks;
use proto::Partition;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use store::{IncarnationId, Store};
use tokio::sync::oneshot;

use crate::RouterConfig;
use crate::metrics::Metrics;
use incarnation::{End, Incarnation};

/// What outlives an incarnation.
pub struct Worker {
    number: usize,
    /// The process.
    router: u64,
    config: RouterConfig,
    bus: Bus,
    store: Store,
    tasks: Tasks,
    partitions: Vec<Partition>,
    metrics: Metrics,
    /// Incarnations are drawn from it; which partitions are theirs depends on it.
    random: RefCell<StdRng>,
}

impl Worker {
    pub fn new(
        number: usize,
        router: u64,
        config: RouterConfig,
        bus: Bus,
        store: Store,
        tasks: Tasks,
    ) -> Self {
        Self {
            number,
            router,
            config,
            bus,
            store,
            tasks,
            partitions: Partition::all().collect(),
            metrics: Metrics::new(number),
            random: RefCell::new(StdRng::from_seed(rand::random())),
        }
    }

    fn draw(&self) -> IncarnationId {
        IncarnationId(self.random.borrow_mut().random())
    }

    /// Draws its incarnations from this seed.
    #[cfg(test)]
    pub fn seeded(mut self, seed: u64) -> Self {
        self.random = RefCell::new(StdRng::seed_from_u64(seed));
        self
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
