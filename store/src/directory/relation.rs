//! What users are to each other: a row for each of the two, as that one may know it.

use std::ops::ControlFlow;

use proto::{Contact, FriendRequest, Seq, Timestamp, UserId};

use crate::call::{Call, Op};
use crate::engine::key::{KeyParts, Kind};
use crate::engine::view::{Direction, after_prefix};
use crate::engine::{Key, Reader, Table, Tx, View, Writer};
use crate::mutation::{self, Mutation};
use crate::store::Engine;
use crate::{Store, StoreError};

/// What another user is to a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relation {
    /// Whose side it is.
    pub user: UserId,
    /// What the other is, as far as the user may know.
    pub contact: Contact,
    /// The other blocks the user, who is never told.
    pub blocked_by: bool,
    /// The other ended the friendship for themselves alone, and the user, whose contact still has it, is not told.
    pub left_by: bool,
    /// The entry of the pair's log that this side includes, and all before.
    pub watermark: Seq,
}

impl Relation {
    /// Strangers.
    pub fn none(user: &UserId, peer: &UserId) -> Self {
        Self {
            user: user.clone(),
            contact: Contact::nobody(peer.clone()),
            blocked_by: false,
            left_by: false,
            watermark: Seq::ZERO,
        }
    }

    /// Whether the two are friends, of whom neither ended it.
    pub fn is_friendship(&self) -> bool {
        self.contact.friend_since.is_some() && !self.left_by
    }
}

impl Store {
    /// Writes both sides of a pair. A side is ignored when the stored one already includes a later entry; applying the
    /// same again changes nothing. One atomic write in one process.
    pub async fn apply_relation(&self, sides: [Relation; 2]) -> Result<(), StoreError> {
        let tables = match self.engine() {
            Engine::Cql(cql) => return cql.apply_relation(sides).await,
            Engine::Tables(tables) => tables,
        };
        let written = if mutation::is(Mutation::OneSided) { 1 } else { sides.len() };
        let write = move |tx: &mut Tx<'_>| sides.iter().take(written).try_for_each(|side| put(tx, side));
        tables.write(Call::new(Op::ApplyRelation), write).await
    }

    /// What each of these is to a user, in the order asked; `None` for strangers that never did anything.
    pub async fn relations_with(
        &self,
        user: &UserId,
        peers: &[UserId],
    ) -> Result<Vec<Option<Relation>>, StoreError> {
        let tables = match self.engine() {
            Engine::Cql(cql) => return cql.relations_with(user, peers).await,
            Engine::Tables(tables) => tables,
        };
        let (user, peers) = (user.clone(), peers.to_vec());
        tables
            .read(Call::new(Op::Relations), move |view| {
                peers.iter().map(|peer| read(view, &user, peer)).collect()
            })
            .await
    }

    /// Everybody with whom a user ever had to do, in order of their ids, after the given one.
    pub async fn relations(
        &self,
        user: &UserId,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<Relation>, StoreError> {
        let tables = match self.engine() {
            Engine::Cql(cql) => return cql.relations(user, after, limit).await,
            Engine::Tables(tables) => tables,
        };
        let user = user.clone();
        tables.read(Call::new(Op::Relations), move |view| read_page(view, &user, after.as_ref(), limit)).await
    }
}

fn put(tx: &mut Tx<'_>, side: &Relation) -> Result<(), StoreError> {
    let key = relation_key(&side.user, &side.contact.user);
    if let Some(stored) = tx.get(Table::State, &key)?
        && decode(&side.user, &side.contact.user, stored)?.watermark > side.watermark
    {
        return Ok(());
    }
    tx.put(Table::State, key, encode(side));
    Ok(())
}

fn read(view: &dyn View, user: &UserId, peer: &UserId) -> Result<Option<Relation>, StoreError> {
    let value = view.get(Table::State, &relation_key(user, peer))?;
    value.map(|value| decode(user, peer, value)).transpose()
}

fn read_page(
    view: &dyn View,
    user: &UserId,
    after: Option<&UserId>,
    limit: usize,
) -> Result<Vec<Relation>, StoreError> {
    let prefix = Key::of(Kind::Relation).text(user.as_str());
    let from = after.map_or_else(|| prefix.to_vec(), |peer| after_prefix(&relation_key(user, peer)));
    let mut found = Vec::new();
    view.scan(Table::State, &from, &after_prefix(&prefix), Direction::Forward, &mut |key, value| {
        if found.len() == limit {
            return Ok(ControlFlow::Break(()));
        }
        let peer = KeyParts::after(key, prefix.len()).text().and_then(|text| UserId::parse(text).ok());
        let peer = peer.ok_or_else(|| StoreError::corrupt("relation"))?;
        found.push(decode(user, &peer, value.clone())?);
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(found)
}

/// The value of a row.
pub(crate) fn encode(side: &Relation) -> bytes::Bytes {
    let contact = &side.contact;
    let mut value = Writer::default();
    value.number(side.watermark.0).number(contact.version).number(contact.time.0);
    value.number(contact.friend_since.map_or(0, |since| since.0)).text(&contact.remark);
    value.flag(contact.blocked).flag(side.blocked_by);
    for request in [&contact.incoming, &contact.outgoing] {
        value.flag(request.is_some());
        if let Some(request) = request {
            value.text(&request.note).number(request.time.0).number(request.expires.0);
        }
    }
    // Behind all: rows of old, and nearly all others, have nothing there.
    if side.left_by {
        value.flag(true);
    }
    value.finish()
}

/// Reads the value of a row.
pub(crate) fn decode(user: &UserId, peer: &UserId, value: bytes::Bytes) -> Result<Relation, StoreError> {
    let mut value = Reader::new("relation", value);
    let watermark = Seq(value.number()?);
    let (version, time, since) = (value.number()?, Timestamp(value.number()?), value.number()?);
    let (remark, blocked, blocked_by) = (value.text()?, value.flag()?, value.flag()?);
    let contact = Contact {
        user: peer.clone(),
        version,
        friend_since: (since > 0).then_some(Timestamp(since)),
        remark,
        blocked,
        incoming: decode_request(&mut value)?,
        outgoing: decode_request(&mut value)?,
        time,
    };
    let left_by = !value.is_at_end() && value.flag()?;
    Ok(Relation { user: user.clone(), contact, blocked_by, left_by, watermark })
}

fn decode_request(value: &mut Reader) -> Result<Option<FriendRequest>, StoreError> {
    if !value.flag()? {
        return Ok(None);
    }
    let (note, time) = (value.text()?, Timestamp(value.number()?));
    Ok(Some(FriendRequest { note, time, expires: Timestamp(value.number()?) }))
}

fn relation_key(user: &UserId, peer: &UserId) -> Key {
    Key::of(Kind::Relation).text(user.as_str()).text(peer.as_str())
}
