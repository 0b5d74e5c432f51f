//! Heads: the newest entry of each conversation, for lists.

use std::ops::ControlFlow;

use proto::{ConversationId, Entry, Seq};

use super::inbox::put_inbox;
use super::{Confirming, InboxRow, decode_confirming, encode_confirming};
use crate::call::{Call, Op};
use crate::engine::key::{KeyParts, Kind};
use crate::engine::view::{Direction, after_prefix};
use crate::engine::{Key, Reader, Table, Tx, View, Writer};
use crate::log::{decode_entry, encode_entry};
use crate::store::Engine;
use crate::{Store, StoreError};

/// The newest entry of a conversation, as of some time ago.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeadRow {
    /// Which.
    pub conversation: ConversationId,
    /// Its newest seq.
    pub seq: Seq,
    /// Countable entries up to it.
    pub counted: u64,
    /// The entry to show.
    pub last: Entry,
    /// For how many seconds entries are kept, as the log up to it sets that; 0: as configured.
    pub retention_seconds: u32,
    /// Messages that wait to be confirmed, rising. Never `None` where it was read; whoever writes `None` does not know of them,
    /// and those of the row before stay.
    pub confirming: Option<Vec<Confirming>>,
}

impl Store {
    /// Writes head and inbox rows. Each row is ignored if a later one (by seq, by time) is there; two rows of one seq are
    /// the same row. One atomic write in one process; on a cluster all inbox rows are there before the first head. Only
    /// what was verified may be given.
    pub async fn write_projection(
        &self,
        heads: Vec<HeadRow>,
        inbox: Vec<InboxRow>,
    ) -> Result<(), StoreError> {
        let tables = match self.engine() {
            Engine::Cql(cql) => return cql.write_projection(heads, inbox).await,
            Engine::Tables(tables) => tables,
        };
        tables
            .write(Call::new(Op::WriteProjection), move |tx| {
                heads.iter().try_for_each(|head| put_head(tx, head))?;
                inbox.iter().try_for_each(|row| put_inbox(tx, row))
            })
            .await
    }

    /// The heads of several conversations, in their order.
    pub async fn heads(&self, conversations: &[ConversationId]) -> Result<Vec<Option<HeadRow>>, StoreError> {
        let tables = match self.engine() {
            Engine::Cql(cql) => return cql.heads(conversations).await,
            Engine::Tables(tables) => tables,
        };
        let wanted = conversations.to_vec();
        tables
            .read(Call::new(Op::Heads), move |view| {
                let read = |id: &ConversationId| {
                    view.get(Table::State, &head_key(id))?.map(|value| decode(id, value)).transpose()
                };
                wanted.iter().map(read).collect()
            })
            .await
    }

    /// The next `limit` conversations that have a head, in an order of the engine's own: to look at all of them, a few at a
    /// time. One that gets its first head meanwhile may be missed.
    pub async fn heads_after(
        &self,
        after: Option<&ConversationId>,
        limit: usize,
    ) -> Result<Vec<HeadRow>, StoreError> {
        let tables = match self.engine() {
            Engine::Cql(cql) => return cql.heads_after(after, limit).await,
            Engine::Tables(tables) => tables,
        };
        let prefix = Key::of(Kind::Head);
        // The smallest key after one is that with a zero byte more.
        let begin = after.map_or(prefix.clone(), |after| head_key(after).raw(&[0]));
        let read = move |view: &dyn View| {
            let mut rows = Vec::new();
            view.scan(
                Table::State,
                &begin,
                &after_prefix(&prefix),
                Direction::Forward,
                &mut |key, value| {
                    if rows.len() == limit {
                        return Ok(ControlFlow::Break(()));
                    }
                    let id = KeyParts::after(key, prefix.len()).text();
                    let id = id.and_then(|id| ConversationId::parse(id).ok());
                    let id = id.ok_or_else(|| StoreError::corrupt("head"))?;
                    rows.push(decode(&id, value.clone())?);
                    Ok(ControlFlow::Continue(()))
                },
            )?;
            Ok(rows)
        };
        tables.read(Call::new(Op::HeadsAfter), read).await
    }
}

fn put_head(tx: &mut Tx<'_>, head: &HeadRow) -> Result<(), StoreError> {
    let key = head_key(&head.conversation);
    let stored = tx.get(Table::State, &key)?.map(|value| decode(&head.conversation, value)).transpose()?;
    if stored.as_ref().is_some_and(|stored| stored.seq > head.seq) {
        return Ok(());
    }
    let confirming = head.confirming.clone().or_else(|| stored?.confirming).unwrap_or_default();
    let mut value = Writer::default();
    value.number(head.seq.0).number(head.counted).number(head.last.seq.0);
    encode_entry(&head.last, &mut value);
    if confirming.is_empty() {
        encode_retention(head, &mut value);
    } else {
        value.number(u64::from(head.retention_seconds));
        encode_confirming(&confirming, &mut value);
    }
    tx.put(Table::State, key, value.finish());
    Ok(())
}

/// Reads the value of a row.
pub(crate) fn decode(conversation: &ConversationId, value: bytes::Bytes) -> Result<HeadRow, StoreError> {
    let mut value = Reader::new("head", value);
    let (seq, counted, last) = (value.number()?, value.number()?, value.number()?);
    Ok(HeadRow {
        conversation: conversation.clone(),
        seq: Seq(seq),
        counted,
        last: decode_entry(Seq(last), &mut value)?,
        retention_seconds: decode_retention(&mut value)?,
        confirming: Some(decode_confirming(&mut value)?),
    })
}

/// A field that rows of old do not have. Nothing where nothing was set: most rows stay as they were.
pub(crate) fn encode_retention(head: &HeadRow, value: &mut Writer) {
    if head.retention_seconds > 0 {
        value.number(u64::from(head.retention_seconds));
    }
}

/// Reads what [`encode_retention`] wrote.
pub(crate) fn decode_retention(value: &mut Reader) -> Result<u32, StoreError> {
    if value.is_at_end() { Ok(0) } else { value.small() }
}

fn head_key(conversation: &ConversationId) -> Key {
    Key::of(Kind::Head).text(conversation.as_str())
}
