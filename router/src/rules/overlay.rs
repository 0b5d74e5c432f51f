//! What later entries make of a message: the state that a log makes of it, change by change.
//!
//! [`lay`] is the same function for a fresh change and for one that is replayed from the log, and knows nothing but the
//! log: so the projection is a function of the log. Whether a change is allowed was decided before it became an entry.
//!
//! A recalled message keeps nothing of what it said, and neither do the entries that edited it: each of these gets a state
//! of its own that says so.

use std::sync::Arc;

use bytes::Bytes;
use proto::body::Change;
use proto::server_frame::{Overlay, Reaction};
use proto::{Body, Entry, Seq, UserId, limits};
use store::StoreError;

/// The state of one message: what readers are shown, with all who reacted, and what it says now if it was edited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// What is shown. `changed` is its watermark: entries up to there are in it.
    pub shown: Overlay,
    /// The body of its last version, if it was edited and not recalled.
    pub body: Option<Body>,
}

/// The pinned messages of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Pins {
    /// Entries up to there are in it.
    pub watermark: Seq,
    /// Rising.
    pub seqs: Vec<Seq>,
}

/// What one entry lays over earlier ones.
#[derive(Clone, Debug, Default)]
pub struct Laid {
    /// New states.
    pub states: Vec<Arc<State>>,
    /// The pins, if they changed.
    pub pins: Option<Arc<Pins>>,
}

/// What this entry makes of the message that was in the state `before`; nothing when it is no change.
pub fn lay(entry: &Entry, before: &State, pins: &Pins) -> Laid {
    let Some((_, change)) = entry.body.as_change() else { return Laid::default() };
    let mut after = before.clone();
    after.apply(entry, &change);
    let mut states = Vec::new();
    if let (Some(recalled), Some((edits, _))) = (&after.shown.recalled, &after.shown.edited) {
        // Also when this is known already: it may not have been written for all of them.
        let hidden = |seq: &Seq| {
            let shown = Overlay {
                recalled: Some(recalled.clone()),
                changed: after.shown.changed,
                ..State::of(*seq).shown
            };
            Arc::new(State { shown, body: None })
        };
        states.extend(edits.iter().map(hidden));
    }
    let pins = pins.after(entry, after.shown.seq, &change).map(Arc::new);
    states.push(Arc::new(after));
    Laid { states, pins }
}

impl State {
    /// Of a message that nothing changed.
    pub fn of(seq: Seq) -> Self {
        Self { shown: Overlay { seq, ..Overlay::default() }, body: None }
    }

    /// Applies a change. One that was applied before changes nothing, and neither does any after a recall.
    fn apply(&mut self, entry: &Entry, change: &Change) {
        let shown = &mut self.shown;
        if entry.seq <= shown.changed || shown.recalled.is_some() {
            return;
        }
        shown.changed = entry.seq;
        let by = (entry.sender.clone(), entry.time);
        match change {
            Change::Recall => {
                shown.recalled = Some(by);
                shown.reactions.clear();
                shown.pinned = None;
                self.body = None;
            }
            Change::Edit(None) => {}
            Change::Edit(Some(body)) => {
                let (mut seqs, _) = shown.edited.take().unwrap_or_default();
                seqs.push(entry.seq);
                shown.edited = Some((seqs, entry.time));
                self.body = Some(body.clone());
            }
            Change::React { reaction, remove } => self.react(&entry.sender, reaction, *remove),
            Change::Pin { remove } => shown.pinned = (!remove).then_some(by),
        }
    }

    fn react(&mut self, user: &UserId, text: &str, remove: bool) {
        let reactions = &mut self.shown.reactions;
        let found = reactions.iter_mut().find(|reaction| reaction.reaction == text);
        match (found, remove) {
            (Some(reaction), false) if !reaction.users.contains(user) => reaction.users.push(user.clone()),
            (Some(reaction), true) => reaction.users.retain(|other| other != user),
            (None, false) => reactions.push(Reaction {
                reaction: text.to_owned(),
                count: 0,
                users: vec![user.clone()],
                mine: false,
            }),
            _ => {}
        }
        reactions.retain(|reaction| !reaction.users.is_empty());
    }

