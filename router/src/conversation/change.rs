//! Changes of messages: what has to be known of the message, and who may change it, how, and for how long.

use proto::body::{Change, MessageTarget};
use proto::client_frame::Send;
use proto::command::Origin;
use proto::{Body, Code, Entry, Seq, limits};
use store::StoreError;

use super::decide::Decision;
use super::pending::{Found, Pending};
use super::{Conversation, Kind};
use crate::rules::body::{is_countable, is_same_kind, mentions_all};
use crate::rules::membership::Refusal;
use crate::rules::membership::permissions::Action;
use crate::rules::overlay::{Pins, State};
use crate::turn::{ChangeRules, Turn};

/// A message that is to be changed, as it is.
#[derive(Clone, Debug)]
pub struct Target {
    /// The message as it was sent.
    pub entry: Entry,
    /// What became of it so far.
    pub state: State,
    /// The pins of the conversation, if the change may concern them.
    pub pins: Option<Pins>,
}

impl Conversation {
    /// What is known of the message that a change is about. The outer `None`: it has to be asked; the inner one: there is no
    /// such message.
    pub(super) fn target(
        &self,
        pending: &Pending,
        target: MessageTarget,
        change: &Change,
    ) -> Option<Option<Target>> {
        if target.seq > self.log.head || target == MessageTarget::default() {
            return Some(None);
        }
        let fresh = &self.owed.fresh;
        let pinned = fresh.pins().map(|pins| Pins::clone(pins));
        if let Some(entry) = self.log.find(target) {
            let state = fresh.state(entry.seq).map(|state| State::clone(state));
            let state = state.or_else(|| (!self.is_changed_after(entry)).then(|| State::of(entry.seq)));
            let needs_pins = |State { shown, .. }: &State| {
                shown.pinned.is_some() || (shown.recalled.is_none() && matches!(change, Change::Pin { .. }))
            };
            let none = || (self.log.counted == self.log.head.0).then(Pins::default);
            match (state, pinned.clone().or_else(none)) {
                (Some(state), Some(pins)) => {
                    return Some(Some(Target { entry: entry.clone(), state, pins: Some(pins) }));
                }
                (Some(state), None) if !needs_pins(&state) => {
                    return Some(Some(Target { entry: entry.clone(), state, pins: None }));
                }
                _ => {}
            }
        }
        let Found::Known(found) = &pending.target else { return None };
        Some(found.as_ref().map(|found| Target {
            entry: found.entry.clone(),
            state:
                fresh.state(found.entry.seq).map_or_else(|| found.state.clone(), |state| State::clone(state)),
            pins: pinned.or_else(|| found.pins.clone()),
        }))
    }

    /// Whether any entry after this one may have changed it: those that do not count are changes, or tell of the
    /// conversation.
    pub(super) fn is_changed_after(&self, entry: &Entry) -> bool {
        has_changes_after(entry, self.log.head, self.log.counted)
    }

    /// The store answered what a message is.
    pub(super) fn found_target(
        &mut self,
        asked: MessageTarget,
        generation: u64,
        found: Result<Option<Box<Target>>, StoreError>,
    ) {
        if generation != self.generation {
            return;
        }
        for pending in self.queue.iter_mut() {
            if matches!(pending.target, Found::Asked) && pending.change_of() == Some(asked) {
                pending.target = match &found {
                    Ok(target) => Found::Known(target.clone()),
                    Err(_) => Found::Failed,
                };
            }
        }
    }

    /// What was known of messages may be older than what was just written: it is asked again.
    pub(super) fn forget_targets(&mut self) {
        self.generation += 1;
        for pending in self.queue.iter_mut() {
            pending.target = Found::Unknown;
        }
    }

    /// Decides a change of a message by somebody who may send here.
    pub(super) fn decide_change(
        &self,
        pending: &Pending,
        send: &Send,
        (target, change): (MessageTarget, Change),
        turn: &Turn<'_>,
    ) -> Decision {
        if matches!(pending.target, Found::Failed) {
            return Decision::Unavailable;
        }
        let Some(target) = self.target(pending, target, &change) else { return Decision::Ask };
        let ends = change == Change::Recall
            && target.as_ref().is_some_and(|target| target.entry.body.must_confirm().is_some());
        if ends && self.owed.confirms.list().is_none() {
            return Decision::Unavailable;
        }
        let origin = &pending.command.origin;
        let oldest = turn.moment().oldest(self.retention_seconds);
        let visible =
            |target: &Target| target.entry.seq >= self.floor_of(origin) && target.entry.time >= oldest;
        let Some(target) = target.filter(visible) else {
            return Decision::Refuse(Code::NotFound, "there is no such message");
        };
        if let Err((code, text)) = self.may_change(origin, &target, &change, turn) {
            return Decision::Refuse(code, text);
        }
        let change = match change {
            // It ends when the message would have, and is confirmed with it.
            Change::Edit(Some(body)) => {
                let message = &target.entry.body;
                let body = body.with_must_confirm(message.must_confirm());
                Change::Edit(Some(body.with_expiry(message.expiry())))
            }
            change => change,
        };
        let of = MessageTarget { seq: target.entry.seq, message_id: Some(target.entry.message_id) };
        Decision::Append {
            id: send.client_message_id,
            body: Body::change(of, &change),
            target: Some(Box::new(target)),
        }
    }

