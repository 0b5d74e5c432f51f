//! One worker: a thread with a queue of commands, the conversations of its partitions and everything it has asked of
//! the store. It lives through one incarnation after another.

mod broadcasts;
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
pub mod overlays;
mod pairs;
mod private;
mod retention;
mod table;
mod wheel;

use std::cell::RefCell;

use bus::Bus;
use lifecycle::{Tasks, wall_clock_ms};
use proto::{Partition, Timestamp};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use store::{IncarnationId, Store};
use tokio::sync::oneshot;

use crate::RouterConfig;
use crate::config::Sight;
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
    /// Nobody is known to be online without it.
    sight: Sight,
    tasks: Tasks,
    partitions: Vec<Partition>,
    metrics: Metrics,
    /// Incarnations are drawn from it; which partitions are theirs depends on it.
    random: RefCell<StdRng>,
    /// How far its wall clock is ahead of the machine's; not zero in tests only.
    ahead_ms: i64,
}

impl Worker {
    /// A worker of all partitions, one of those of the process `router`.
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
            sight: Sight::default(),
            tasks,
            partitions: Partition::all().collect(),
            metrics: Metrics::new(number),
            random: RefCell::new(StdRng::from_seed(rand::random())),
            ahead_ms: 0,
        }
    }

    /// Knows who is online.
    #[must_use]
    pub fn seeing(mut self, sight: Sight) -> Self {
        self.sight = sight;
        self
    }

    fn wall_clock(&self) -> Timestamp {
        Timestamp(wall_clock_ms().saturating_add_signed(self.ahead_ms))
    }

    fn draw(&self) -> IncarnationId {
        IncarnationId(self.random.borrow_mut().random())
    }

    /// Draws its incarnations from this seed.
    #[cfg(any(test, feature = "sim"))]
    #[must_use]
    pub fn seeded(mut self, seed: u64) -> Self {
        self.random = RefCell::new(StdRng::seed_from_u64(seed));
        self
    }

    /// Has a clock that is ahead of the machine's, or behind.
    #[cfg(test)]
    pub fn ahead(mut self, ms: i64) -> Self {
        self.ahead_ms = ms;
        self
    }

    /// Owns only these.
    #[cfg(any(test, feature = "sim"))]
    #[must_use]
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
            match Box::pin(incarnation.live(&mut ready)).await {
                End::Drained => return,
                End::Died(death) => {
                    // O3: nothing of it is kept and nothing is said; its futures are dropped with it.
                    tracing::warn!(worker = self.number, ?death, "incarnation ended, beginning a new one");
                }
            }
            drop(incarnation);
            tokio::select! {
                biased;
                () = tokio::time::sleep(self.config.restart_pause) => {}
                () = self.tasks.draining() => return,
            }
        }
    }
}

#[cfg(test)]
mod tests;
