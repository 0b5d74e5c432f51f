//! What users are to each other: a row for each of the two, written with the watermark of the pair's log as the
//! timestamp.
//!
//! A side is a function of the entries up to its watermark, so two rows of one watermark are the same row, and the later
//! one wins in whatever order they arrive. The two sides are two partitions: one may be there before the other, and
//! whoever applies the entries after the older one again brings both to the same end.

use std::ops::ControlFlow;
use std::sync::Arc;

use proto::UserId;
use scylla::statement::prepared::PreparedStatement;

use super::Cql;
use super::error::CqlError;
use super::session::Preparer;
use super::several;
use crate::call::{Call, Op};
use crate::directory::{decode_relation, encode_relation};
use crate::{Relation, StoreError};

/// Rows in one answer.
const PAGE_ROWS: i32 = 500;

/// The statements of this family.
pub(super) struct RelationStatements {
    read: PreparedStatement,
    page: PreparedStatement,
    write: PreparedStatement,
}

/// `peer`, `value`.
type RelationColumns = (String, Vec<u8>);

impl RelationStatements {
    pub(super) async fn prepare(preparer: &Preparer<'_>) -> Result<Self, CqlError> {
        const READ: &str = "SELECT peer, value FROM relation WHERE user_id = ? AND peer = ?";
        const PAGE: &str = "SELECT peer, value FROM relation WHERE user_id = ? AND peer > ?";
        const WRITE: &str = "INSERT INTO relation (user_id, peer, value) VALUES (?, ?, ?) USING TIMESTAMP ?";
        Ok(Self {
            read: preparer.read(READ).await?,
            page: preparer.paged_read(PAGE, PAGE_ROWS).await?,
            write: preparer.write(WRITE).await?,
        })
    }
}

impl Cql {
    pub(crate) async fn apply_relation(self: &Arc<Self>, sides: [Relation; 2]) -> Result<(), StoreError> {
        self.write(Call::new(Op::ApplyRelation), move |cql| async move {
            several::writes(sides.iter().map(|side| cql.send_relation(side)).collect()).await
        })
        .await
    }

    /// One side alone.
    pub(super) async fn send_relation(&self, side: &Relation) -> Result<(), StoreError> {
        let value = encode_relation(side).to_vec();
        let (user, peer) = (side.user.as_str(), side.contact.user.as_str());
        let values = (user, peer, value, side.watermark.0.cast_signed());
        self.execute(&self.statements.relations.write, values).await
    }

    pub(crate) async fn relations_with(
        &self,
        user: &UserId,
        peers: &[UserId],
    ) -> Result<Vec<Option<Relation>>, StoreError> {
        let reads = peers.iter().map(|peer| self.read_relation(user, peer)).collect();
        self.read(Call::new(Op::Relations), several::reads(reads)).await
    }

    async fn read_relation(&self, user: &UserId, peer: &UserId) -> Result<Option<Relation>, StoreError> {
        let values = (user.as_str(), peer.as_str());
        let row = self.first::<RelationColumns>(&self.statements.relations.read, values).await?;
        row.map(|(_, value)| decode_relation(user, peer, value.into())).transpose()
    }

    pub(crate) async fn relations(
        &self,
        user: &UserId,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<Relation>, StoreError> {
        let mut found = Vec::new();
        // No id is smaller than the empty text.
        let values = (user.as_str(), after.as_ref().map_or("", UserId::as_str));
        let read = self.each::<RelationColumns>(&self.statements.relations.page, values, |(peer, value)| {
            if found.len() == limit {
                return Ok(ControlFlow::Break(()));
            }
            let peer = UserId::parse(&peer).map_err(|_| StoreError::corrupt("relation"))?;
            found.push(decode_relation(user, &peer, value.into())?);
            Ok(ControlFlow::Continue(()))
        });
        self.read(Call::new(Op::Relations), read).await?;
        Ok(found)
    }
}
