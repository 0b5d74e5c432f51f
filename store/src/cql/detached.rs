//! Writes that outlive their callers.
//!
//! A future of the driver that is dropped half-way leaves its request on the connection and its outcome unknown to
//! everyone, its own retries included. So a write runs in a task of its own: whoever asked may go away, the write ends
//! all the same, and the drain of the process waits for it.

use std::future::Future;
use std::sync::Arc;

use lifecycle::Tasks;
use metrics::Gauge;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, oneshot};

use crate::StoreError;
use crate::metrics::InFlight;

/// Runs writes, so many at once; more wait in line.
pub(super) struct Detached {
    tasks: Tasks,
    runtime: Handle,
    places: Arc<Semaphore>,
    in_flight: Gauge,
}

impl Detached {
    /// On the runtime that the driver's connections live on, whatever thread asks.
    pub(super) fn new(tasks: &Tasks, places: usize, in_flight: Gauge) -> Self {
        let places = Arc::new(Semaphore::new(places.clamp(1, Semaphore::MAX_PERMITS)));
        Self { tasks: tasks.clone(), runtime: Handle::current(), places, in_flight }
    }

    /// Runs a write to its end. Dropped while it waits for its place, it never begins; dropped later, it goes on.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        write: impl Future<Output = Result<T, StoreError>> + Send + 'static,
    ) -> Result<T, StoreError> {
        let place = self.places.clone().acquire_owned().await.map_err(|_| closed())?;
        let (reply, answer) = oneshot::channel();
        let in_flight = self.in_flight.clone();
        self.tasks.spawn_on(&self.runtime, "store-cql-write", async move {
            let in_flight = InFlight::new(&in_flight);
            let outcome = write.await;
            drop((in_flight, place));
            // Nobody may wait for it any more.
            let _ = reply.send(outcome);
        });
        answer.await.map_err(|_| StoreError::Unknown("the write ended with its runtime".to_owned()))?
    }

    /// Takes no more writes and waits for those under way.
    pub(super) async fn close(&self, places: usize) {
        let all = u32::try_from(places).unwrap_or(u32::MAX);
        let waited = self.places.acquire_many(all).await;
        self.places.close();
        drop(waited);
    }
}

/// No place will be free again.
fn closed() -> StoreError {
    StoreError::Unavailable("the store is closed".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_write_whose_caller_is_gone_ends_all_the_same() {
        let detached = Detached::new(&Tasks::default(), 1, Gauge::noop());
        let (begun, on_begun) = oneshot::channel();
        let (go, on_go) = oneshot::channel::<()>();
        let (ended, on_end) = oneshot::channel();
        let write = detached.run(async move {
            let _ = begun.send(());
            let _ = on_go.await;
            let _ = ended.send(());
            Ok(())
        });
        tokio::select! {
            _ = write => panic!("it cannot have ended"),
            seen = on_begun => seen.unwrap(),
        }
        // The caller is gone now.
        go.send(()).unwrap();
        on_end.await.unwrap();
        // Its place is free again.
        assert_eq!(detached.run(async { Ok(7) }).await, Ok(7));
        detached.close(1).await;
        assert!(matches!(detached.run(async { Ok(7) }).await, Err(StoreError::Unavailable(_))));
    }
}
