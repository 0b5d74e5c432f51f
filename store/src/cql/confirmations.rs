//! Who confirmed messages: rows beside the log, one for each message and epoch, in parts like those of overlays.
//!
//! An owner writes its rows of a message one after the other, so the time of the driver, which never steps back, orders them.

use std::sync::Arc;

use proto::{ConversationId, Epoch, Seq};
use scylla::statement::prepared::PreparedStatement;

use super::Cql;
use super::error::CqlError;
use super::overlays::SPAN;
use super::session::Preparer;
use super::several;
use crate::call::{Call, Op};
use crate::{ConfirmationRow, StoreError};

const PAGE_ROWS: i32 = 100;

/// The statements of this family.
pub(super) struct ConfirmationStatements {
    read: PreparedStatement,
    write: PreparedStatement,
}

impl ConfirmationStatements {
    pub(super) async fn prepare(preparer: &Preparer<'_>) -> Result<Self, CqlError> {
        const READ: &str =
            "SELECT epoch, value FROM confirmation WHERE conversation = ? AND part = ? AND seq = ?";
        const WRITE: &str =
            "INSERT INTO confirmation (conversation, part, seq, epoch, value) VALUES (?, ?, ?, ?, ?)";
        Ok(Self { read: preparer.paged_read(READ, PAGE_ROWS).await?, write: preparer.write(WRITE).await? })
    }
}

impl Cql {
    pub(crate) async fn write_confirmations(
        self: &Arc<Self>,
        rows: Vec<ConfirmationRow>,
    ) -> Result<(), StoreError> {
        self.write(Call::new(Op::WriteConfirmations), move |cql| async move {
            several::writes(rows.iter().map(|row| cql.send_confirmation(row)).collect()).await
        })
        .await
    }

    pub(super) async fn send_confirmation(&self, row: &ConfirmationRow) -> Result<(), StoreError> {
        let (seq, epoch) = (row.seq.0.cast_signed(), row.epoch.0.cast_signed());
        let part = (row.seq.0 / SPAN).cast_signed();
        let values = (row.conversation.as_str(), part, seq, epoch, &row.value[..]);
        self.execute(&self.statements.confirmations.write, values).await
    }

    pub(crate) async fn confirmations(
        &self,
        conversation: &ConversationId,
        seq: Seq,
    ) -> Result<Vec<ConfirmationRow>, StoreError> {
        let values = (conversation.as_str(), (seq.0 / SPAN).cast_signed(), seq.0.cast_signed());
        let read = self.all::<(i64, Vec<u8>)>(&self.statements.confirmations.read, values);
        let rows = self.read(Call::on(Op::Confirmations, conversation), read).await?;
        Ok(rows
            .into_iter()
            .map(|(epoch, value)| decode(conversation, (seq.0.cast_signed(), epoch, value)))
            .collect())
    }
}

/// Reads a row of `seq`, `epoch`, `value`.
pub(super) fn decode(
    conversation: &ConversationId,
    (seq, epoch, value): (i64, i64, Vec<u8>),
) -> ConfirmationRow {
    ConfirmationRow {
        conversation: conversation.clone(),
        seq: Seq(seq.cast_unsigned()),
        epoch: Epoch(epoch.cast_unsigned()),
        value: value.into(),
    }
}
