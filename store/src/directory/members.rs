//! Members, both ways: who is in a group, and in which groups a user is.

use std::ops::ControlFlow;

use proto::{GroupId, Seq, Timestamp, UserId};

use crate::call::{Call, Op};
use crate::engine::key::{KeyParts, Kind};
use crate::engine::view::{Direction, after_prefix};
use crate::engine::{Key, Reader, Table, Tx, View, Writer};
use crate::store::Engine;
use crate::{Store, StoreError};

/// What a member may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Role {
    /// Says things.
    Member = 0,
    /// Also adds and removes members.
    Admin = 1,
    /// Everything; one for each group.
    Owner = 2,
}

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
        let prefix = Key::of(Kind::GroupOfUser).text(user.as_str());
        tables
            .read(Call::new(Op::GroupsOf), move |view| {
                let mut groups = Vec::new();
                let end = after_prefix(&prefix);
                view.scan(Table::State, &prefix, &end, Direction::Forward, &mut |key, _| {
                    let group =
                        KeyParts::after(key, prefix.len()).text().and_then(|text| GroupId::parse(text).ok());
                    groups.push(group.ok_or_else(|| StoreError::corrupt("group of user"))?);
                    Ok(ControlFlow::Continue(()))
                })?;
                Ok(groups)
            })
            .await
    }
}

/// Writes a member, both ways.
pub(super) fn put_member(tx: &mut Tx<'_>, group: &GroupId, member: &Member) {
    let mut value = Writer::default();
    value.number(u64::from(member.role as u8)).number(member.joined_at.0).number(member.floor.0);
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
    let role = match value.number()? {
        0 => Role::Member,
        1 => Role::Admin,
        2 => Role::Owner,
        _ => return Err(value.corrupt()),
    };
    Ok(Member { user, role, joined_at: Timestamp(value.number()?), floor: Seq(value.number()?) })
}

fn member_key(group: &GroupId, user: &UserId) -> Key {
    Key::of(Kind::Member).text(group.as_str()).text(user.as_str())
}

fn group_of_user_key(user: &UserId, group: &GroupId) -> Key {
    Key::of(Kind::GroupOfUser).text(user.as_str()).text(group.as_str())
}
