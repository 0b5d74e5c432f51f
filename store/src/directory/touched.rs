//! Touched marks: which conversations have appends that their projections may lack.

use std::ops::ControlFlow;

use proto::{ConversationId, Partition, Seq};

use crate::call::{Call, Op};
use crate::engine::key::{KeyParts, Kind};
use crate::engine::view::{Direction, after_prefix};
use crate::engine::{Key, Reader, Table, Tx, View, Writer};
use crate::{Store, StoreError};

impl Store {
    /// Conversations of a partition whose appends may lack projections: what a take-over must run again.
    pub async fn touched(&self, partition: Partition) -> Result<Vec<ConversationId>, StoreError> {
        self.read(Call::at(Op::Touched, partition), move |view| read(view, partition)).await
    }

    /// Takes a mark away once the projections include everything up to `upto`; kept if a later append set it again.
    pub async fn clear_touched(
        &self,
        partition: Partition,
        conversation: &ConversationId,
        upto: Seq,
    ) -> Result<(), StoreError> {
        let key = touched_key(partition, conversation);
        self.write(Call::on(Op::ClearTouched, conversation), move |tx| {
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
        tx.put(Table::State, key, Writer::default().number(upto.0).finish());
    }
    Ok(())
}

fn marked(tx: &Tx<'_>, key: &Key) -> Result<Option<Seq>, StoreError> {
    let value = tx.get(Table::State, key)?;
    value.map(|value| Reader::new("touched", value).number().map(Seq)).transpose()
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

fn touched_key(partition: Partition, conversation: &ConversationId) -> Key {
    partition_prefix(partition).text(conversation.as_str())
}
