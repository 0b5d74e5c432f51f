//! The rows of the log: appending them and reading them as they are (FENCE S5, L2, A4).

use std::ops::ControlFlow;
use std::sync::Arc;

use bytes::Bytes;
use proto::{ClientMessageId, ConversationId, Entry, Epoch, Seq};
use scylla::statement::prepared::PreparedStatement;

use super::Cql;
use super::error::CqlError;
use super::session::{Preparer, batch_of};
use crate::call::{Call, Op};
use crate::engine::{Reader, Writer};
use crate::log::{decode_entry, encode_entry};
use crate::{Batch, Bucket, Durable, Row, StoreError};

/// Column `kind` of an entry row.
pub(super) const ENTRY: i8 = 0;
/// Column `kind` of a dedupe row.
const DEDUPE: i8 = 1;
/// Rows in one answer of a read that goes on: most reads end within the first.
const PAGE_ROWS: i32 = 256;

/// The statements of this family.
pub(super) struct LogStatements {
    insert: PreparedStatement,
    newest_first: PreparedStatement,
    from: PreparedStatement,
    dedupe: PreparedStatement,
    pub(super) range_newest_first: PreparedStatement,
    pub(super) range_oldest_first: PreparedStatement,
    pub(super) one: PreparedStatement,
}

/// Columns of an entry row: `k1` (seq), `epoch`, `value`.
pub(super) type EntryColumns = (i64, i64, Vec<u8>);

impl LogStatements {
    pub(super) async fn prepare(preparer: &Preparer<'_>) -> Result<Self, CqlError> {
        let entries = |rest: &str| {
            format!(
                "SELECT k1, epoch, value FROM log WHERE conversation = ? AND bucket = ? AND kind = 0{rest}"
            )
        };
        // Every column of the order turned round, as a cluster can walk a partition.
        let oldest_first = " ORDER BY kind DESC, k1 ASC, k2 ASC, epoch ASC";
        let (from, range) = (" AND k1 >= ?", " AND k1 >= ? AND k1 <= ?");
        Ok(Self {
            insert: preparer
                .write(
                    "INSERT INTO log (conversation, bucket, kind, k1, k2, epoch, value) VALUES (?, ?, ?, ?, ?, ?, ?)",
                )
                .await?,
            newest_first: preparer.paged_read(&entries(""), PAGE_ROWS).await?,
            from: preparer.paged_read(&entries(&format!("{from}{oldest_first}")), PAGE_ROWS).await?,
            dedupe: preparer
                .read(
                    "SELECT epoch, value FROM log \
                     WHERE conversation = ? AND bucket = ? AND kind = 1 AND k1 = ? AND k2 = ?",
                )
                .await?,
            range_newest_first: preparer.paged_read(&entries(range), PAGE_ROWS).await?,
            range_oldest_first: preparer.paged_read(&entries(&format!("{range}{oldest_first}")), PAGE_ROWS).await?,
            one: preparer.read(&entries(" AND k1 = ? AND k2 = 0 LIMIT 1")).await?,
        })
    }
}

/// The values of one row of the log.
type RowValues<'a> = (&'a str, i32, i8, i64, i64, i64, Bytes);

impl Cql {
    /// Entries and dedupe rows are one mutation of one partition. The touched mark is another partition's, so it is
    /// written at the same time, and only both together are durable: nothing is told before. An append without its
    /// mark, after a crash, was never told; whoever loads the conversation finds it and marks it then.
    pub(crate) async fn append(self: &Arc<Self>, batch: Arc<Batch>) -> Result<Durable, StoreError> {
        let Some(upto) = batch.entries.last().map(|last| last.seq) else {
            return Err(StoreError::Unavailable("an append without entries".to_owned()));
        };
        let call = Call::on(Op::Append, &batch.conversation);
        self.write(call, move |cql| async move {
            let rows = cql.append_rows(&batch);
            match batch.touched {
                None => rows.await?,
                Some(partition) => {
                    let mark = cql.mark_touched(partition, &batch.conversation, upto);
                    // To the end of both: one that is dropped half-way would go on unseen.
                    let (rows, mark) = futures_util::future::join(rows, mark).await;
                    rows.and(mark)?;
                }
            }
            Ok(Durable::appended(batch.conversation.clone(), batch.epoch, upto))
        })
        .await
    }

    pub(super) async fn append_rows(&self, batch: &Batch) -> Result<(), StoreError> {
        let rows = row_values(batch);
        self.execute_batch(&batch_of(&self.statements.log.insert, rows.len()), rows).await
    }

