//! Dropping whole old buckets: what a conversation keeps no longer.
//!
//! ```text
//! for each bucket that was left, the oldest first, as long as its last entry is old and projected:
//!   overlays of its entries, and who confirmed them ─► its rows ─► its index row
//! ```
//!
//! **Guarantees.** A bucket that is appended to is never dropped, nor anything that is not settled or not projected yet. The
//! log's numbering, its register, its head and what it counts stay as they are. A drop that ended half-way is finished by the
//! next one: the index row goes last, so whatever is left of a bucket is still found; in the other order it would be lost to
//! everybody and never go. Every step may be repeated.
//!
//! **Does not** take away what was written to a dropped bucket later, by an owner that was replaced long ago and did not know
//! yet: such rows are in no index, so nobody ever reads them.
//!
//! **Limits.** [`BUCKETS_MAX`] buckets in one call, [`ROWS_MAX`] rows in one transaction.

use std::ops::{ControlFlow, RangeInclusive};

use proto::{ConversationId, Seq, Timestamp};

use super::Bucket;
use super::entry_row::bucket_prefix;
use super::register::{Level, index_key};
use crate::call::{Call, Op};
use crate::directory::{confirmation_key, overlay_key};
use crate::engine::Table;
use crate::engine::view::{Direction, after_prefix};
use crate::mutation::{self, Mutation};
use crate::store::{Engine, Tables};
use crate::{Store, StoreError};

/// Buckets dropped in one call.
const BUCKETS_MAX: usize = 16;
/// Rows deleted in one transaction: an append behind it waits no longer than for one of a few messages.
const ROWS_MAX: usize = 256;

impl Store {
    /// Drops buckets whose entries are all older than `oldest` and all projected (`projected`: the seq of the head row). Says
    /// how many; more may be left when it is [`BUCKETS_MAX`].
    pub async fn drop_old_buckets(
        &self,
        conversation: &ConversationId,
        oldest: Timestamp,
        projected: Seq,
    ) -> Result<usize, StoreError> {
        // The register first: the index then has every bucket before the register's.
        let Some(register) = self.register(conversation, Level::Quorum).await? else { return Ok(0) };
        let mut left = self.index(conversation).await?;
        left.retain(|(bucket, _)| *bucket < register.bucket);
        left.reverse();
        let ends = left.iter().skip(1).map(|(_, first)| *first).chain([register.bucket_first]);
        let ends: Vec<Seq> = ends.map(|next| Seq(next.0.saturating_sub(1))).collect();
        let mut dropped = 0;
        for ((bucket, first), last) in left.into_iter().zip(ends).take(BUCKETS_MAX) {
            if last > projected || !self.is_old(conversation, bucket, last, oldest).await? {
                break;
            }
            self.drop_rows(conversation, bucket, first..=last).await?;
            self.drop_index(conversation, bucket).await?;
            dropped += 1;
        }
        Ok(dropped)
    }

    /// Whether the last entry of a bucket is old. One that is not there was dropped, and the bucket not to the end.
    async fn is_old(
        &self,
        conversation: &ConversationId,
        bucket: Bucket,
        last: Seq,
        oldest: Timestamp,
    ) -> Result<bool, StoreError> {
        if mutation::is(Mutation::DroppedEarly) {
            return Ok(true);
        }
        let rows = self.bucket_rows(conversation, bucket, last, 1).await?;
        Ok(rows.iter().all(|row| row.entry.time < oldest))
    }

    /// The first steps for one bucket with these seqs: what stands beside its entries, then its rows.
    pub async fn drop_rows(
        &self,
        conversation: &ConversationId,
        bucket: Bucket,
        seqs: RangeInclusive<Seq>,
    ) -> Result<(), StoreError> {
        match self.engine() {
            Engine::Cql(cql) => cql.drop_rows(conversation, bucket, seqs.clone()).await?,
            Engine::Tables(tables) => {
                let first = (*seqs.start()).max(Seq(1));
                let begin: Vec<u8> = overlay_key(conversation, first).into();
                let end: Vec<u8> = overlay_key(conversation, seqs.end().next()).into();
                let call = Call::on(Op::DropRows, conversation);
                delete(tables, &call, Table::State, &begin, &end).await?;
                let begin: Vec<u8> = confirmation_key(conversation, first).into();
                let end: Vec<u8> = confirmation_key(conversation, seqs.end().next()).into();
                delete(tables, &call, Table::State, &begin, &end).await?;
                let begin: Vec<u8> = bucket_prefix(conversation, bucket).into();
                delete(tables, &call, Table::Log, &begin, &after_prefix(&begin)).await?;
            }
        }
        if let Some(cache) = self.cache() {
            cache.forget(conversation, seqs);
        }
        Ok(())
    }

    /// The last step for one bucket.
    pub async fn drop_index(&self, conversation: &ConversationId, bucket: Bucket) -> Result<(), StoreError> {
        let tables = match self.engine() {
            Engine::Cql(cql) => return cql.drop_index(conversation, bucket).await,
            Engine::Tables(tables) => tables,
        };
        let (key, call) = (index_key(conversation, bucket), Call::on(Op::DropIndex, conversation));
        #[cfg(feature = "sim")]
        if let Tables::Replicated(replicated) = tables {
            let key: Vec<u8> = key.into();
            let end = after_prefix(&key);
            return replicated.drop_rows(call, Table::State, (key, end)).await;
        }
        tables
            .write(call, move |tx| {
                tx.delete(Table::State, key);
                Ok(())
            })
            .await
    }
}

/// Deletes the rows with `from <= key < to`, some at a time.
async fn delete(
    tables: Tables<'_>,
    call: &Call,
    table: Table,
    from: &[u8],
    to: &[u8],
) -> Result<(), StoreError> {
    // Log rows are one deletion where they are replicated, as in CQL.
    #[cfg(feature = "sim")]
    if let (Tables::Replicated(replicated), Table::Log) = (tables, table) {
        return replicated.drop_rows(call.clone(), table, (from.to_vec(), to.to_vec())).await;
    }
    loop {
        let (from, to) = (from.to_vec(), to.to_vec());
        let found = move |view: &dyn crate::engine::View| {
            let mut keys: Vec<Vec<u8>> = Vec::new();
            view.scan(table, &from, &to, Direction::Forward, &mut |key, _| {
                keys.push(key.to_vec());
                Ok(if keys.len() < ROWS_MAX { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
            })?;
            Ok(keys)
        };
        let keys = tables.read(call.clone(), found).await?;
        let is_last = keys.len() < ROWS_MAX;
        if !keys.is_empty() {
            let gone = move |tx: &mut crate::engine::Tx<'_>| {
                keys.into_iter().for_each(|key| tx.delete(table, key));
                Ok(())
            };
            tables.write(call.clone(), gone).await?;
        }
        if is_last {
            return Ok(());
        }
    }
}
