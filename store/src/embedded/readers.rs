//! Reader threads: where reads may wait for the disk.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use lifecycle::Tasks;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::Instant;

use super::tables::Fjall;
use super::{EmbeddedConfig, Inside, count, here};
use crate::StoreError;
use crate::engine::View;
use crate::metrics::Metrics;

/// What a thread runs.
type Job = Box<dyn FnOnce(&Fjall) + Send>;

/// One read; its place in the queue is free once a thread takes it.
struct Read {
    run: Job,
    _place: OwnedSemaphorePermit,
}

#[derive(Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Default)]
struct Waiting {
    reads: VecDeque<Read>,
    /// Threads that sleep and that nobody has woken yet.
    asleep: usize,
}

/// The threads' queue. Dropping it ends them, after what is queued.
pub(super) struct Readers {
    queue: Arc<Queue>,
    places: Arc<Semaphore>,
    metrics: Arc<Metrics>,
}

impl Readers {
    /// Starts the threads.
    pub(super) fn start(
        config: &EmbeddedConfig,
        inside: &Inside,
        metrics: &Arc<Metrics>,
        tasks: &Tasks,
    ) -> std::io::Result<Self> {
        let readers = Self {
            queue: Arc::default(),
            places: Arc::new(Semaphore::new(config.read_queue_max.max(1))),
            metrics: metrics.clone(),
        };
        for number in 0..config.reader_threads.max(1) {
            let (queue, places) = (readers.queue.clone(), readers.places.clone());
            let (inside, metrics) = (inside.clone(), metrics.clone());
            // A closure that named `inside.tables` would capture that alone, and let go of the lock at once.
            tasks.thread(&format!("store-reader-{number}"), move || {
                serve(&queue, &places, &inside, &metrics)
            })?;
        }
        Ok(readers)
    }

    /// Runs a read on a thread; waits for a place in the queue when it is full.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&dyn View) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.run(move |tables| read(tables)).await
    }

    /// Runs reads that follow from each other on one thread.
    pub(super) async fn read_together<T: Send + 'static>(
        &self,
        reads: impl Future<Output = Result<T, StoreError>> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.run(move |tables| here::carry_out(tables, reads)).await
    }

    async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Fjall) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let place = self.places.clone().acquire_owned().await.map_err(|_| closed())?;
        let (reply, answer) = oneshot::channel();
        let run = Box::new(move |tables: &Fjall| {
            // Whoever asked may be gone: then the disk is spared.
            if !reply.is_closed() {
                let _ = reply.send(job(tables));
            }
        });
        let wakes = {
            let mut waiting = self.queue.lock();
            if self.places.is_closed() {
                return Err(closed());
            }
            waiting.reads.push_back(Read { run, _place: place });
            self.metrics.read_queue_requests.set(count(waiting.reads.len()));
            waiting.wakes_one()
        };
        if wakes {
            self.queue.changed.notify_one();
        }
        self.metrics.reads.increment(1);
        answer.await.map_err(|_| closed())?
    }

    /// Takes no more reads; the threads end after those that are queued.
    pub(super) fn close(&self) {
        self.places.close();
        let _waiting = self.queue.lock();
        self.queue.changed.notify_all();
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.close();
    }
}

/// Runs reads until the store closes.
fn serve(queue: &Queue, places: &Semaphore, inside: &Inside, metrics: &Metrics) {
    while let Some(read) = queue.next(places) {
        let begun = Instant::now();
        (read.run)(&inside.tables);
        metrics.read_seconds.record(begun.elapsed().as_secs_f64());
    }
}

impl Queue {
    /// Waits for a read; `None` once there will be none.
    fn next(&self, places: &Semaphore) -> Option<Read> {
        let mut waiting = self.lock();
        loop {
            match waiting.reads.pop_front() {
                Some(read) => return Some(read),
                None if places.is_closed() => return None,
                None => {
                    waiting.asleep += 1;
                    waiting = self.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    /// Whether a thread must be woken for a read. A wake is a system call, made or not needed: a thread that was woken
    /// takes all that is queued by the time it runs.
    fn wakes_one(&mut self) -> bool {
        let sleeps = self.asleep > 0;
        self.asleep -= usize::from(sleeps);
        sleeps
    }
}

fn closed() -> StoreError {
    StoreError::Unavailable("the store is closed".to_owned())
}
