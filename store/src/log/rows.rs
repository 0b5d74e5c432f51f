//! Reading the rows of one bucket as they are, all epochs: for loads.

use std::ops::ControlFlow;

use proto::{ConversationId, Entry, Epoch, Seq};

use super::Bucket;
use super::entry_row::{decode_row, entries_prefix};
use crate::call::{Call, Op};
use crate::engine::view::{Direction, after_prefix};
use crate::engine::{Table, View};
use crate::store::Engine;
use crate::{Store, StoreError};

/// An entry row: an entry and the epoch under which it was written. Which of several rows of one seq counts is for the
/// register to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Under which it was written.
    pub epoch: Epoch,
    /// What was written.
    pub entry: Entry,
}

impl Store {
    /// The first `limit` rows of a bucket at `seq >= from`: rising seq, and for one seq falling epoch.
    pub async fn bucket_rows(
        &self,
        conversation: &ConversationId,
        bucket: Bucket,
        from: Seq,
        limit: usize,
    ) -> Result<Vec<Row>, StoreError> {
        let tables = match self.engine() {
            Engine::Cql(cql) => return cql.bucket_rows(conversation, bucket, from, limit).await,
            Engine::Tables(tables) => tables,
        };
        let wanted = conversation.clone();
        tables
            .read(Call::on(Op::BucketRows, conversation), move |view| {
                read_rows(view, &wanted, bucket, from, limit)
            })
            .await
    }

    /// The rows of the last `seqs` seqs of a bucket, in the order of [`Self::bucket_rows`].
    pub async fn bucket_tail(
        &self,
        conversation: &ConversationId,
        bucket: Bucket,
        seqs: usize,
    ) -> Result<Vec<Row>, StoreError> {
        let tables = match self.engine() {
            Engine::Cql(cql) => return cql.bucket_tail(conversation, bucket, seqs).await,
            Engine::Tables(tables) => tables,
        };
        let wanted = conversation.clone();
        tables
            .read(Call::on(Op::BucketTail, conversation), move |view| read_tail(view, &wanted, bucket, seqs))
            .await
    }
}

fn read_rows(
    view: &dyn View,
    conversation: &ConversationId,
    bucket: Bucket,
    from: Seq,
    limit: usize,
) -> Result<Vec<Row>, StoreError> {
    let mut rows = Vec::new();
    let prefix = entries_prefix(conversation, bucket);
    let end = after_prefix(&prefix);
    let first = prefix.clone().u64(from.0);
    view.scan(Table::Log, &first, &end, Direction::Forward, &mut |key, value| {
        if rows.len() == limit {
            return Ok(ControlFlow::Break(()));
        }
        rows.push(decode_row(key, prefix.len(), value)?);
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(rows)
}

fn read_tail(
    view: &dyn View,
    conversation: &ConversationId,
    bucket: Bucket,
    seqs: usize,
) -> Result<Vec<Row>, StoreError> {
    let mut rows: Vec<Row> = Vec::new();
    let mut distinct = 0;
    let prefix = entries_prefix(conversation, bucket);
    view.scan(Table::Log, &prefix, &after_prefix(&prefix), Direction::Backward, &mut |key, value| {
        let row = decode_row(key, prefix.len(), value)?;
        if rows.last().is_none_or(|last| last.entry.seq != row.entry.seq) {
            distinct += 1;
        }
        if distinct > seqs {
            return Ok(ControlFlow::Break(()));
        }
        rows.push(row);
        Ok(ControlFlow::Continue(()))
    })?;
    rows.reverse();
    Ok(rows)
}
