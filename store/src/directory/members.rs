//! Members, both ways: who is in a group, and in which groups a user is.

use std::ops::ControlFlow;

pub use proto::group::Role;
use proto::{GroupId, Seq, Timestamp, UserId};

use crate::call::{Call, Op};
use crate::engine::key::{KeyParts, Kind};
use crate::engine::view::{Direction, after_prefix};
use crate::engine::{Key, Reader, Table, Tx, View, Writer};
use crate::store::Engine;
use crate::{Store, StoreError};

/// One member of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Who.
    pub user: UserId,
    /// What they may do.
    pub role: Role,
    /// Since when.
    pub joined_at: Timestamp,
    /// The lowest seq they may read.
    pub floor: Seq,
    /// How they are called in this group; empty for as elsewhere.
    pub nickname: String,
    /// Until when they may not speak; zero for never muted.
    pub muted_until: Timestamp,
    /// Theirs alone in this group, for ever, from 1 on; 0 for members of old.
    pub number: u32,
}

impl Store {
    /// One member; `None` if the user is not one.
    pub async fn member(&self, group: &GroupId, user: &UserId) -> Result<Option<Member>, StoreError> {
        let tables = match self.engine() {
            Engine::Cql(cql) => return cql.member(group, user).await,
            Engine::Tables(tables) => tables,
        };
        let (group, user) = (group.clone(), user.clone());
        tables
            .read(Call::new(Op::Member), move |view| {
                let value = view.get(Table::State, &member_key(&group, &user))?;
                value.map(|value| decode(user, value)).transpose()
            })
            .await
    }

    /// Members in order of their user ids, after the given one.
    pub async fn members(
        &self,
        group: &GroupId,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<Member>, StoreError> {
        let tables = match self.engine() {
            Engine::Cql(cql) => return cql.members(group, after, limit).await,
            Engine::Tables(tables) => tables,
        };
        let group = group.clone();
        tables
            .read(Call::new(Op::Members), move |view| read_members(view, &group, after.as_ref(), limit))
            .await
    }

    /// The groups of a user, in order of their ids.
    pub async fn groups_of(&self, user: &UserId) -> Result<Vec<GroupId>, StoreError> {
        let tables = match self.engine() {
            Engine::Cql(cql) => return cql.groups_of(user).await,
            Engine::Tables(tables) => tables,
        };
        let user = user.clone();
        tables.read(Call::new(Op::GroupsOf), move |view| read_groups_of(view, &user)).await
    }
}

/// The groups of a user, in order of their ids.
pub(crate) fn read_groups_of(view: &dyn View, user: &UserId) -> Result<Vec<GroupId>, StoreError> {
    let prefix = Key::of(Kind::GroupOfUser).text(user.as_str());
    let mut groups = Vec::new();
    view.scan(Table::State, &prefix, &after_prefix(&prefix), Direction::Forward, &mut |key, _| {
        let group = KeyParts::after(key, prefix.len()).text().and_then(|text| GroupId::parse(text).ok());
        groups.push(group.ok_or_else(|| StoreError::corrupt("group of user"))?);
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(groups)
}

/// Writes a member, both ways.
pub(super) fn put_member(tx: &mut Tx<'_>, group: &GroupId, member: &Member) {
    let mut value = Writer::default();
    value.number(u64::from(member.role as u8)).number(member.joined_at.0).number(member.floor.0);
    encode_detail(member, &mut value);
    tx.put(Table::State, member_key(group, &member.user), value.finish());
    tx.put(Table::State, group_of_user_key(&member.user, group), bytes::Bytes::new());
}

/// Removes a member, both ways.
pub(super) fn delete_member(tx: &mut Tx<'_>, group: &GroupId, user: &UserId) {
    tx.delete(Table::State, member_key(group, user));
    tx.delete(Table::State, group_of_user_key(user, group));
}

fn read_members(
    view: &dyn View,
    group: &GroupId,
    after: Option<&UserId>,
    limit: usize,
) -> Result<Vec<Member>, StoreError> {
    let prefix = Key::of(Kind::Member).text(group.as_str());
    let from = after.map_or_else(|| prefix.to_vec(), |user| after_prefix(&member_key(group, user)));
    let mut members = Vec::new();
    view.scan(Table::State, &from, &after_prefix(&prefix), Direction::Forward, &mut |key, value| {
        if members.len() == limit {
            return Ok(ControlFlow::Break(()));
        }
        let user = KeyParts::after(key, prefix.len()).text().and_then(|text| UserId::parse(text).ok());
        let user = user.ok_or_else(|| StoreError::corrupt("member"))?;
        members.push(decode(user, value.clone())?);
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(members)
}

/// Reads the value of a row.
pub(crate) fn decode(user: UserId, value: bytes::Bytes) -> Result<Member, StoreError> {
    let mut value = Reader::new("member", value);
    let role = Role::from_number(value.number()?).ok_or_else(|| value.corrupt())?;
    let (joined_at, floor) = (Timestamp(value.number()?), Seq(value.number()?));
    let (muted_until, nickname, number) = decode_detail(&mut value)?;
    Ok(Member { user, role, joined_at, floor, nickname, muted_until, number })
}

/// Writes what members of old do not have.
pub(crate) fn encode_detail(member: &Member, to: &mut Writer) {
    to.number(member.muted_until.0).text(&member.nickname);
    if member.number > 0 {
        to.number(member.number.into());
    }
}

/// Reads what [`encode_detail`] wrote, or nothing.
pub(crate) fn decode_detail(value: &mut Reader) -> Result<(Timestamp, String, u32), StoreError> {
    if value.is_at_end() {
        return Ok((Timestamp(0), String::new(), 0));
    }
    let (muted_until, nickname) = (Timestamp(value.number()?), value.text()?);
    Ok((muted_until, nickname, if value.is_at_end() { 0 } else { value.small()? }))
}

fn member_key(group: &GroupId, user: &UserId) -> Key {
    Key::of(Kind::Member).text(group.as_str()).text(user.as_str())
}

fn group_of_user_key(user: &UserId, group: &GroupId) -> Key {
    Key::of(Kind::GroupOfUser).text(user.as_str()).text(group.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_of_old_has_no_nickname_and_is_not_muted() {
        let mut value = Writer::default();
        value.number(1).number(9).number(4);
        let member = decode(UserId::parse("bob").unwrap(), value.finish()).unwrap();
        assert_eq!((member.role, member.joined_at, member.floor), (Role::Admin, Timestamp(9), Seq(4)));
        assert_eq!((member.nickname.as_str(), member.muted_until, member.number), ("", Timestamp(0), 0));
    }
}
