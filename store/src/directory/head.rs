//! Heads: the newest entry of each conversation, for lists.

use proto::{ConversationId, Entry, Seq};

use super::InboxRow;
use super::inbox::put_inbox;
use crate::call::{Call, Op};
use crate::engine::key::Kind;
use crate::engine::{Key, Reader, Table, Tx, Writer};
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
}

fn put_head(tx: &mut Tx<'_>, head: &HeadRow) -> Result<(), StoreError> {
    let key = head_key(&head.conversation);
    if let Some(stored) = tx.get(Table::State, &key)?
        && Reader::new("head", stored).number()? > head.seq.0
    {
        return Ok(());
    }
    let mut value = Writer::default();
    value.number(head.seq.0).number(head.counted).number(head.last.seq.0);
    encode_entry(&head.last, &mut value);
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
    })
}

fn head_key(conversation: &ConversationId) -> Key {
    Key::of(Kind::Head).text(conversation.as_str())
}
