//! Groups (members are in [`super::members`]).
//!
//! A change is several partitions, so it is not one atomic write. Its order makes up for that: first the groups of each
//! user, then the members, and the group itself last, whose watermark says what is there. Whoever finds an old
//! watermark applies the entries after it again, and may find members that are ahead of it; all writes of an entry say
//! the same, and carry the watermark as their timestamp, so the later state wins in whatever order they arrive.

use std::sync::Arc;

use proto::{GroupId, Seq, Timestamp, UserId};
use scylla::DeserializeRow;
use scylla::statement::prepared::PreparedStatement;

use super::Cql;
use super::error::CqlError;
use super::session::Preparer;
use super::several::partly;
use crate::call::{Call, Op};
use crate::directory::{decode_settings, encode_settings};
use crate::engine::{Reader, Writer};
use crate::{GroupChange, GroupInfo, StoreError};

/// The statements of this family.
pub(super) struct GroupStatements {
    read: PreparedStatement,
    write: PreparedStatement,
}

impl GroupStatements {
    pub(super) async fn prepare(preparer: &Preparer<'_>) -> Result<Self, CqlError> {
        const READ: &str = "SELECT name, owner, created, dismissed, members, watermark, settings FROM group_info WHERE group_id = ?";
        const WRITE: &str = "INSERT INTO group_info \
            (group_id, name, owner, created, dismissed, members, watermark, settings) \
            VALUES (?, ?, ?, ?, ?, ?, ?, ?) USING TIMESTAMP ?";
        Ok(Self { read: preparer.read(READ).await?, write: preparer.write(WRITE).await? })
    }
}

/// The columns of a group.
#[derive(DeserializeRow)]
pub(super) struct Columns {
    pub(super) name: String,
    pub(super) owner: String,
    pub(super) created: i64,
    pub(super) dismissed: bool,
    pub(super) members: i32,
    pub(super) watermark: i64,
    pub(super) settings: Option<Vec<u8>>,
}

impl Cql {
    pub(crate) async fn group(&self, group: &GroupId) -> Result<Option<GroupInfo>, StoreError> {
        self.read(Call::new(Op::Group), self.read_group(group)).await
    }

    async fn read_group(&self, group: &GroupId) -> Result<Option<GroupInfo>, StoreError> {
        let row = self.first::<Columns>(&self.statements.groups.read, (group.as_str(),)).await?;
        row.map(|columns| decode(group, columns)).transpose()
    }

    pub(crate) async fn apply_group(self: &Arc<Self>, change: GroupChange) -> Result<(), StoreError> {
        self.write(Call::new(Op::ApplyGroup), move |cql| async move {
            let info = &change.info;
            if cql.read_group(&info.group).await?.is_some_and(|stored| stored.watermark > info.watermark) {
                return Ok(());
            }
            cql.write_members(&info.group, info.watermark, &change.joined, &change.left).await?;
            cql.write_group(info).await.map_err(partly)
        })
        .await
    }

    /// The row of a group alone.
    pub(super) async fn write_group(&self, info: &GroupInfo) -> Result<(), StoreError> {
        let watermark = info.watermark.0.cast_signed();
        let mut settings = Writer::default();
        encode_settings(&info.settings, &mut settings);
        let values = (
            info.group.as_str(),
            info.name.as_str(),
            info.owner.as_str(),
            info.created.0.cast_signed(),
            info.dismissed,
            info.members.cast_signed(),
            watermark,
            settings.written(),
            watermark,
        );
        self.execute(&self.statements.groups.write, values).await
    }
}

/// Reads a row.
pub(super) fn decode(group: &GroupId, columns: Columns) -> Result<GroupInfo, StoreError> {
    Ok(GroupInfo {
        group: group.clone(),
        name: columns.name,
        owner: UserId::parse(&columns.owner).map_err(|_| StoreError::corrupt("group"))?,
        created: Timestamp(columns.created.cast_unsigned()),
        dismissed: columns.dismissed,
        members: columns.members.cast_unsigned(),
        watermark: Seq(columns.watermark.cast_unsigned()),
        // Groups of old have none.
        settings: decode_settings(&mut Reader::new("group", columns.settings.unwrap_or_default().into()))?,
    })
}
