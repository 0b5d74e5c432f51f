//! The tables in fjall's keyspaces.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use fjall::{
    AbstractTree as _, CompressionType, Database, Keyspace, KeyspaceCreateOptions, OwnedWriteBatch,
    PersistMode,
};

use super::EmbeddedConfig;
use crate::StoreError;
use crate::engine::view::{Direction, OnRow};
use crate::engine::{Table, View};

/// How nice threads in the background are, of 19.
const NICENESS: i32 = 10;

/// A handle to the database. Cloning gives another; the last one dropped closes it.
#[derive(Clone)]
pub(super) struct Fjall {
    log: Keyspace,
    state: Keyspace,
    database: Database,
}

impl Fjall {
    /// Opens or makes the database.
    pub(super) fn open(path: &Path, config: &EmbeddedConfig) -> fjall::Result<Self> {
        let database = open_nicely(path, config)?;
        let options = || {
            KeyspaceCreateOptions::default()
                .manual_journal_persist(true)
                .max_memtable_size(config.memtable_bytes)
        };
        Ok(Self {
            log: database.keyspace("log", options)?,
            state: database.keyspace("state", options)?,
            database,
        })
    }

    /// An empty batch with room for `rows`.
    pub(super) fn batch(&self, rows: usize) -> OwnedWriteBatch {
        // The batch is visible to readers only after this sync.
        OwnedWriteBatch::with_capacity(self.database.clone(), rows).durability(Some(PersistMode::SyncData))
    }

    /// The keyspace of a table.
    pub(super) fn keyspace(&self, table: Table) -> &Keyspace {
        match table {
            Table::Log => &self.log,
            Table::State => &self.state,
        }
    }

    /// The memtables that take rows at the moment.
    pub(super) fn active_memtables(&self) -> impl Iterator<Item = Arc<impl Sized>> {
        [&self.log, &self.state].into_iter().map(|keyspace| keyspace.tree.active_memtable())
    }

    /// Syncs everything that was written.
    pub(super) fn sync(&self) -> fjall::Result<()> {
        self.database.persist(PersistMode::SyncAll)
    }
}

/// Makes this thread, and those that it will make, less urgent than others.
pub(super) fn give_way() {
    if let Err(error) = rustix::process::nice(NICENESS) {
        tracing::debug!(%error, "a background thread of the store is as urgent as all others");
    }
}

/// Opens the database on a thread that gives way to others. On Linux a thread inherits that from the one that makes it,
/// and so fjall's workers do: writing out and merging tables takes what processor time is left, instead of standing in
/// line before the messages of the moment.
fn open_nicely(path: &Path, config: &EmbeddedConfig) -> fjall::Result<Database> {
    let open = || {
        give_way();
        Database::builder(path)
            .cache_size(config.cache_bytes)
            .journal_compression(CompressionType::None)
            .manual_journal_persist(true)
            .max_journaling_size(config.journal_bytes_max)
            .worker_threads(2)
            .open()
    };
    std::thread::scope(|scope| scope.spawn(open).join())
        .unwrap_or_else(|panicked| std::panic::resume_unwind(panicked))
}

impl View for Fjall {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        let value = self.keyspace(table).get(key).map_err(unreadable)?;
        Ok(value.map(|value| Bytes::copy_from_slice(&value)))
    }

    fn scan(
        &self,
        table: Table,
        from: &[u8],
        to: &[u8],
        direction: Direction,
        on_row: OnRow<'_>,
    ) -> Result<(), StoreError> {
        if from >= to {
            return Ok(());
        }
        let mut rows = self.keyspace(table).range(from..to);
        while let Some(row) = match direction {
            Direction::Forward => rows.next(),
            Direction::Backward => rows.next_back(),
        } {
            let (key, value) = row.into_inner().map_err(unreadable)?;
            if on_row(&key, &Bytes::copy_from_slice(&value))?.is_break() {
                break;
            }
        }
        Ok(())
    }
}

/// Whether a retry helps is the disk's secret; checksums tell a damaged file from a failed read.
fn unreadable(error: fjall::Error) -> StoreError {
    match error {
        fjall::Error::Io(error) => StoreError::Unavailable(error.to_string()),
        fjall::Error::Poisoned => StoreError::Unavailable("an earlier write failed".to_owned()),
        error => StoreError::Corrupt(error.to_string()),
    }
}
