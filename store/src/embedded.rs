//! The engine of one process: fjall in a locked directory, one writer thread, reads on threads of their own.
//!
//! ```text
//! append, transactions ─► bounded queue ─► writer thread ─► one atomic batch, one fsync ─► answers
//! reads ────────────────► bounded queue ─► reader threads ─► answers
//! ```
//!
//! **Guarantees.** Nothing is answered, and nothing can be read, before the fsync of its batch has succeeded. An fsync
//! that fails ends the process at once: what the disk then holds is unknown, and only a restart reads it.
//! The locked directory is the fence against other processes; fences between incarnations of this one are kept in
//! memory, and no incarnation of an earlier process can verify anything.
//!
//! **Does not** call the engine on an async worker, ever: any read may wait for the disk.
//!
//! **Limits.** Both queues are bounded; when one is full, callers wait in line. A commit takes at most
//! `group_commit_records_max` requests and about [`group::COMMIT_BYTES_MAX`] bytes.

mod data_dir;
mod fences;
mod format;
mod group;
mod here;
mod memtables;
mod readers;
mod tables;
#[cfg(test)]
mod tests;
mod writer;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use lifecycle::Tasks;
use tokio::sync::{mpsc, oneshot, watch};

pub use data_dir::OpenError;

use self::data_dir::DataDir;
use self::fences::Fences;
use self::group::{Pending, Work};
use self::memtables::Memtables;
use self::readers::Readers;
use self::tables::Fjall;
use self::writer::Writer;
use crate::cache::Cache;
use crate::directory::read_marks;
use crate::engine::{Tx, View};
use crate::metrics::Metrics;
use crate::{Batch, Durable, IncarnationId, StoreError, Verified, VerifyError};

/// What an embedded store needs to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmbeddedConfig {
    /// The directory; made with mode 0700 if missing.
    pub path: PathBuf,
    /// The most requests in one commit.
    pub group_commit_records_max: usize,
    /// Commits of several requests begin at least so long after one another; one after a pause, or of a few requests,
    /// begins at once. Zero for none: every fsync is followed by the next.
    pub group_commit_interval: Duration,
    /// Requests waiting for the writer; when it is full, callers wait.
    pub queue_records_max: usize,
    /// Threads that read.
    pub reader_threads: usize,
    /// Reads waiting for a thread; when it is full, callers wait.
    pub read_queue_max: usize,
    /// Memory for blocks of files that were read, and half as much for pages.
    pub cache_bytes: u64,
    /// Memory for rows that are not in a sorted file yet, for each of the two tables; twice as much while one is
    /// being written out. A directory keeps the figure with which it was made.
    pub memtable_bytes: u64,
    /// Journals on disk, at least 64 MiB: what a restart reads again at most.
    pub journal_bytes_max: u64,
}

/// What every thread holds until it ends. Dropped in this order: the database, its lock, the news of it.
#[derive(Clone)]
struct Inside {
    tables: Fjall,
    _lock: Arc<DataDir>,
    _ended: Arc<watch::Sender<()>>,
}

/// The embedded store.
pub struct Embedded {
    writer: mpsc::Sender<Work>,
    readers: Readers,
    memtables: Memtables,
    fences: Fences,
    cache: Cache,
    ended: watch::Receiver<()>,
    metrics: Arc<Metrics>,
}

impl std::fmt::Debug for Embedded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Embedded").finish_non_exhaustive()
    }
}

impl Embedded {
    /// Opens or makes a store. Blocks: reads the journal again after a crash.
    ///
    /// Its threads end with [`Self::close`], or once every handle is dropped; they do not end with the drain, because
    /// others finish their work with them then.
    pub fn open(config: &EmbeddedConfig, tasks: &Tasks) -> Result<Arc<Self>, OpenError> {
        let dir = DataDir::lock(&config.path)?;
        let tables = dir.open_tables(config)?;
        let (ended, on_end) = watch::channel(());
        let inside = Inside { tables, _lock: Arc::new(dir), _ended: Arc::new(ended) };
        let metrics = Arc::new(Metrics::new());
        let (sender, requests) = mpsc::channel(config.queue_records_max);
        let writer = Writer::new(config, requests, metrics.clone());
        let marks = read_marks(&inside.tables).map_err(OpenError::Rows)?.into_iter().collect();
        let readers = Readers::start(config, &inside, &metrics, tasks)?;
        let memtables = Memtables::start(&inside, &metrics, tasks)?;
        tasks.thread("store-writer", move || writer.run(&inside, marks))?;
        Ok(Arc::new(Self {
            writer: sender,
            readers,
            memtables,
            fences: Fences::default(),
            cache: Cache::new(usize::try_from(config.cache_bytes / 2).unwrap_or(usize::MAX)),
            ended: on_end,
            metrics,
        }))
    }

    /// Answers what is queued, ends the threads and unlocks the directory. Calls after this are `Unavailable`.
    pub async fn close(&self) {
        // An error says that the writer has ended already.
        let _ = self.writer.send(Work::Close).await;
        self.readers.close();
        self.memtables.close();
        // Nothing is ever sent: this ends with the last thread.
        let _ = self.ended.clone().changed().await;
    }

    /// Pages in memory.
    pub(crate) fn cache(&self) -> &Cache {
        &self.cache
    }

    pub(crate) async fn append(&self, batch: Arc<Batch>) -> Result<Durable, StoreError> {
        if batch.entries.is_empty() {
            return Err(StoreError::Unavailable("an append without entries".to_owned()));
        }
        let (reply, answer) = oneshot::channel();
        self.request(Work::Append(batch, reply)).await?;
        answer.await.map_err(|_| gone())?
    }

    pub(crate) async fn write<T: Send + 'static>(
        &self,
        write: impl FnOnce(&mut Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.request(Work::Transaction(Box::new(Pending::new(write, reply)))).await?;
        answer.await.map_err(|_| gone())?
    }

    pub(crate) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&dyn View) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        match here::tables() {
            Some(tables) => read(&tables),
            None => self.readers.read(read).await,
        }
    }

    /// Runs reads that follow from each other on one thread.
    pub(crate) async fn read_together<T: Send + 'static>(
        &self,
        reads: impl Future<Output = Result<T, StoreError>> + Send + 'static,
    ) -> Result<T, StoreError> {
        match here::tables() {
            Some(_) => reads.await,
            None => self.readers.read_together(reads).await,
        }
    }

    /// Nothing to wait for: an incarnation is known to this process alone.
    pub(crate) fn announce(&self, me: IncarnationId) {
        self.fences.announce(me);
    }

    pub(crate) fn fence(&self, other: IncarnationId) {
        self.fences.fence(other);
    }

    pub(crate) fn verify(&self, me: IncarnationId, durable: Vec<Durable>) -> Result<Verified, VerifyError> {
        if self.fences.is_fenced(me) { Err(VerifyError::Fenced) } else { Ok(Verified::checked(durable)) }
    }

    async fn request(&self, work: Work) -> Result<(), StoreError> {
        let sent = self.writer.send(work).await;
        self.metrics.queue_requests.set(count(self.writer.max_capacity() - self.writer.capacity()));
        sent.map_err(|_| StoreError::Unavailable("the store is closed".to_owned()))
    }
}

/// The writer ended with the request in its hands.
fn gone() -> StoreError {
    StoreError::Unknown("the store closed before it answered".to_owned())
}

/// A count as metrics have it.
#[expect(clippy::cast_precision_loss, reason = "counts of requests are far below 2^52")]
fn count(number: usize) -> f64 {
    number as f64
}