    pub(crate) async fn bucket_rows(
        &self,
        conversation: &ConversationId,
        bucket: Bucket,
        from: Seq,
        limit: usize,
    ) -> Result<Vec<Row>, StoreError> {
        let read = async {
            let mut rows: Vec<Row> = Vec::new();
            let values = (conversation.as_str(), bucket.0.cast_signed(), seq_column(from));
            self.each::<EntryColumns>(&self.statements.log.from, values, |columns| {
                let row = decode(columns)?;
                // The epochs of a seq come rising and are given falling: a seq is read whole.
                let next_seq = rows.last().is_none_or(|last| last.entry.seq != row.entry.seq);
                if next_seq && rows.len() >= limit {
                    return Ok(ControlFlow::Break(()));
                }
                rows.push(row);
                Ok(ControlFlow::Continue(()))
            })
            .await?;
            rows.sort_by_key(|row| (row.entry.seq, std::cmp::Reverse(row.epoch)));
            rows.truncate(limit);
            Ok(rows)
        };
        self.read(Call::on(Op::BucketRows, conversation), read).await
    }

    /// In several answers where it must be, the newest rows first. Between two of them rows may arrive, of an owner
    /// that cannot verify them any more: what is told was at quorum before this read began, and so is in every answer.
    pub(crate) async fn bucket_tail(
        &self,
        conversation: &ConversationId,
        bucket: Bucket,
        seqs: usize,
    ) -> Result<Vec<Row>, StoreError> {
        let read = async {
            let mut rows: Vec<Row> = Vec::new();
            let mut distinct = 0;
            let values = (conversation.as_str(), bucket.0.cast_signed());
            self.each::<EntryColumns>(&self.statements.log.newest_first, values, |columns| {
                let row = decode(columns)?;
                if rows.last().is_none_or(|last| last.entry.seq != row.entry.seq) {
                    distinct += 1;
                }
                if distinct > seqs {
                    return Ok(ControlFlow::Break(()));
                }
                rows.push(row);
                Ok(ControlFlow::Continue(()))
            })
            .await?;
            // Falling seqs, falling epochs; wanted are rising seqs, falling epochs.
            rows.sort_by_key(|row| (row.entry.seq, std::cmp::Reverse(row.epoch)));
            Ok(rows)
        };
        self.read(Call::on(Op::BucketTail, conversation), read).await
    }

    pub(crate) async fn dedupe(
        &self,
        conversation: &ConversationId,
        bucket: Bucket,
        id: ClientMessageId,
    ) -> Result<Vec<(Epoch, Seq)>, StoreError> {
        let (k1, k2) = id_columns(id);
        let values = (conversation.as_str(), bucket.0.cast_signed(), k1, k2);
        let read = self.all::<(i64, Vec<u8>)>(&self.statements.log.dedupe, values);
        let rows = self.read(Call::on(Op::Dedupe, conversation), read).await?;
        let decode = |(epoch, value): (i64, Vec<u8>)| {
            let seq = Reader::new("dedupe", value.into()).number()?;
            Ok((Epoch(epoch.cast_unsigned()), Seq(seq)))
        };
        rows.into_iter().rev().map(decode).collect()
    }
}

/// The rows of a batch: each entry and its dedupe row. The same for the same batch, byte for byte.
fn row_values(batch: &Batch) -> Vec<RowValues<'_>> {
    let (conversation, bucket) = (batch.conversation.as_str(), batch.bucket.0.cast_signed());
    let epoch = batch.epoch.0.cast_signed();
    let mut value = Writer::default();
    let mut rows = Vec::with_capacity(2 * batch.entries.len());
    for entry in &batch.entries {
        encode_entry(entry, &mut value);
        rows.push((conversation, bucket, ENTRY, entry.seq.0.cast_signed(), 0, epoch, value.finish()));
        let (k1, k2) = id_columns(entry.client_message_id);
        rows.push((conversation, bucket, DEDUPE, k1, k2, epoch, value.number(entry.seq.0).finish()));
    }
    rows
}

/// Reads an entry row.
pub(super) fn decode((seq, epoch, value): EntryColumns) -> Result<Row, StoreError> {
    let entry: Entry = decode_entry(Seq(seq.cast_unsigned()), &mut Reader::new("entry", value.into()))?;
    Ok(Row { epoch: Epoch(epoch.cast_unsigned()), entry })
}

/// A seq as the bound of a range; those that no log reaches all mean its end.
pub(super) fn seq_column(seq: Seq) -> i64 {
    i64::try_from(seq.0).unwrap_or(i64::MAX)
}

fn id_columns(id: ClientMessageId) -> (i64, i64) {
    let number = u128::from_be_bytes(id.0);
    #[expect(clippy::cast_possible_truncation, reason = "the two halves of the number")]
    let (high, low) = ((number >> 64) as u64, number as u64);
    (high.cast_signed(), low.cast_signed())
}
