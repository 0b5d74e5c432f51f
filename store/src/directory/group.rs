//! Groups and how they change.

use proto::{GroupId, Seq, Timestamp, UserId};

use super::Member;
use super::group_settings::{GroupSettings, decode_settings, encode_settings};
use super::members::{delete_member, put_member};
use crate::call::{Call, Op};
use crate::engine::key::Kind;
use crate::engine::{Key, Reader, Table, Tx, View, Writer};
use crate::store::Engine;
use crate::{Store, StoreError};

/// A group as of an entry of its log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupInfo {
    /// Which.
    pub group: GroupId,
    /// Its name.
    pub name: String,
    /// Who owns it.
    pub owner: UserId,
    /// When it was made.
    pub created: Timestamp,
    /// It was ended; nothing more can be said in it.
    pub dismissed: bool,
    /// How many members it has.
    pub members: u32,
    /// The entry of its log that this state includes, and all before.
    pub watermark: Seq,
    /// What it is besides, and who may come in.
    pub settings: GroupSettings,
}

/// What one entry, or several, made of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupChange {
    /// The state after it.
    pub info: GroupInfo,
    /// New members, and members whose row changed.
    pub joined: Vec<Member>,
    /// Members that are gone.
    pub left: Vec<UserId>,
}

impl Store {
    /// A group; `None` if there is none.
    pub async fn group(&self, group: &GroupId) -> Result<Option<GroupInfo>, StoreError> {
        let tables = match self.engine() {
            Engine::Cql(cql) => return cql.group(group).await,
            Engine::Tables(tables) => tables,
        };
        let group = group.clone();
        tables.read(Call::new(Op::Group), move |view| read_group(view, &group)).await
    }

    /// Applies a change, members both ways. Ignored when the stored group already includes a later entry; applying the
    /// same change again changes nothing. One atomic write in one process; on a cluster the group itself is written last,
    /// so that its watermark never includes what is not there.
    pub async fn apply_group(&self, change: GroupChange) -> Result<(), StoreError> {
        let tables = match self.engine() {
            Engine::Cql(cql) => return cql.apply_group(change).await,
            Engine::Tables(tables) => tables,
        };
        tables.write(Call::new(Op::ApplyGroup), move |tx| apply(tx, &change)).await
    }
}

fn read_group(view: &dyn View, group: &GroupId) -> Result<Option<GroupInfo>, StoreError> {
    view.get(Table::State, &group_key(group))?.map(|value| decode(group, value)).transpose()
}

fn apply(tx: &mut Tx<'_>, change: &GroupChange) -> Result<(), StoreError> {
    let GroupChange { info, joined, left } = change;
    let key = group_key(&info.group);
    if let Some(stored) = tx.get(Table::State, &key)?
        && decode(&info.group, stored)?.watermark > info.watermark
    {
        return Ok(());
    }
    tx.put(Table::State, key, encode(info));
    for user in left {
        delete_member(tx, &info.group, user);
    }
    for member in joined {
        put_member(tx, &info.group, member);
    }
    Ok(())
}

fn encode(info: &GroupInfo) -> bytes::Bytes {
    let mut value = Writer::default();
    value
        .text(&info.name)
        .text(info.owner.as_str())
        .number(info.created.0)
        .flag(info.dismissed)
        .number(u64::from(info.members))
        .number(info.watermark.0);
    encode_settings(&info.settings, &mut value);
    value.finish()
}

/// Reads the value of a row.
pub(crate) fn decode(group: &GroupId, value: bytes::Bytes) -> Result<GroupInfo, StoreError> {
    let mut value = Reader::new("group", value);
    Ok(GroupInfo {
        group: group.clone(),
        name: value.text()?,
        owner: value.id(UserId::parse)?,
        created: Timestamp(value.number()?),
        dismissed: value.flag()?,
        members: value.small()?,
        watermark: Seq(value.number()?),
        settings: decode_settings(&mut value)?,
    })
}

/// The key of a group.
pub(crate) fn group_key(group: &GroupId) -> Key {
    Key::of(Kind::Group).text(group.as_str())
}