    /// Whether the user may react so: the kinds and the reactions of all users are bounded.
    pub fn has_room_for(&self, user: &UserId, text: &str) -> bool {
        let reactions = &self.shown.reactions;
        let known = reactions.iter().find(|reaction| reaction.reaction == text);
        if known.is_some_and(|reaction| reaction.users.contains(user)) {
            return true;
        }
        let all: usize = reactions.iter().map(|reaction| reaction.users.len()).sum();
        all < limits::REACTIONS_MAX && (known.is_some() || reactions.len() < limits::REACTION_KINDS_MAX)
    }

    /// How many entries edited it.
    pub fn edits(&self) -> usize {
        self.shown.edited.as_ref().map_or(0, |(seqs, _)| seqs.len())
    }

    /// The entry as it is now.
    pub fn present(&self, entry: &mut Entry) {
        if self.shown.recalled.is_some() {
            entry.body = match entry.body.as_change() {
                Some((target, Change::Edit(_))) => Body::change(target, &Change::Edit(None)),
                _ => Body::from_encoded(Bytes::new()),
            };
        } else if let Some(body) = &self.body {
            entry.body = body.clone();
        }
    }

    /// What a reader is shown: of many users the first, and which reactions are the reader's own.
    pub fn shown_to(&self, reader: &UserId) -> Overlay {
        let mut shown = self.shown.clone();
        if shown.recalled.is_some() {
            shown.edited = None;
        }
        for reaction in &mut shown.reactions {
            reaction.count = u32::try_from(reaction.users.len()).unwrap_or(u32::MAX);
            reaction.mine = reaction.users.contains(reader);
            reaction.users.truncate(limits::REACTION_USERS_SHOWN_MAX);
        }
        shown
    }

    /// For the store: what is shown behind its length, then the body.
    pub fn encode(&self) -> Bytes {
        let shown = self.shown.to_bytes();
        let length = u32::try_from(shown.len()).unwrap_or(u32::MAX);
        let body = self.body.as_ref().map_or(&[][..], |body| &body.encoded()[..]);
        [&length.to_be_bytes()[..], &shown, body].concat().into()
    }

    /// Reads what [`Self::encode`] wrote.
    pub fn decode(value: &Bytes) -> Result<Self, StoreError> {
        let corrupt = || StoreError::Corrupt("overlay".to_owned());
        let (length, rest) = value.split_first_chunk::<4>().ok_or_else(corrupt)?;
        let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| corrupt())?;
        if length > rest.len() {
            return Err(corrupt());
        }
        let shown = Overlay::from_bytes(value.slice(4..4 + length)).map_err(|_| corrupt())?;
        let body = value.slice(4 + length..);
        Ok(Self { shown, body: (!body.is_empty()).then(|| Body::from_encoded(body)) })
    }
}

impl Pins {
    /// The pins after a change of this message, if it concerns them.
    fn after(&self, entry: &Entry, seq: Seq, change: &Change) -> Option<Self> {
        let pin = match change {
            Change::Pin { remove } => !remove,
            Change::Recall => false,
            _ => return None,
        };
        if entry.seq <= self.watermark || (!pin && !self.seqs.contains(&seq)) {
            return None;
        }
        let mut seqs = self.seqs.clone();
        seqs.retain(|other| *other != seq);
        if pin {
            seqs.push(seq);
            seqs.sort_unstable();
        }
        Some(Self { watermark: entry.seq, seqs })
    }

    /// For the store.
    pub fn encode(&self) -> Bytes {
        self.seqs.iter().flat_map(|seq| seq.0.to_be_bytes()).collect::<Vec<u8>>().into()
    }

    /// Reads what [`Self::encode`] wrote.
    pub fn decode(watermark: Seq, value: &Bytes) -> Self {
        let seqs =
            value.chunks_exact(8).map(|seq| Seq(seq.iter().fold(0, |all, byte| all << 8 | u64::from(*byte))));
        Self { watermark, seqs: seqs.collect() }
    }
}

#[cfg(test)]
mod tests;
