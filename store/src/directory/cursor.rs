//! How far users are in conversations.

use proto::{ConversationId, Seq, UserId};

use crate::call::{Call, Op};
use crate::engine::key::Kind;
use crate::engine::{Key, Reader, Table, Tx, View, Writer};
use crate::store::Engine;
use crate::{Store, StoreError};

/// How far a user is in a conversation. Each field only ever grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Cursor {
    /// Seen up to here.
    pub read: Seq,
    /// `counted` of the entry at `read`; unread = the head's `counted` − this.
    pub read_counted: u64,
    /// On a device up to here.
    pub delivered: Seq,
}

impl Store {
    /// Moves each field forward to the given one where that is larger; what is behind stays.
    pub async fn advance_cursor(
        &self,
        user: &UserId,
        conversation: &ConversationId,
        to: Cursor,
    ) -> Result<(), StoreError> {
        let tables = match self.engine() {
            Engine::Cql(cql) => return cql.advance_cursor(user, conversation, to).await,
            Engine::Tables(tables) => tables,
        };
        let key = cursor_key(user, conversation);
        tables.write(Call::on(Op::AdvanceCursor, conversation), move |tx| advance(tx, key, to)).await
    }

    /// How far a user is; zero where nothing is known.
    pub async fn cursor(&self, user: &UserId, conversation: &ConversationId) -> Result<Cursor, StoreError> {
        let tables = match self.engine() {
            Engine::Cql(cql) => return cql.cursor(user, conversation).await,
            Engine::Tables(tables) => tables,
        };
        let key = cursor_key(user, conversation);
        tables.read(Call::on(Op::Cursors, conversation), move |view| read(view, &key)).await
    }

    /// How far a user is in each of several conversations, in their order.
    pub async fn cursors(
        &self,
        user: &UserId,
        conversations: &[ConversationId],
    ) -> Result<Vec<Cursor>, StoreError> {
        let tables = match self.engine() {
            Engine::Cql(cql) => return cql.cursors(user, conversations).await,
            Engine::Tables(tables) => tables,
        };
        let keys: Vec<Key> = conversations.iter().map(|id| cursor_key(user, id)).collect();
        tables
            .read(Call::new(Op::Cursors), move |view| keys.iter().map(|key| read(view, key)).collect())
            .await
    }
}

fn read(view: &dyn View, key: &Key) -> Result<Cursor, StoreError> {
    Ok(view.get(Table::State, key)?.map(decode).transpose()?.unwrap_or_default())
}

fn advance(tx: &mut Tx<'_>, key: Key, to: Cursor) -> Result<(), StoreError> {
    let now = tx.get(Table::State, &key)?.map(decode).transpose()?.unwrap_or_default();
    let next = Cursor {
        read: now.read.max(to.read),
        read_counted: now.read_counted.max(to.read_counted),
        delivered: now.delivered.max(to.delivered),
    };
    if next != now {
        let mut value = Writer::default();
        value.number(next.read.0).number(next.read_counted).number(next.delivered.0);
        tx.put(Table::State, key, value.finish());
    }
    Ok(())
}

/// Reads the value of a row.
pub(crate) fn decode(value: bytes::Bytes) -> Result<Cursor, StoreError> {
    let mut value = Reader::new("cursor", value);
    Ok(Cursor { read: Seq(value.number()?), read_counted: value.number()?, delivered: Seq(value.number()?) })
}

fn cursor_key(user: &UserId, conversation: &ConversationId) -> Key {
    Key::of(Kind::Cursor).text(user.as_str()).text(conversation.as_str())
}
