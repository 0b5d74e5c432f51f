//! The router of a process: its workers, begun together and ready together.

use bus::Bus;
use lifecycle::Tasks;
use store::Store;
use thiserror::Error;
use tokio::sync::oneshot;

use crate::worker::Worker;
use crate::{RouterConfig, Sight};

/// A running router. It ends with the drain of its tasks, whether or not this is kept.
#[derive(Debug)]
pub struct Router(());

/// Why a router did not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// The operator's: the setting must be in range.
    #[error("workers is {0}; 1 to 64 are possible")]
    Workers(usize),
    /// The system gave no thread.
    #[error("no thread for a router worker")]
    Thread(#[source] std::io::Error),
    /// The drain began before every partition was claimed.
    #[error("stopped before every partition was claimed")]
    Stopped,
}

impl Router {
    /// Spawns the workers and waits until every partition that should be theirs is claimed and served; those that other
    /// routers serve follow later. On drain they take no more commands, finish what is in flight, write what projections
    /// lack and release their partitions, to others if there are any.
    pub async fn start(
        config: RouterConfig,
        bus: Bus,
        store: Store,
        sight: Sight,
        tasks: Tasks,
    ) -> Result<Self, StartError> {
        if !(1..=64).contains(&config.workers) {
            return Err(StartError::Workers(config.workers));
        }
        let router = rand::random();
        let mut waiting = Vec::with_capacity(config.workers);
        for number in 0..config.workers {
            let (ready, is_ready) = oneshot::channel();
            waiting.push(is_ready);
            let worker =
                Worker::new(number, router, config.clone(), bus.clone(), store.clone(), tasks.clone())
                    .seeing(sight.clone());
            let run = move || async move { worker.run(ready).await };
            tasks.thread_with_runtime(&format!("router-{number}"), run).map_err(StartError::Thread)?;
        }
        for is_ready in waiting {
            is_ready.await.map_err(|_| StartError::Stopped)?;
        }
        Ok(Self(()))
    }
}
