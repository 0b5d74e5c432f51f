//! Dropping old buckets: the rows of a bucket are one partition, which goes by one deletion.
//!
//! Deletions carry the time of the clock, which is later than anything that was written to what they delete, so that nothing
//! comes back. Nothing is written there again: the log went on in other buckets, and overlays are of told entries alone.

use std::ops::RangeInclusive;
use std::sync::Arc;

use proto::{ConversationId, Seq};
use scylla::statement::prepared::PreparedStatement;

use super::error::CqlError;
use super::overlays::SPAN;
use super::session::Preparer;
use super::{Cql, several};
use crate::call::{Call, Op};
use crate::{Bucket, StoreError};

/// The statements of this family.
pub(super) struct OldBucketStatements {
    overlays: PreparedStatement,
    confirmations: PreparedStatement,
    rows: PreparedStatement,
    index: PreparedStatement,
}

impl OldBucketStatements {
    pub(super) async fn prepare(preparer: &Preparer<'_>) -> Result<Self, CqlError> {
        const OVERLAYS: &str =
            "DELETE FROM overlay WHERE conversation = ? AND part = ? AND seq >= ? AND seq <= ?";
        const CONFIRMATIONS: &str =
            "DELETE FROM confirmation WHERE conversation = ? AND part = ? AND seq >= ? AND seq <= ?";
        Ok(Self {
            confirmations: preparer.write(CONFIRMATIONS).await?,
            overlays: preparer.write(OVERLAYS).await?,
            rows: preparer.write("DELETE FROM log WHERE conversation = ? AND bucket = ?").await?,
            index: preparer.write("DELETE FROM bucket_index WHERE conversation = ? AND bucket = ?").await?,
        })
    }
}

impl Cql {
    pub(crate) async fn drop_rows(
        self: &Arc<Self>,
        conversation: &ConversationId,
        bucket: Bucket,
        seqs: RangeInclusive<Seq>,
    ) -> Result<(), StoreError> {
        let wanted = conversation.clone();
        self.write(Call::on(Op::DropRows, conversation), move |cql| async move {
            let (first, last) = (seqs.start().0.max(1), seqs.end().0);
            let statements = &cql.statements.old_buckets;
            let parts = (first / SPAN..=last / SPAN).flat_map(|part| {
                let values = (wanted.as_str(), part.cast_signed(), first.cast_signed(), last.cast_signed());
                [&statements.overlays, &statements.confirmations].map(|gone| cql.execute(gone, values))
            });
            several::writes(parts.collect()).await?;
            let values = (wanted.as_str(), bucket.0.cast_signed());
            cql.execute(&cql.statements.old_buckets.rows, values).await
        })
        .await
    }

    pub(crate) async fn drop_index(
        self: &Arc<Self>,
        conversation: &ConversationId,
        bucket: Bucket,
    ) -> Result<(), StoreError> {
        let wanted = conversation.clone();
        self.write(Call::on(Op::DropIndex, conversation), move |cql| async move {
            let values = (wanted.as_str(), bucket.0.cast_signed());
            cql.execute(&cql.statements.old_buckets.index, values).await
        })
        .await
    }
}
