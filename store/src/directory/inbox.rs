//! Inboxes: the conversations of a user, most recently changed first.

use std::ops::ControlFlow;

use proto::{ConversationId, Timestamp, UserId};

use crate::call::{Call, Op};
use crate::engine::key::{KeyParts, Kind};
use crate::engine::view::{Direction, after_prefix};
use crate::engine::{Key, Reader, Table, Tx, View, Writer};
use crate::store::Engine;
use crate::{Store, StoreError};

/// A conversation of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InboxRow {
    /// Whose.
    pub user: UserId,
    /// Which.
    pub conversation: ConversationId,
    /// When it last changed.
    pub time: Timestamp,
    /// The user is no longer a member.
    pub left: bool,
}

impl Store {
    /// The conversations of a user that changed at or after `since`, newest first, of equal times in order of their
    /// ids; after `before` (the last row of the page before) if given.
    pub async fn inbox(
        &self,
        user: &UserId,
        since: Timestamp,
        limit: usize,
        before: Option<(Timestamp, ConversationId)>,
    ) -> Result<Vec<InboxRow>, StoreError> {
        let tables = match self.engine() {
            Engine::Cql(cql) => return cql.inbox(user, since, limit, before).await,
            Engine::Tables(tables) => tables,
        };
        let user = user.clone();
        tables.read(Call::new(Op::Inbox), move |view| read(view, &user, since, limit, before)).await
    }
}

/// Writes a row unless a later one is there.
pub(super) fn put_inbox(tx: &mut Tx<'_>, row: &InboxRow) -> Result<(), StoreError> {
    let key = inbox_key(row);
    if let Some(stored) = tx.get(Table::State, &key)? {
        let stored = Timestamp(Reader::new("inbox", stored).number()?);
        if stored > row.time {
            return Ok(());
        }
        if stored < row.time {
            tx.delete(Table::State, order_key(&row.user, stored, &row.conversation));
        }
    }
    tx.put(Table::State, key, Writer::default().number(row.time.0).finish());
    let order = order_key(&row.user, row.time, &row.conversation);
    tx.put(Table::State, order, Writer::default().flag(row.left).finish());
    Ok(())
}

fn read(
    view: &dyn View,
    user: &UserId,
    since: Timestamp,
    limit: usize,
    before: Option<(Timestamp, ConversationId)>,
) -> Result<Vec<InboxRow>, StoreError> {
    let prefix = order_prefix(user);
    let from = match before {
        Some((time, conversation)) => after_prefix(&order_key(user, time, &conversation)),
        None => prefix.to_vec(),
    };
    let mut rows = Vec::new();
    view.scan(Table::State, &from, &after_prefix(&prefix), Direction::Forward, &mut |key, value| {
        let mut parts = KeyParts::after(key, prefix.len());
        let time = parts.u64().map(|time| Timestamp(!time));
        let conversation = parts.text().and_then(|text| ConversationId::parse(text).ok());
        let (Some(time), Some(conversation)) = (time, conversation) else {
            return Err(StoreError::corrupt("inbox order"));
        };
        if rows.len() == limit || time < since {
            return Ok(ControlFlow::Break(()));
        }
        let left = Reader::new("inbox order", value.clone()).flag()?;
        rows.push(InboxRow { user: user.clone(), conversation, time, left });
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(rows)
}

fn inbox_key(row: &InboxRow) -> Key {
    Key::of(Kind::Inbox).text(row.user.as_str()).text(row.conversation.as_str())
}

fn order_prefix(user: &UserId) -> Key {
    Key::of(Kind::InboxOrder).text(user.as_str())
}

fn order_key(user: &UserId, time: Timestamp, conversation: &ConversationId) -> Key {
    order_prefix(user).newest_first(time.0).text(conversation.as_str())
}
