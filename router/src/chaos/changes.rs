//! What became of messages according to the log alone, by rules written a second time.

use std::collections::{BTreeMap, BTreeSet};

use proto::body::Change;
use proto::{Body, ConversationId, Entry, Partition, Seq, UserId};
use rand::RngExt as _;
use rand::rngs::StdRng;
use store::Store;

use crate::rules::overlay::{Pins, State};

/// A change, of a kind by chance.
pub fn any(random: &mut StdRng) -> Change {
    let reaction = ["+1", "x"][random.random_range(0..2)].to_owned();
    match random.random_range(0..10) {
        0 => Change::Recall,
        1..4 => Change::Edit(Some(Body::text(random.random::<u32>().to_string()))),
        4..8 => Change::React { reaction, remove: random.random_bool(0.3) },
        _ => Change::Pin { remove: random.random_bool(0.3) },
    }
}

#[derive(Default)]
struct Message {
    recalled: bool,
    edits: Vec<Seq>,
    body: Option<Body>,
    reactions: BTreeSet<(String, UserId)>,
    is_pinned: bool,
}

/// Compares the projection with the log, unless something is owed still.
pub async fn check(store: &Store, conversation: &ConversationId, log: &[Entry]) -> Result<(), String> {
    let mut messages: BTreeMap<Seq, Message> = BTreeMap::new();
    for entry in log {
        let Some((target, change)) = entry.body.as_change() else { continue };
        let message = messages.entry(target.seq).or_default();
        if message.recalled {
            return Err(format!("{} changes {}, which was recalled", entry.seq, target.seq));
        }
        let user = entry.sender.clone();
        match change {
            Change::Recall => {
                *message = Message { recalled: true, edits: message.edits.clone(), ..Message::default() }
            }
            Change::Edit(body) => {
                message.edits.push(entry.seq);
                message.body = body;
            }
            Change::React { reaction, remove: true } => drop(message.reactions.remove(&(reaction, user))),
            Change::React { reaction, .. } => drop(message.reactions.insert((reaction, user))),
            Change::Pin { remove } => message.is_pinned = !remove,
        }
    }
    let touched = store.touched(Partition::of(conversation)).await.map_err(|error| error.to_string())?;
    if touched.contains(conversation) {
        return Ok(());
    }
    compare(store, conversation, &messages, log.len() as u64).await
}

async fn compare(
    store: &Store,
    conversation: &ConversationId,
    messages: &BTreeMap<Seq, Message>,
    head: u64,
) -> Result<(), String> {
    let rows = store.overlays(conversation, Seq(1), Seq(head)).await.map_err(|error| error.to_string())?;
    let mut stored = BTreeMap::new();
    for row in rows {
        stored.insert(row.seq, State::decode(&row.value).map_err(|error| error.to_string())?);
    }
    for (seq, message) in messages {
        let wrong = |what: &str| Err(format!("{conversation} {seq}: {what} is not as the log says"));
        let Some(state) = stored.get(seq) else { return wrong("everything") };
        let reactions =
            state.shown.reactions.iter().flat_map(|reaction| {
                reaction.users.iter().map(|user| (reaction.reaction.clone(), user.clone()))
            });
        let edits = state.shown.edited.as_ref().map_or(&[][..], |(seqs, _)| seqs);
        if state.shown.recalled.is_some() != message.recalled {
            return wrong("the recall");
        }
        if state.body != message.body || *edits != message.edits {
            return wrong("the body");
        }
        if reactions.collect::<BTreeSet<_>>() != message.reactions {
            return wrong("a reaction");
        }
        if state.shown.pinned.is_some() != message.is_pinned {
            return wrong("the pin");
        }
        for edit in message.edits.iter().filter(|_| message.recalled) {
            if stored.get(edit).is_none_or(|state| state.shown.recalled.is_none()) {
                return Err(format!(
                    "{conversation} {edit}: a version of what was recalled at {seq} is shown"
                ));
            }
        }
    }
    let pinned: Vec<Seq> = messages.iter().filter(|(_, it)| it.is_pinned).map(|(seq, _)| *seq).collect();
    let pins = store.overlays(conversation, Seq(0), Seq(0)).await.map_err(|error| error.to_string())?;
    let pins = pins.first().map_or_else(Pins::default, |row| Pins::decode(row.watermark, &row.value));
    match pins.seqs == pinned {
        true => Ok(()),
        false => Err(format!("{conversation}: pinned are {:?} but the log says {pinned:?}", pins.seqs)),
    }
}
