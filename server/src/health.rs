//! Whether this process can do its work now: what `/ready` says besides the phase.
//!
//! **Guarantees.** Asking costs the store one small read in [`REMEMBERED`], however often `/ready` is asked; an answer comes
//! within [`TIMEOUT`]. Redis is not asked: what is there may be lost.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bus::Bus;
use proto::Partition;
use store::{Level, Store};
use tokio::sync::Mutex;
use tokio::time::Instant;

/// A store that does not answer for so long cannot be reached.
const TIMEOUT: Duration = Duration::from_secs(1);
/// For so long an answer of the store is good.
const REMEMBERED: Duration = Duration::from_secs(1);

/// What the process stands on. Cloning gives another handle to the same.
#[derive(Clone, Default)]
pub(crate) struct Health(Arc<Parts>);

#[derive(Default)]
struct Parts {
    bus: OnceLock<Bus>,
    store: OnceLock<Store>,
    last: Mutex<Option<(Instant, Result<(), String>)>>,
}

impl Health {
    /// From now on it needs this bus.
    pub(crate) fn watch_bus(&self, bus: Bus) {
        // It is set once, at the start.
        let _ = self.0.bus.set(bus);
    }

    /// From now on it needs this store.
    pub(crate) fn watch_store(&self, store: Store) {
        let _ = self.0.store.set(store);
    }

    /// What is missing, in words; empty when nothing is.
    pub(crate) async fn missing(&self) -> Vec<String> {
        let mut missing = Vec::new();
        if self.0.bus.get().is_some_and(|bus| !bus.is_connected()) {
            missing.push("the bus is not connected".to_owned());
        }
        if let Some(store) = self.0.store.get()
            && let Err(error) = self.ask(store).await
        {
            missing.push(error);
        }
        missing
    }

    /// The lock is held while asking, so that many who ask at once wait for one answer.
    async fn ask(&self, store: &Store) -> Result<(), String> {
        let mut last = self.0.last.lock().await;
        if let Some((when, answer)) = &*last
            && when.elapsed() < REMEMBERED
        {
            return answer.clone();
        }
        let any = Partition::all().next().unwrap_or_else(|| unreachable!("there are partitions"));
        let answer = match tokio::time::timeout(TIMEOUT, store.owner(any, Level::Quorum)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("the store does not answer".to_owned()),
        };
        *last = Some((Instant::now(), answer.clone()));
        answer
    }
}

#[cfg(test)]
mod tests {
    use store::{Fault, Memory, Op, Rule};

    use super::*;

    #[tokio::test]
    async fn what_is_not_there_yet_is_not_missed() {
        let health = Health::default();
        assert_eq!(health.missing().await, Vec::<String>::new());
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_that_does_not_answer_is_told_and_asked_again_later() {
        let memory = Arc::new(Memory::default());
        let health = Health::default();
        health.watch_store(Store::Memory(Arc::clone(&memory)));
        assert_eq!(health.missing().await, Vec::<String>::new());
        memory.program(Rule::new(Fault::Fail).op(Op::Owner).times(1));
        memory.program(Rule::new(Fault::SlowAfter(TIMEOUT * 2)).op(Op::Owner).times(1));
        assert_eq!(health.missing().await, Vec::<String>::new(), "the last answer is still good");
        tokio::time::advance(REMEMBERED).await;
        assert!(health.missing().await[0].contains("unavailable"));
        tokio::time::advance(REMEMBERED).await;
        assert_eq!(health.missing().await, ["the store does not answer"]);
        tokio::time::advance(REMEMBERED).await;
        assert_eq!(health.missing().await, Vec::<String>::new());
        assert_eq!(memory.calls(Op::Owner), 4);
    }
}
