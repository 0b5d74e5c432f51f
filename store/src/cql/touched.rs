//! Touched marks: written and deleted with the seq as the timestamp, so that the cluster itself keeps the larger one.
//!
//! A mark of seq 7 is a write of time 7, clearing up to 7 a deletion of time 7: of the two the deletion wins, against a
//! mark of 8 it loses, in whatever order they arrive and however often. So neither needs a condition.

use std::sync::Arc;

use proto::{ConversationId, Partition, Seq};
use scylla::statement::prepared::PreparedStatement;

use super::Cql;
use super::error::CqlError;
use super::session::Preparer;
use crate::StoreError;
use crate::call::{Call, Op};

/// The statements of this family.
pub(super) struct TouchedStatements {
    mark: PreparedStatement,
    clear: PreparedStatement,
    read: PreparedStatement,
}

impl TouchedStatements {
    pub(super) async fn prepare(preparer: &Preparer<'_>) -> Result<Self, CqlError> {
        Ok(Self {
            mark: preparer
                .write(
                    "INSERT INTO touched (partition, conversation, upto) VALUES (?, ?, ?) USING TIMESTAMP ?",
                )
                .await?,
            clear: preparer
                .write("DELETE FROM touched USING TIMESTAMP ? WHERE partition = ? AND conversation = ?")
                .await?,
            read: preparer.paged_read("SELECT conversation FROM touched WHERE partition = ?", 1_000).await?,
        })
    }
}

impl Cql {
    /// Part of an append; see [`super::log`].
    pub(super) async fn mark_touched(
        &self,
        partition: Partition,
        conversation: &ConversationId,
        upto: Seq,
    ) -> Result<(), StoreError> {
        let seq = upto.0.cast_signed();
        let values = (i32::from(partition.number()), conversation.as_str(), seq, seq);
        self.execute(&self.statements.touched.mark, values).await
    }

    pub(crate) async fn touched(&self, partition: Partition) -> Result<Vec<ConversationId>, StoreError> {
        let number = i32::from(partition.number());
        let read = self.all::<(String,)>(&self.statements.touched.read, (number,));
        let rows = self.read(Call::at(Op::Touched, partition), read).await?;
        let parse = |(id,): (String,)| ConversationId::parse(&id).map_err(|_| StoreError::corrupt("touched"));
        rows.into_iter().map(parse).collect()
    }

    pub(crate) async fn clear_touched(
        self: &Arc<Self>,
        partition: Partition,
        conversation: &ConversationId,
        upto: Seq,
    ) -> Result<(), StoreError> {
        let wanted = conversation.clone();
        self.write(Call::on(Op::ClearTouched, conversation), move |cql| async move {
            let values = (upto.0.cast_signed(), i32::from(partition.number()), wanted.as_str());
            cql.execute(&cql.statements.touched.clear, values).await
        })
        .await
    }
}
