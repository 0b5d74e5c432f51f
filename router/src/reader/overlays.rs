//! Messages as they are now: what the store has of them, under what is told and not yet written.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::try_join_all;
use proto::client_frame::Position;
use proto::server_frame::{Overlay, Pins, Versions};
use proto::{Code, ConversationId, Entry, Seq, Timestamp, UserId};
use store::{Store, StoreError};

use super::Refused;
use crate::conversation::{Fresh, View, has_changes_after};
use crate::rules::body::is_countable;
use crate::rules::lifetime::Moment;
use crate::rules::overlay::State;
use crate::worker::{ops, overlays};

/// Makes contiguous entries what they are now, and says of which of them. Costs nothing where no change can have come after
/// the first of them.
pub async fn lay_over(
    store: &Store,
    id: &ConversationId,
    entries: &mut [Entry],
    view: View,
    fresh: &Fresh,
    reader: &UserId,
) -> Result<Vec<Overlay>, StoreError> {
    let (Some(first), Some(last)) = (entries.first(), entries.last()) else { return Ok(Vec::new()) };
    if !has_changes_after(first, view.head, view.counted) {
        return Ok(Vec::new());
    }
    let (from, to) = (first.seq, last.seq);
    let mut states: BTreeMap<Seq, Arc<State>> = BTreeMap::new();
    for row in store.overlays(id, from, to).await? {
        states.insert(row.seq, Arc::new(State::decode(&row.value)?));
    }
    for state in fresh.states(from, to) {
        let stored = states.get(&state.shown.seq);
        if stored.is_none_or(|stored| stored.shown.changed < state.shown.changed) {
            states.insert(state.shown.seq, Arc::clone(state));
        }
    }
    for entry in entries {
        if let Some(state) = states.get(&entry.seq) {
            state.present(entry);
        }
    }
    Ok(states.values().map(|state| state.shown_to(reader)).collect())
}

/// The pinned messages that the reader may see.
pub async fn pins(
    store: &Store,
    id: &ConversationId,
    view: View,
    fresh: &Fresh,
    reader: &UserId,
) -> Result<Pins, StoreError> {
    let seqs = match fresh.pins() {
        Some(pins) => pins.seqs.clone(),
        None if view.head.0 == view.counted => Vec::new(),
        None => overlays::pins(store, id).await?.seqs,
    };
    let one = |seq: Seq| async move {
        let mut entries: Vec<Entry> = ops::entry(store, id, seq, view.head).await?.into_iter().collect();
        let overlays = lay_over(store, id, &mut entries, view, fresh, reader).await?;
        Ok::<_, StoreError>((entries, overlays))
    };
    let seen = seqs.into_iter().filter(|seq| *seq >= view.floor);
    let found = try_join_all(seen.map(one)).await?;
    let (entries, overlays): (Vec<_>, Vec<_>) = found.into_iter().unzip();
    let (entries, overlays) = (entries.concat(), overlays.concat());
    Ok(Pins { conversation: id.clone(), entries, overlays })
}

/// Takes out the pinned messages that are no longer kept.
pub fn leave_out_old(pins: &mut Pins, oldest: Timestamp) {
    let Pins { entries, overlays, .. } = pins;
    entries.retain(|entry| entry.time >= oldest);
    overlays.retain(|overlay| entries.iter().any(|entry| entry.seq == overlay.seq));
}

/// Everything that a message said, unless it was recalled.
pub async fn versions(
    store: &Store,
    position: &Position,
    view: View,
    fresh: &Fresh,
    moment: Moment,
) -> Result<Versions, Refused> {
    let (id, seq) = (&position.conversation, position.seq);
    let found = match (view.floor.max(Seq(1))..=view.head).contains(&seq) {
        true => ops::entry(store, id, seq, view.head).await?,
        false => None,
    };
    let oldest = moment.oldest(view.retention_seconds);
    let is_there = |entry: &Entry| is_countable(&entry.body) && entry.time >= oldest;
    let Some(message) = found.filter(is_there) else {
        return Err(Refused::Rule(Code::NotFound, "there is no such message"));
    };
    let state = match fresh.state(seq) {
        Some(state) => State::clone(state),
        None if has_changes_after(&message, view.head, view.counted) => {
            overlays::state(store, id, seq).await?
        }
        None => State::of(seq),
    };
    let mut entries = Vec::new();
    if state.shown.recalled.is_none() {
        let edits = state.shown.edited.map(|(seqs, _)| seqs).unwrap_or_default();
        let edits = try_join_all(edits.into_iter().map(|seq| ops::entry(store, id, seq, view.head))).await?;
        entries.push(message);
        entries.extend(edits.into_iter().flatten());
    }
    Ok(Versions { conversation: id.clone(), seq, entries })
}
