//! Touched marks: which conversations have appends that their projections may lack.

use std::ops::ControlFlow;

use bytes::Bytes;
use proto::{ConversationId, Partition, Seq};

use crate::call::{Call, Op};
use crate::engine::key::{KeyParts, Kind};
use crate::engine::view::{Direction, after_prefix};
use crate::engine::{Key, Reader, Table, Tx, View, Writer};
use crate::log::last_seq;
use crate::store::Engine;
use crate::{Store, StoreError};

impl Store {
    /// Conversations of a partition whose appends may lack projections: what a take-over must run again.
    pub async fn touched(&self, partition: Partition) -> Result<Vec<ConversationId>, StoreError> {
        match self.engine() {
            Engine::Cql(cql) => cql.touched(partition).await,
            Engine::Tables(tables) => {
                tables.read(Call::at(Op::Touched, partition), move |view| read(view, partition)).await
            }
        }
    }

    /// Takes a mark away once the projections include everything up to `upto`; kept if a later append set it again.
    pub async fn clear_touched(
        &self,
        partition: Partition,
        conversation: &ConversationId,
        upto: Seq,
    ) -> Result<(), StoreError> {
        let tables = match self.engine() {
            Engine::Cql(cql) => return cql.clear_touched(partition, conversation, upto).await,
            Engine::Tables(tables) => tables,
        };
        let key = touched_key(partition, conversation);
        tables
            .write(Call::on(Op::ClearTouched, conversation), move |tx| {
                if marked(tx, &key)?.is_some_and(|seq| seq <= upto) {
                    tx.delete(Table::State, key);
                }
                Ok(())
            })
            .await
    }
}

/// Marks a conversation, for an append up to `upto`. A mark never moves back.
pub(crate) fn mark_touched(
    tx: &mut Tx<'_>,
    partition: Partition,
    conversation: &ConversationId,
    upto: Seq,
) -> Result<(), StoreError> {
    let key = touched_key(partition, conversation);
    if marked(tx, &key)?.is_none_or(|seq| seq < upto) {
        tx.put(Table::State, key, encode_mark(upto));
    }
    Ok(())
}

fn marked(tx: &Tx<'_>, key: &Key) -> Result<Option<Seq>, StoreError> {
    let value = tx.get(Table::State, key)?;
    value.map(decode_mark).transpose()
}

/// The value of a mark: the last seq of the append that set it.
pub(crate) fn encode_mark(seq: Seq) -> Bytes {
    Writer::default().number(seq.0).finish()
}

/// Reads what [`encode_mark`] wrote.
pub(crate) fn decode_mark(value: Bytes) -> Result<Seq, StoreError> {
    Reader::new("touched", value).number().map(Seq)
}

/// All marks by their keys. Where the log goes on past a mark, it is that of the log's last entry: an engine need not
/// have written every step of a mark.
pub(crate) fn read_marks(view: &dyn View) -> Result<Vec<(Vec<u8>, Seq)>, StoreError> {
    let prefix = Key::of(Kind::Touched);
    let mut marks = Vec::new();
    view.scan(Table::State, &prefix, &after_prefix(&prefix), Direction::Forward, &mut |key, value| {
        let mut parts = KeyParts::after(key, prefix.len());
        let id = parts.u32().and_then(|_| parts.text()).and_then(|text| ConversationId::parse(text).ok());
        let id = id.ok_or_else(|| StoreError::corrupt("touched"))?;
        marks.push((key.to_vec(), decode_mark(value.clone())?.max(last_seq(view, &id)?)));
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(marks)
}

fn read(view: &dyn View, partition: Partition) -> Result<Vec<ConversationId>, StoreError> {
    let prefix = partition_prefix(partition);
    let mut touched = Vec::new();
    view.scan(Table::State, &prefix, &after_prefix(&prefix), Direction::Forward, &mut |key, _| {
        let id = KeyParts::after(key, prefix.len()).text().and_then(|text| ConversationId::parse(text).ok());
        touched.push(id.ok_or_else(|| StoreError::corrupt("touched"))?);
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(touched)
}

fn partition_prefix(partition: Partition) -> Key {
    Key::of(Kind::Touched).raw(&u32::from(partition.number()).to_be_bytes())
}

/// The key of a mark.
pub(crate) fn touched_key(partition: Partition, conversation: &ConversationId) -> Key {
    partition_prefix(partition).text(conversation.as_str())
}
