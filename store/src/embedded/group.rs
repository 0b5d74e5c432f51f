//! One commit: the requests that are written and synced together.

use std::sync::Arc;

use bytes::Bytes;
use fjall::OwnedWriteBatch;
use hashbrown::HashMap;
use proto::Seq;
use tokio::sync::oneshot;

use super::tables::Fjall;
use crate::directory::{decode_mark, encode_mark, touched_key};
use crate::engine::view::{Direction, OnRow};
use crate::engine::{Changes, Table, Tx, View, Writer as Value};
use crate::log::write_batch;
use crate::{Batch, Durable, StoreError};

/// Bytes of appended rows after which a commit takes no more requests.
pub(super) const COMMIT_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Where the outcome of an append goes.
pub(super) type AppendReply = oneshot::Sender<Result<Durable, StoreError>>;

/// A request to the writer.
pub(super) enum Work {
    /// Write entries.
    Append(Arc<Batch>, AppendReply),
    /// Read and write small rows.
    Transaction(Box<dyn Transaction>),
    /// Take no more requests; answer those that are queued, and end.
    Close,
}

/// A transaction and who waits for it.
pub(super) trait Transaction: Send {
    /// Runs it; `false` if nothing of it may be written.
    fn run(&mut self, tx: &mut Tx<'_>) -> bool;
    /// Tells what came of it, once that is durable.
    fn answer(self: Box<Self>);
}

/// A transaction that answers through a oneshot.
pub(super) struct Pending<T, F> {
    write: Option<F>,
    outcome: Option<Result<T, StoreError>>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Pending<T, F> {
    pub(super) fn new(write: F, reply: oneshot::Sender<Result<T, StoreError>>) -> Self {
        Self { write: Some(write), outcome: None, reply }
    }
}

impl<T, F> Transaction for Pending<T, F>
where
    T: Send,
    F: FnOnce(&mut Tx<'_>) -> Result<T, StoreError> + Send,
{
    fn run(&mut self, tx: &mut Tx<'_>) -> bool {
        self.outcome = self.write.take().map(|write| write(tx));
        matches!(self.outcome, Some(Ok(_)))
    }

    fn answer(self: Box<Self>) {
        if let Some(outcome) = self.outcome {
            // An error says that nobody waits any more.
            let _ = self.reply.send(outcome);
        }
    }
}

/// Touched marks, as they are. On disk a mark keeps the seq with which it was first set, so that a busy conversation
/// does not write it with each append; the newest seqs are here, and found again from the log when the store opens.
pub(super) type Marks = HashMap<Vec<u8>, Seq>;

/// The tables as transactions of the writer see them: touched marks from memory.
struct Marked<'a> {
    tables: &'a Fjall,
    marks: &'a Marks,
}

impl View for Marked<'_> {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        match self.marks.get(key) {
            Some(seq) if table == Table::State => Ok(Some(encode_mark(*seq))),
            _ => self.tables.get(table, key),
        }
    }

    fn scan(
        &self,
        table: Table,
        from: &[u8],
        to: &[u8],
        direction: Direction,
        on_row: OnRow<'_>,
    ) -> Result<(), StoreError> {
        self.tables.scan(table, from, to, direction, on_row)
    }
}

/// A commit in the making.
pub(super) struct Group<'a> {
    tables: &'a Fjall,
    marks: &'a mut Marks,
    batch: OwnedWriteBatch,
    changes: Changes,
    value: Value,
    bytes: usize,
    appends: Vec<(Arc<Batch>, AppendReply)>,
    transactions: Vec<Box<dyn Transaction>>,
}

impl<'a> Group<'a> {
    /// Begins one with room for `requests`.
    pub(super) fn new(tables: &'a Fjall, marks: &'a mut Marks, requests: usize) -> Self {
        Self {
            tables,
            marks,
            batch: tables.batch(2 * requests),
            changes: Changes::new(),
            value: Value::default(),
            bytes: 0,
            appends: Vec::with_capacity(requests),
            transactions: Vec::new(),
        }
    }

    /// Whether it has as many bytes as one commit should.
    pub(super) fn is_full(&self) -> bool {
        self.bytes >= COMMIT_BYTES_MAX
    }

    /// Adds entries. They go straight to the batch: no transaction ever reads them.
    pub(super) fn append(&mut self, batch: Arc<Batch>, reply: AppendReply) {
        let (rows, tables, bytes) = (&mut self.batch, self.tables, &mut self.bytes);
        write_batch(&batch, &mut self.value, |key, value| {
            *bytes += key.len() + value.len();
            rows.insert(tables.keyspace(Table::Log), key, value);
        });
        self.mark(&batch);
        self.appends.push((batch, reply));
    }

    /// Runs a transaction on top of those before it.
    pub(super) fn transaction(&mut self, mut transaction: Box<dyn Transaction>) {
        let view = Marked { tables: self.tables, marks: self.marks };
        let mut tx = Tx::new(&view, &self.changes);
        if transaction.run(&mut tx) {
            let changes = tx.into_changes();
            for ((table, key), value) in changes {
                if table == Table::State && self.marks.contains_key(&key) {
                    self.set_mark(&key, value.as_ref());
                }
                self.changes.insert((table, key), value);
            }
        }
        self.transactions.push(transaction);
    }

    /// Writes and syncs everything, then answers everyone. Gives the number of entries and transactions. An error ends
    /// the process while everyone still waits.
    pub(super) fn commit(self) -> usize {
        let mut batch = self.batch;
        for ((table, key), value) in self.changes {
            match value {
                Some(value) => batch.insert(self.tables.keyspace(table), key, &*value),
                None => batch.remove(self.tables.keyspace(table), key),
            }
        }
        if let Err(error) = batch.commit() {
            end_process(&error);
        }
        let mut records = self.transactions.len();
        for (batch, reply) in self.appends {
            records += batch.entries.len();
            let upto = batch.entries.last().map_or(Seq::ZERO, |entry| entry.seq);
            // An error says that nobody waits any more.
            let _ = reply.send(Ok(Durable::appended(batch.conversation.clone(), batch.epoch, upto)));
        }
        for transaction in self.transactions {
            transaction.answer();
        }
        records
    }

    fn mark(&mut self, batch: &Batch) {
        let (Some(partition), Some(last)) = (batch.touched, batch.entries.last()) else { return };
        let key: Vec<u8> = touched_key(partition, &batch.conversation).into();
        let now = self.marks.get(&key).copied();
        let seq = now.map_or(last.seq, |now| now.max(last.seq));
        self.marks.insert(key.clone(), seq);
        let row = (Table::State, key);
        if now.is_none() || (!self.changes.is_empty() && self.changes.contains_key(&row)) {
            self.changes.insert(row, Some(encode_mark(seq)));
        }
    }

    fn set_mark(&mut self, key: &[u8], value: Option<&Bytes>) {
        match value.and_then(|value| decode_mark(value.clone()).ok()) {
            Some(seq) => self.marks.insert(key.to_vec(), seq),
            None => self.marks.remove(key),
        };
    }
}

/// An fsync that failed may have lost what was written before it, and a second one would not say so (Rebello et al.,
/// "Can Applications Recover from fsync Failures?", USENIX ATC 2020): only a restart reads what the disk has.
fn end_process(error: &fjall::Error) -> ! {
    tracing::error!(error = %error, "the disk did not keep a write, ending the process");
    std::process::abort();
}
