//! Reading what became of messages.

use std::collections::BTreeSet;

use proto::body::MessageTarget;
use proto::{ConversationId, Entry, MessageId, Seq, Timestamp, limits};
use store::{PageRange, Store, StoreError};

use super::ops::entry;
use crate::conversation::Target;
use crate::rules::overlay::{Pins, State};
use crate::turn::Recovered;

/// How far the time in a message id may be from that of its entry: ids are borrowed ahead of a clock that stands still.
const ID_SLACK_MS: u64 = 10_000;
/// Pages that are looked through for a message id.
const ID_PAGES_MAX: usize = 5;

/// A message with its state, as projected.
pub async fn target(
    store: &Store,
    id: &ConversationId,
    target: MessageTarget,
    head: Seq,
) -> Result<Option<Box<Target>>, StoreError> {
    let found = match target.message_id {
        Some(message) if target.seq == Seq::ZERO => find(store, id, message, head).await?,
        _ => entry(store, id, target.seq, head).await?,
    };
    let Some(entry) = found else { return Ok(None) };
    let state = state(store, id, entry.seq).await?;
    let pins = pins(store, id).await?;
    Ok(Some(Box::new(Target { entry, state, pins: Some(pins) })))
}

/// The state of one message.
pub async fn state(store: &Store, id: &ConversationId, seq: Seq) -> Result<State, StoreError> {
    match store.overlays(id, seq, seq).await?.pop() {
        Some(row) => State::decode(&row.value),
        None => Ok(State::of(seq)),
    }
}

/// The pins of a conversation.
pub async fn pins(store: &Store, id: &ConversationId) -> Result<Pins, StoreError> {
    let row = store.overlays(id, Seq::ZERO, Seq::ZERO).await?.pop();
    Ok(row.map_or_else(Pins::default, |row| Pins::decode(row.watermark, &row.value)))
}

/// What the missing entries need to be projected: the states of the messages that they change.
pub async fn recover(
    store: &Store,
    id: &ConversationId,
    recovered: &mut Recovered,
) -> Result<(), StoreError> {
    let changed = |entry: &Entry| entry.body.as_change().map(|(target, _)| target.seq);
    let targets: BTreeSet<Seq> = recovered.missing.iter().filter_map(changed).collect();
    if targets.is_empty() {
        return Ok(());
    }
    for seq in targets {
        recovered.states.push(state(store, id, seq).await?);
    }
    recovered.pins = pins(store, id).await?;
    Ok(())
}

/// A message by its id: its time says where in the log to look.
async fn find(
    store: &Store,
    id: &ConversationId,
    message: MessageId,
    head: Seq,
) -> Result<Option<Entry>, StoreError> {
    let time = message.time();
    let (first, last) = (Timestamp(time.0.saturating_sub(ID_SLACK_MS)), time.plus_ms(ID_SLACK_MS));
    let mut from = store.seq_at(id, first, head).await?;
    for _ in 0..ID_PAGES_MAX {
        let (limit, bytes) = (limits::PAGE_ENTRIES_MAX, usize::MAX);
        let range = PageRange { from, to: head, limit, bytes, backwards: false, head };
        let page = store.page(id, range).await?;
        let next = page.last().map(|entry| (entry.seq.next(), entry.time));
        if let Some(found) = page.into_iter().find(|entry| entry.message_id == message) {
            return Ok(Some(found));
        }
        match next {
            Some((next, time)) if time <= last && next <= head => from = next,
            _ => break,
        }
    }
    Ok(None)
}