    fn may_change(
        &self,
        origin: &Origin,
        target: &Target,
        change: &Change,
        turn: &Turn<'_>,
    ) -> Result<(), Refusal> {
        let Target { entry, state, pins } = target;
        if !is_countable(&entry.body) {
            return Err((Code::BadField, "only messages can be changed"));
        }
        if state.shown.recalled.is_some() {
            return Err((Code::Recalled, "the message was recalled"));
        }
        if entry.body.is_expired_at(turn.now.wall)
            && !matches!(change, Change::Recall | Change::Pin { remove: true })
        {
            return Err((Code::Expired, "the message has expired"));
        }
        let (is_own, age_ms) = (entry.sender == origin.user, turn.now.wall.0.saturating_sub(entry.time.0));
        let ChangeRules { recall_ms, edit_ms } = turn.rules.changes;
        match change {
            Change::Recall if self.may(Action::RecallOthers, origin) => Ok(()),
            Change::Recall if !is_own => Err((Code::Forbidden, "only its sender may recall a message")),
            Change::Recall if age_ms > recall_ms => {
                Err((Code::RecallTooLate, "the message is too old to be recalled"))
            }
            Change::Edit(_) if !is_own => Err((Code::Forbidden, "only its sender may edit a message")),
            Change::Edit(_) if age_ms > edit_ms => {
                Err((Code::EditTooLate, "the message is too old to be edited"))
            }
            Change::Edit(body) => self.may_edit(origin, entry, body.as_ref(), state),
            Change::React { reaction, remove: false } if !state.has_room_for(&origin.user, reaction) => {
                Err((Code::TooMany, "the message has as many reactions as it may have"))
            }
            Change::Pin { .. } if matches!(self.kind, Kind::Group(..)) && !self.may(Action::Pin, origin) => {
                Err((Code::Forbidden, "only the owner and admins may pin"))
            }
            Change::Pin { remove: false }
                if state.shown.pinned.is_none()
                    && pins.as_ref().is_some_and(|pins| pins.seqs.len() >= limits::PINS_MAX) =>
            {
                Err((Code::TooMany, "the conversation has as many pinned messages as it may have"))
            }
            Change::Recall | Change::React { .. } | Change::Pin { .. } => Ok(()),
        }
    }

    fn may_edit(
        &self,
        origin: &Origin,
        entry: &Entry,
        body: Option<&Body>,
        state: &State,
    ) -> Result<(), Refusal> {
        if !body.is_some_and(|body| is_same_kind(body, &entry.body)) {
            return Err((Code::BadField, "edit.body: the kind of the message cannot change"));
        }
        if state.edits() >= limits::EDITS_MAX {
            return Err((Code::TooMany, "the message was edited as often as it may be"));
        }
        body.map_or(Ok(()), |body| self.may_mention(origin, body))
    }

    /// Whether the user may mention everybody, if the body does.
    pub(super) fn may_mention(&self, origin: &Origin, body: &Body) -> Result<(), Refusal> {
        let may = matches!(self.kind, Kind::Group(..)) && self.may(Action::MentionAll, origin);
        match mentions_all(body) && !may {
            true => Err((Code::Forbidden, "only the owner and admins of a group may mention everybody")),
            false => Ok(()),
        }
    }

    /// Whether the table of groups lets one do that here; between two, services may.
    fn may(&self, action: Action, origin: &Origin) -> bool {
        match &self.kind {
            Kind::Direct(..) | Kind::Pair(_) => origin.source.is_service(),
            Kind::Group(_, group) => group.may(action, &origin.user, origin.source),
        }
    }

    /// The lowest seq that the sender of a command may see.
    pub(super) fn floor_of(&self, origin: &Origin) -> Seq {
        match &self.kind {
            Kind::Group(_, group) => group.floor_of(&origin.user).unwrap_or(Seq(1)),
            Kind::Direct(..) | Kind::Pair(_) => Seq(1),
        }
    }
}

/// Whether any entry after this one, up to a head with so many countable ones, is no message.
pub fn has_changes_after(entry: &Entry, head: Seq, counted: u64) -> bool {
    head.0.saturating_sub(entry.seq.0) > counted.saturating_sub(entry.counted)
}
