//! Passwords are hashed on blocking threads: only so many at once, and only so many waiting.

use std::sync::Arc;

use proto::Code;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::metrics::HashMetrics;
use crate::problem::Problem;

/// Runs hashing work within bounds.
pub(crate) struct HashPool {
    /// Running and waiting.
    admitted: Arc<Semaphore>,
    /// Running.
    running: Arc<Semaphore>,
    metrics: HashMetrics,
}

/// A place among the admitted, counted while it is held.
struct Place {
    _permit: OwnedSemaphorePermit,
    depth: metrics::Gauge,
}

impl HashPool {
    pub(crate) fn new(workers: usize, queue_max: usize) -> Self {
        let workers = workers.max(1);
        Self {
            admitted: Arc::new(Semaphore::new(workers + queue_max)),
            running: Arc::new(Semaphore::new(workers)),
            metrics: HashMetrics::new(),
        }
    }

    /// Runs `work` when its turn comes. When too many wait already, says so at once. A caller that goes away while
    /// it waits is skipped; work that has begun ends, and holds its place until then.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let busy = || Problem::new(Code::Busy, "too many passwords are being checked");
        let permit = Arc::clone(&self.admitted).try_acquire_owned().map_err(|_| {
            self.metrics.refused.increment(1);
            busy()
        })?;
        let place = Place::take(permit, self.metrics.depth.clone());
        let turn = Arc::clone(&self.running).acquire_owned().await.map_err(|_| busy())?;
        let seconds = self.metrics.seconds.clone();
        let job = tokio::task::spawn_blocking(move || {
            let (_place, _turn) = (place, turn);
            let started = Instant::now();
            let result = work();
            seconds.record(started.elapsed());
            result
        });
        job.await.map_err(|error| {
            tracing::error!(%error, "hashing a password failed");
            Problem::new(Code::Internal, "the password could not be checked")
        })
    }
}

impl Place {
    fn take(permit: OwnedSemaphorePermit, depth: metrics::Gauge) -> Self {
        depth.increment(1.0);
        Self { _permit: permit, depth }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.depth.decrement(1.0);
    }
}
