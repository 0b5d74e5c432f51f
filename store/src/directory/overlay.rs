//! Overlays: what later entries of a log made of an earlier one.
//!
//! What is in a row is the router's business; the store keeps the newest.

use std::ops::ControlFlow;

use bytes::Bytes;
use proto::{ConversationId, Seq};

use crate::call::{Call, Op};
use crate::engine::key::{KeyParts, Kind};
use crate::engine::view::Direction;
use crate::engine::{Key, Reader, Table, Tx, View, Writer};
use crate::store::Engine;
use crate::{Store, StoreError};

/// The present state of one entry, as of a later one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OverlayRow {
    /// Of which log.
    pub conversation: ConversationId,
    /// Which entry it is laid over; zero for what is of the conversation as a whole.
    pub seq: Seq,
    /// The entry that this state includes, and all before.
    pub watermark: Seq,
    /// The state.
    pub value: Bytes,
}

impl Store {
    /// Writes overlays. Each is ignored if one with a later watermark is there; two of one watermark are the same. Only what
    /// was verified may be given.
    pub async fn write_overlays(&self, rows: Vec<OverlayRow>) -> Result<(), StoreError> {
        let tables = match self.engine() {
            Engine::Cql(cql) => return cql.write_overlays(rows).await,
            Engine::Tables(tables) => tables,
        };
        let write = move |tx: &mut Tx<'_>| rows.iter().try_for_each(|row| put_overlay(tx, row));
        tables.write(Call::new(Op::WriteOverlays), write).await
    }

    /// The overlays of the entries `from..=to` that have one, in rising seq.
    pub async fn overlays(
        &self,
        conversation: &ConversationId,
        from: Seq,
        to: Seq,
    ) -> Result<Vec<OverlayRow>, StoreError> {
        if to < from {
            return Ok(Vec::new());
        }
        let tables = match self.engine() {
            Engine::Cql(cql) => return cql.overlays(conversation, from, to).await,
            Engine::Tables(tables) => tables,
        };
        let wanted = conversation.clone();
        tables
            .read(Call::on(Op::Overlays, conversation), move |view| read_overlays(view, &wanted, from, to))
            .await
    }
}

fn put_overlay(tx: &mut Tx<'_>, row: &OverlayRow) -> Result<(), StoreError> {
    let key = overlay_key(&row.conversation, row.seq);
    if let Some(stored) = tx.get(Table::State, &key)?
        && Reader::new("overlay", stored).number()? > row.watermark.0
    {
        return Ok(());
    }
    let value = Writer::default().number(row.watermark.0).bytes(&row.value).finish();
    tx.put(Table::State, key, value);
    Ok(())
}

fn read_overlays(
    view: &dyn View,
    conversation: &ConversationId,
    from: Seq,
    to: Seq,
) -> Result<Vec<OverlayRow>, StoreError> {
    let begin = overlay_key(conversation, from);
    // The smallest key after one is that with a zero byte more.
    let end = overlay_key(conversation, to).raw(&[0]);
    let mut rows = Vec::new();
    view.scan(Table::State, &begin, &end, Direction::Forward, &mut |key, value| {
        rows.push(decode(key, value.clone())?);
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(rows)
}

/// Reads a row.
pub(crate) fn decode(key: &[u8], value: Bytes) -> Result<OverlayRow, StoreError> {
    let corrupt = || StoreError::corrupt("overlay");
    let mut parts = KeyParts::after(key, 1);
    let conversation = parts.text().and_then(|text| ConversationId::parse(text).ok()).ok_or_else(corrupt)?;
    let seq = parts.u64().map(Seq).ok_or_else(corrupt)?;
    let mut value = Reader::new("overlay", value);
    Ok(OverlayRow { conversation, seq, watermark: Seq(value.number()?), value: value.bytes()? })
}

/// The overlay of an entry.
pub(crate) fn overlay_key(conversation: &ConversationId, seq: Seq) -> Key {
    Key::of(Kind::Overlay).text(conversation.as_str()).u64(seq.0)
}
