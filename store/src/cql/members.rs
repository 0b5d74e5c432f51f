//! Members, both ways.

use std::collections::HashSet;

use proto::{GroupId, Seq, Timestamp, UserId};
use scylla::statement::prepared::PreparedStatement;

use super::Cql;
use super::error::CqlError;
use super::session::{Preparer, batch_of};
use super::several;
use crate::call::{Call, Op};
use crate::directory::{decode_detail, encode_detail};
use crate::engine::{Reader, Writer};
use crate::{Member, Role, StoreError};

/// Rows in one answer.
const PAGE_ROWS: i32 = 1_000;
/// Members in one mutation of a group's partition.
const BATCH_ROWS: usize = 100;

/// The statements of this family.
pub(super) struct MemberStatements {
    one: PreparedStatement,
    after: PreparedStatement,
    groups_of: PreparedStatement,
    put: PreparedStatement,
    remove: PreparedStatement,
    put_group_of: PreparedStatement,
    remove_group_of: PreparedStatement,
}

impl MemberStatements {
    pub(super) async fn prepare(preparer: &Preparer<'_>) -> Result<Self, CqlError> {
        const ONE: &str = "SELECT user_id, role, joined_at, floor_seq, detail FROM group_member \
            WHERE group_id = ? AND user_id = ?";
        const AFTER: &str = "SELECT user_id, role, joined_at, floor_seq, detail FROM group_member \
            WHERE group_id = ? AND user_id > ? LIMIT ?";
        const PUT: &str = "INSERT INTO group_member (group_id, user_id, role, joined_at, floor_seq, detail) \
            VALUES (?, ?, ?, ?, ?, ?) USING TIMESTAMP ?";
        const REMOVE: &str = "DELETE FROM group_member USING TIMESTAMP ? WHERE group_id = ? AND user_id = ?";
        const PUT_GROUP_OF: &str =
            "INSERT INTO user_group (user_id, group_id) VALUES (?, ?) USING TIMESTAMP ?";
        const REMOVE_GROUP_OF: &str =
            "DELETE FROM user_group USING TIMESTAMP ? WHERE user_id = ? AND group_id = ?";
        Ok(Self {
            one: preparer.read(ONE).await?,
            after: preparer.paged_read(AFTER, PAGE_ROWS).await?,
            groups_of: preparer
                .paged_read("SELECT group_id FROM user_group WHERE user_id = ?", PAGE_ROWS)
                .await?,
            put: preparer.write(PUT).await?,
            remove: preparer.write(REMOVE).await?,
            put_group_of: preparer.write(PUT_GROUP_OF).await?,
            remove_group_of: preparer.write(REMOVE_GROUP_OF).await?,
        })
    }
}

/// `user_id`, `role`, `joined_at`, `floor_seq`, `detail`.
pub(super) type MemberColumns = (String, i8, i64, i64, Option<Vec<u8>>);

impl Cql {
    pub(crate) async fn member(&self, group: &GroupId, user: &UserId) -> Result<Option<Member>, StoreError> {
        let values = (group.as_str(), user.as_str());
        let read = self.first::<MemberColumns>(&self.statements.members.one, values);
        self.read(Call::new(Op::Member), read).await?.map(decode).transpose()
    }

    pub(crate) async fn members(
        &self,
        group: &GroupId,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<Member>, StoreError> {
        if limit == 0 {
            // CQL has no such limit.
            return Ok(Vec::new());
        }
        // Every id comes after the empty text.
        let after = after.as_ref().map_or("", |user| user.as_str());
        let values = (group.as_str(), after, i32::try_from(limit).unwrap_or(i32::MAX));
        let read = self.all::<MemberColumns>(&self.statements.members.after, values);
        self.read(Call::new(Op::Members), read).await?.into_iter().map(decode).collect()
    }

    pub(crate) async fn groups_of(&self, user: &UserId) -> Result<Vec<GroupId>, StoreError> {
        let read = self.all::<(String,)>(&self.statements.members.groups_of, (user.as_str(),));
        let rows = self.read(Call::new(Op::GroupsOf), read).await?;
        let parse = |(id,): (String,)| GroupId::parse(&id).map_err(|_| StoreError::corrupt("group of user"));
        rows.into_iter().map(parse).collect()
    }

    /// The members of a change: their groups first, so that whoever is found in a group is also found to have it, and
    /// whoever is no longer found in it has it no longer.
    pub(super) async fn write_members(
        &self,
        group: &GroupId,
        watermark: Seq,
        joined: &[Member],
        left: &[UserId],
    ) -> Result<(), StoreError> {
        let (group, watermark) = (group.as_str(), watermark.0.cast_signed());
        // At one timestamp a deletion wins, but who left and joined in one change is a member.
        let back: HashSet<&UserId> = joined.iter().map(|member| &member.user).collect();
        let left: Vec<&UserId> = left.iter().filter(|user| !back.contains(user)).collect();

        let statements = &self.statements.members;
        let put_group_of = joined
            .iter()
            .map(|member| self.execute(&statements.put_group_of, (member.user.as_str(), group, watermark)));
        several::writes(put_group_of.collect()).await?;
        let remove_group_of = left
            .iter()
            .map(|user| self.execute(&statements.remove_group_of, (watermark, user.as_str(), group)));
        several::writes(remove_group_of.collect()).await?;
        let put = joined.chunks(BATCH_ROWS).map(|part| self.put_members(group, watermark, part));
        several::writes(put.collect()).await?;
        let remove = left.chunks(BATCH_ROWS).map(|part| self.remove_members(group, watermark, part));
        several::writes(remove.collect()).await
    }

    async fn put_members(&self, group: &str, watermark: i64, members: &[Member]) -> Result<(), StoreError> {
        let rows: Vec<_> = members.iter().map(|member| put_values(group, member, watermark)).collect();
        self.execute_batch(&batch_of(&self.statements.members.put, rows.len()), rows).await
    }

    async fn remove_members(&self, group: &str, watermark: i64, users: &[&UserId]) -> Result<(), StoreError> {
        let rows: Vec<_> = users.iter().map(|user| (watermark, group, user.as_str())).collect();
        self.execute_batch(&batch_of(&self.statements.members.remove, rows.len()), rows).await
    }
}

fn put_values<'a>(
    group: &'a str,
    member: &'a Member,
    watermark: i64,
) -> (&'a str, &'a str, i8, i64, i64, Vec<u8>, i64) {
    let joined_at = member.joined_at.0.cast_signed();
    let role = (member.role as u8).cast_signed();
    let mut detail = Writer::default();
    encode_detail(member, &mut detail);
    let detail = detail.finish().into();
    (group, member.user.as_str(), role, joined_at, member.floor.0.cast_signed(), detail, watermark)
}

/// Reads a row of a member.
pub(super) fn decode(columns: MemberColumns) -> Result<Member, StoreError> {
    let (user, role, joined_at, floor, detail) = columns;
    let role = u64::try_from(role).ok().and_then(Role::from_number);
    let role = role.ok_or_else(|| StoreError::corrupt("member"))?;
    // Members of old have none.
    let mut detail = Reader::new("member", detail.unwrap_or_default().into());
    let (muted_until, nickname, number) = decode_detail(&mut detail)?;
    Ok(Member {
        user: UserId::parse(&user).map_err(|_| StoreError::corrupt("member"))?,
        role,
        joined_at: Timestamp(joined_at.cast_unsigned()),
        floor: Seq(floor.cast_unsigned()),
        nickname,
        muted_until,
        number,
    })
}
