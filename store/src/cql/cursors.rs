//! Cursors: three cells that each keep their largest value, because it is also the timestamp of its write.
//!
//! So a cursor never moves back, in whatever order its moves arrive and whoever sends them, without a read before the
//! write.

use std::collections::HashMap;
use std::sync::Arc;

use proto::{ConversationId, Seq, UserId};
use scylla::statement::batch::{Batch, BatchType};
use scylla::statement::prepared::PreparedStatement;

use super::Cql;
use super::error::CqlError;
use super::session::Preparer;
use super::several;
use crate::call::{Call, Op};
use crate::{Cursor, StoreError};

/// Conversations asked for in one statement: ScyllaDB allows a hundred.
const ASKED_MAX: usize = 100;

/// The statements of this family.
pub(super) struct CursorStatements {
    read: PreparedStatement,
    advance: [PreparedStatement; 3],
}

/// `conversation`, `read_seq`, `read_counted`, `delivered_seq`; those that never moved have no cell.
pub(super) type CursorColumns = (String, Option<i64>, Option<i64>, Option<i64>);

impl CursorStatements {
    pub(super) async fn prepare(preparer: &Preparer<'_>) -> Result<Self, CqlError> {
        const READ: &str = "SELECT conversation, read_seq, read_counted, delivered_seq FROM read_cursor \
            WHERE user_id = ? AND conversation IN ?";
        let advance = |column: &str| {
            format!(
                "UPDATE read_cursor USING TIMESTAMP ? SET {column} = ? WHERE user_id = ? AND conversation = ?"
            )
        };
        Ok(Self {
            read: preparer.read(READ).await?,
            advance: [
                preparer.write(&advance("read_seq")).await?,
                preparer.write(&advance("read_counted")).await?,
                preparer.write(&advance("delivered_seq")).await?,
            ],
        })
    }
}

impl Cql {
    pub(crate) async fn advance_cursor(
        self: &Arc<Self>,
        user: &UserId,
        conversation: &ConversationId,
        to: Cursor,
    ) -> Result<(), StoreError> {
        let (user, wanted) = (user.clone(), conversation.clone());
        self.write(Call::on(Op::AdvanceCursor, conversation), move |cql| async move {
            cql.send_cursor(&user, &wanted, to).await
        })
        .await
    }

    /// The cells that are not zero, in one mutation.
    pub(super) async fn send_cursor(
        &self,
        user: &UserId,
        conversation: &ConversationId,
        to: Cursor,
    ) -> Result<(), StoreError> {
        let fields = [to.read.0, to.read_counted, to.delivered.0];
        let mut batch = Batch::new(BatchType::Unlogged);
        batch.set_is_idempotent(true);
        let mut rows = Vec::with_capacity(fields.len());
        for (statement, field) in self.statements.cursors.advance.iter().zip(fields) {
            if field > 0 {
                let value = field.cast_signed();
                batch.append_statement(statement.clone());
                rows.push((value, value, user.as_str(), conversation.as_str()));
            }
        }
        if rows.is_empty() {
            return Ok(());
        }
        if let Some(level) = self.statements.cursors.read.get_consistency() {
            batch.set_consistency(level);
        }
        self.execute_batch(&batch, rows).await
    }

    pub(crate) async fn cursor(
        &self,
        user: &UserId,
        conversation: &ConversationId,
    ) -> Result<Cursor, StoreError> {
        let call = Call::on(Op::Cursors, conversation);
        let found = self.read(call, self.read_cursors(user, std::slice::from_ref(conversation))).await?;
        Ok(found.into_iter().next().unwrap_or_default())
    }

    pub(crate) async fn cursors(
        &self,
        user: &UserId,
        conversations: &[ConversationId],
    ) -> Result<Vec<Cursor>, StoreError> {
        self.read(Call::new(Op::Cursors), self.read_cursors(user, conversations)).await
    }

    async fn read_cursors(
        &self,
        user: &UserId,
        conversations: &[ConversationId],
    ) -> Result<Vec<Cursor>, StoreError> {
        let parts = conversations.chunks(ASKED_MAX).map(|part| self.read_some_cursors(user, part)).collect();
        let rows = several::reads(parts).await?.into_iter().flatten();
        let found: HashMap<String, Cursor> = rows.map(decode).collect();
        Ok(conversations.iter().map(|id| found.get(id.as_str()).copied().unwrap_or_default()).collect())
    }

    async fn read_some_cursors(
        &self,
        user: &UserId,
        conversations: &[ConversationId],
    ) -> Result<Vec<CursorColumns>, StoreError> {
        let ids: Vec<&str> = conversations.iter().map(ConversationId::as_str).collect();
        self.all(&self.statements.cursors.read, (user.as_str(), ids)).await
    }
}

/// Reads a row.
pub(super) fn decode((conversation, read, read_counted, delivered): CursorColumns) -> (String, Cursor) {
    let field = |value: Option<i64>| value.unwrap_or(0).cast_unsigned();
    let cursor = Cursor {
        read: Seq(field(read)),
        read_counted: field(read_counted),
        delivered: Seq(field(delivered)),
    };
    (conversation, cursor)
}
