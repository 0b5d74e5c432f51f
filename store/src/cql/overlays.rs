//! Overlays: rows beside the log, written with their watermark as the timestamp.
//!
//! A partition has the overlays of [`SPAN`] seqs, so that a page reads one or two of them and no partition grows without
//! end. A row is a function of the log up to its watermark, so two rows of one watermark are the same row.

use std::sync::Arc;

use proto::{ConversationId, Seq};
use scylla::statement::prepared::PreparedStatement;

use super::Cql;
use super::error::CqlError;
use super::session::Preparer;
use super::several;
use crate::call::{Call, Op};
use crate::{OverlayRow, StoreError};

/// Seqs whose overlays are in one partition.
pub(super) const SPAN: u64 = 1_024;
const PAGE_ROWS: i32 = 1_000;

/// The statements of this family.
pub(super) struct OverlayStatements {
    read: PreparedStatement,
    write: PreparedStatement,
}

/// `seq`, `watermark`, `value`.
pub(super) type OverlayColumns = (i64, i64, Vec<u8>);

impl OverlayStatements {
    pub(super) async fn prepare(preparer: &Preparer<'_>) -> Result<Self, CqlError> {
        const READ: &str = "SELECT seq, watermark, value FROM overlay \
            WHERE conversation = ? AND part = ? AND seq >= ? AND seq <= ?";
        const WRITE: &str = "INSERT INTO overlay (conversation, part, seq, watermark, value) \
            VALUES (?, ?, ?, ?, ?) USING TIMESTAMP ?";
        Ok(Self { read: preparer.paged_read(READ, PAGE_ROWS).await?, write: preparer.write(WRITE).await? })
    }
}

impl Cql {
    pub(crate) async fn write_overlays(self: &Arc<Self>, rows: Vec<OverlayRow>) -> Result<(), StoreError> {
        self.write(Call::new(Op::WriteOverlays), move |cql| async move {
            several::writes(rows.iter().map(|row| cql.send_overlay(row)).collect()).await
        })
        .await
    }

    pub(super) async fn send_overlay(&self, row: &OverlayRow) -> Result<(), StoreError> {
        let (seq, watermark) = (row.seq.0.cast_signed(), row.watermark.0.cast_signed());
        let part = (row.seq.0 / SPAN).cast_signed();
        let values = (row.conversation.as_str(), part, seq, watermark, &row.value[..], watermark);
        self.execute(&self.statements.overlays.write, values).await
    }

    pub(crate) async fn overlays(
        &self,
        conversation: &ConversationId,
        from: Seq,
        to: Seq,
    ) -> Result<Vec<OverlayRow>, StoreError> {
        let parts = (from.0 / SPAN..=to.0 / SPAN).map(|part| {
            let values =
                (conversation.as_str(), part.cast_signed(), from.0.cast_signed(), to.0.cast_signed());
            self.all::<OverlayColumns>(&self.statements.overlays.read, values)
        });
        let read = several::reads(parts.collect());
        let rows = self.read(Call::on(Op::Overlays, conversation), read).await?;
        Ok(rows.into_iter().flatten().map(|columns| decode(conversation, columns)).collect())
    }
}

/// Reads a row.
pub(super) fn decode(conversation: &ConversationId, (seq, watermark, value): OverlayColumns) -> OverlayRow {
    OverlayRow {
        conversation: conversation.clone(),
        seq: Seq(seq.cast_unsigned()),
        watermark: Seq(watermark.cast_unsigned()),
        value: value.into(),
    }
}
