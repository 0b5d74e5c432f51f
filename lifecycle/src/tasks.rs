//! Spawning: tasks and threads with names, ended by the drain and waited for.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::{Builder, Handle};
use tokio::task::LocalSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use crate::breath::Breath;

/// Everything one process runs. Cloning gives another handle to the same set.
#[derive(Clone, Debug, Default)]
pub struct Tasks {
    tracker: TaskTracker,
    draining: CancellationToken,
    alive: Arc<Mutex<BTreeMap<String, usize>>>,
}

/// What had not ended by the deadline of [`Tasks::close`], by name and number.
#[derive(Debug, PartialEq, Eq)]
pub struct Stragglers(pub Vec<(String, usize)>);

impl Tasks {
    /// Completes when the drain begins. Every task that runs for ever must wait for it and end.
    pub async fn draining(&self) {
        self.draining.cancelled().await;
    }

    /// Whether the drain has begun.
    pub fn is_draining(&self) -> bool {
        self.draining.is_cancelled()
    }

    /// Begins the drain.
    pub fn drain(&self) {
        self.draining.cancel();
    }

    /// Runs a future on the current runtime.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that spawns")]
    pub fn spawn(&self, name: &'static str, future: impl Future<Output = ()> + Send + 'static) {
        let guard = self.enter(name);
        tokio::spawn(async move {
            let _guard = guard;
            future.await;
        });
    }

    /// Runs a future on the given runtime, from whatever thread.
    pub fn spawn_on(
        &self,
        runtime: &Handle,
        name: &'static str,
        future: impl Future<Output = ()> + Send + 'static,
    ) {
        let guard = self.enter(name);
        runtime.spawn(async move {
            let _guard = guard;
            future.await;
        });
    }

    /// Runs a future on the current thread's [`LocalSet`]; only inside [`Self::thread_with_runtime`]. Not named one
    /// by one: a gateway has one for each socket.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that spawns")]
    pub fn spawn_local(&self, future: impl Future<Output = ()> + 'static) {
        tokio::task::spawn_local(future);
    }

    /// Runs a closure on a thread of its own.
    pub fn thread(&self, name: &str, run: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
        let guard = self.enter(name);
        std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            let _guard = guard;
            run();
        })?;
        Ok(())
    }

    /// Runs a future on a thread of its own with a single-threaded runtime, so that what it spawns with
    /// [`Self::spawn_local`] needs no locks. Tasks left when the future ends are dropped.
    pub fn thread_with_runtime<F, Fut>(&self, name: &str, make: F) -> std::io::Result<()>
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = ()>,
    {
        self.run_on(Builder::new_current_thread(), name, make)
    }

    /// As [`Self::thread_with_runtime`]; while it is busy, the thread looks for work at most every `window`, and what comes
    /// in between gathers.
    pub fn thread_that_gathers<F, Fut>(&self, name: &str, window: Duration, make: F) -> std::io::Result<()>
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = ()>,
    {
        let mut builder = Builder::new_current_thread();
        if !window.is_zero() {
            let breath = Arc::new(Breath::new(window));
            let woken = Arc::clone(&breath);
            builder.on_thread_unpark(move || woken.woken());
            builder.on_thread_park(move || {
                let rest = breath.rest();
                if !rest.is_zero() {
                    std::thread::sleep(rest);
                }
            });
        }
        self.run_on(builder, name, make)
    }

    fn run_on<F, Fut>(&self, mut builder: Builder, name: &str, make: F) -> std::io::Result<()>
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = ()>,
    {
        let runtime = builder.enable_all().build()?;
        self.thread(name, move || LocalSet::new().block_on(&runtime, async move { make().await }))
    }

    /// Waits until everything has ended, at most `deadline`.
    pub async fn close(&self, deadline: Duration) -> Result<(), Stragglers> {
        self.drain();
        self.tracker.close();
        match tokio::time::timeout(deadline, self.tracker.wait()).await {
            Ok(()) => Ok(()),
            Err(_) => Err(Stragglers(self.alive().iter().map(|(name, n)| (name.clone(), *n)).collect())),
        }
    }

    fn enter(&self, name: &str) -> Alive {
        *self.alive().entry(name.to_owned()).or_insert(0) += 1;
        Alive { tasks: self.clone(), name: name.to_owned(), _token: self.tracker.token() }
    }

    fn alive(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, usize>> {
        self.alive.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts one task or thread until it is dropped, by its end or by a panic.
struct Alive {
    tasks: Tasks,
    name: String,
    _token: TaskTrackerToken,
}

impl Drop for Alive {
    fn drop(&mut self) {
        if std::thread::panicking() {
            tracing::error!(task = self.name, "task panicked, stopping");
            self.tasks.drain();
        }
        let mut alive = self.tasks.alive();
        if let Some(count) = alive.get_mut(&self.name) {
            *count -= 1;
            if *count == 0 {
                alive.remove(&self.name);
            }
        }
    }
}
