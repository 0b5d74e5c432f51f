//! Mentions: a row for each message and each user that it names, never changed.

use std::collections::BTreeSet;
use std::sync::Arc;

use proto::{Seq, UserId};
use scylla::statement::prepared::PreparedStatement;

use super::Cql;
use super::error::CqlError;
use super::session::Preparer;
use super::several;
use crate::call::{Call, Op};
use crate::directory::EVERYBODY;
use crate::{MentionRange, MentionRow, StoreError};

/// The statements of this family.
pub(super) struct MentionStatements {
    read: PreparedStatement,
    write: PreparedStatement,
}

impl MentionStatements {
    pub(super) async fn prepare(preparer: &Preparer<'_>) -> Result<Self, CqlError> {
        const READ: &str = "SELECT seq FROM mention \
            WHERE conversation = ? AND user_id = ? AND seq > ? AND seq <= ? LIMIT ?";
        const WRITE: &str =
            "INSERT INTO mention (conversation, user_id, seq) VALUES (?, ?, ?) USING TIMESTAMP ?";
        Ok(Self { read: preparer.read(READ).await?, write: preparer.write(WRITE).await? })
    }
}

impl Cql {
    pub(crate) async fn write_mentions(self: &Arc<Self>, rows: Vec<MentionRow>) -> Result<(), StoreError> {
        self.write(Call::new(Op::WriteMentions), move |cql| async move {
            several::writes(rows.iter().map(|row| cql.send_mention(row)).collect()).await
        })
        .await
    }

    pub(super) async fn send_mention(&self, row: &MentionRow) -> Result<(), StoreError> {
        let seq = row.seq.0.cast_signed();
        let values = (row.conversation.as_str(), row.whom(), seq, seq);
        self.execute(&self.statements.mentions.write, values).await
    }

    pub(crate) async fn count_mentions(
        &self,
        user: &UserId,
        ranges: &[MentionRange],
        max: usize,
    ) -> Result<Vec<usize>, StoreError> {
        let counts = ranges.iter().map(|range| self.count_some_mentions(user, range, max)).collect();
        self.read(Call::new(Op::CountMentions), several::reads(counts)).await
    }

    async fn count_some_mentions(
        &self,
        user: &UserId,
        (conversation, after, upto): &MentionRange,
        max: usize,
    ) -> Result<usize, StoreError> {
        let mut found: BTreeSet<Seq> = BTreeSet::new();
        for whom in [user.as_str(), EVERYBODY] {
            let (after, upto) = (after.0.cast_signed(), upto.0.cast_signed());
            let limit = i32::try_from(max).unwrap_or(i32::MAX);
            let values = (conversation.as_str(), whom, after, upto, limit);
            let rows = self.all::<(i64,)>(&self.statements.mentions.read, values).await?;
            found.extend(rows.into_iter().map(|(seq,)| Seq(seq.cast_unsigned())));
        }
        Ok(found.len().min(max))
    }
}
