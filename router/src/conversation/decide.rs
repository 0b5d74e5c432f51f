//! What becomes of the command at the front of the queue: the rules of dedupe, deadline, order and permission.
//!
//! The order of the questions matters. A send that is stored is acknowledged whatever else is true of it now; only
//! what is certainly not stored may be refused as late or forbidden.

use proto::body::Change as OfMessage;
use proto::client_frame::Send;
use proto::command::GroupRequest;
use proto::{Body, ClientMessageId, Code, Command, Entry, Origin, Request, Seq, Timestamp, UserId, limits};
use store::mutation::{self, Mutation};

use super::pair::Leave;
use super::pending::{Answer, Found, Pending, Question};
use super::{Conversation, Kind, Target};
use crate::rules::body::{is_notice, is_system, newest_reference};
use crate::rules::membership::{Asked, Refusal};
use crate::rules::reach::is_certainly_new;
use crate::turn::Turn;

/// What is to be done with a command.
pub enum Decision {
    /// It cannot be decided before something else happened.
    Wait,
    /// It has to be looked up first.
    Ask,
    /// What the two users are to each other has to be asked first.
    AskPair,
    /// Append this.
    Append { id: ClientMessageId, body: Body, target: Option<Box<Target>> },
    /// Tell it, and keep nothing.
    Live,
    /// It is in the log, at this told place.
    Stored(Stored),
    /// The user, who has this number, confirms this message; without a number: has done so, as all others have.
    Confirm { seq: Seq, number: Option<u32> },
    /// Nothing has to change.
    Nothing,
    /// The store did not answer what had to be known.
    Unavailable,
    /// Too many wait for an answer already.
    Busy,
    /// It may not be.
    Refuse(Code, &'static str),
    /// It may not be before this time.
    Muted(Timestamp),
}

/// Where a stored send was found.
pub enum Stored {
    /// Here it is.
    Entry(Box<Entry>),
    /// At this place, to be read.
    At(Seq),
}

impl Conversation {
    /// What has to be asked of the store before a waiting command can be decided.
    pub(super) fn question(&self, pending: &Pending) -> Option<Question> {
        let send = match &pending.command.request {
            Request::Send(_) if self.keeps_nothing() => return None,
            Request::Send(send) => send,
            Request::Confirm(position) => return self.question_of_confirm(pending, position.seq),
            _ => return self.question_of_own(pending),
        };
        if self.log.ring.get(send.client_message_id).is_some() {
            return None;
        }
        let own = self.question_of_own(pending);
        if own.is_some() {
            return own;
        }
        let after = send.after.filter(|after| self.log.ring.get(*after).is_none());
        if let Some(after) = after
            && !self.is_answered(&pending.after)
            && !mutation::is(Mutation::LostOrder)
        {
            return Some(Question::After(after));
        }
        if send.body.must_confirm().is_some() && self.lacks_confirms() {
            return Some(Question::Confirms);
        }
        let (target, change) = send.body.as_change()?;
        if matches!(pending.target, Found::Failed) {
            return None;
        }
        let Some(found) = self.target(pending, target, &change) else {
            return Some(Question::Target(target));
        };
        // What a recall ends has to be known.
        let ends = change == OfMessage::Recall
            && found.is_some_and(|found| found.entry.body.must_confirm().is_some());
        (ends && self.lacks_confirms()).then_some(Question::Confirms)
    }

    /// Whether it has to be looked for in the log.
    fn question_of_own(&self, pending: &Pending) -> Option<Question> {
        let once = pending.command.known_by()?;
        let (ring, stamped) = (&self.log.ring, pending.command.epoch);
        let asks = ring.get(once.id).is_none()
            && !self.is_answered(&pending.own)
            && !mutation::is(Mutation::SkippedLookUp)
            && !is_certainly_new(once, stamped, self.epoch, ring);
        asks.then_some(Question::Own(once.id))
    }

    /// An answer "not there" holds only as long as the ring covers everything since.
    fn is_answered(&self, answer: &Answer) -> bool {
        match answer {
            Answer::Unknown | Answer::Asked => false,
            Answer::Known { entry: None, upto } => self.log.ring.first() <= upto.next(),
            Answer::Known { entry: Some(_), .. } | Answer::Failed => true,
        }
    }

    /// Decides the command at the front of the queue.
    pub(super) fn decide(&self, pending: &Pending, turn: &Turn<'_>) -> Decision {
        match &pending.command.request {
            Request::Send(send) if self.keeps_nothing() => self.decide_live(pending, send, turn),
            Request::Send(send) => self.decide_send(pending, send, turn),
            Request::Group(_, request) => self.decide_group(pending, request, turn),
            Request::Contact(_, request) => self.decide_contact(pending, request, turn),
            Request::Confirm(position) => self.decide_confirm(pending, position.seq, turn),
            _ => Decision::Nothing,
        }
    }

    fn decide_send(&self, pending: &Pending, send: &Send, turn: &Turn<'_>) -> Decision {
        if let Some(known) = self.decide_known(pending) {
            return known;
        }
        if let Err(refused) = self.may_say(pending, send, turn) {
            return refused;
        }
        // Who is blocked may still take back what they said before.
        let recalls = matches!(send.body.as_change(), Some((_, OfMessage::Recall)));
        if !pending.command.origin.source.is_service() && !recalls {
            match self.leave(&pending.command.origin.user, turn) {
                Leave::Given(Ok(())) => {}
                Leave::Given(Err((code, text))) => return Decision::Refuse(code, text),
                Leave::Ask => return Decision::AskPair,
                Leave::Wait => return Decision::Wait,
                Leave::Unavailable => return Decision::Unavailable,
            }
        }
        if let Some(after) = send.after.filter(|after| self.log.ring.get(*after).is_none())
            && !mutation::is(Mutation::LostOrder)
        {
            match &pending.after {
                Answer::Known { entry: Some(_), .. } => {}
                Answer::Failed => return Decision::Unavailable,
                _ => {
                    debug_assert!(after != send.client_message_id);
                    return Decision::Refuse(
                        Code::PredecessorMissing,
                        "the send named in `after` is not stored",
                    );
                }
            }
        }
        if let Some(change) = send.body.as_change() {
            return self.decide_change(pending, send, change, turn);
        }
        if let Err((code, text)) = self.may_mention(&pending.command.origin, &send.body) {
            return Decision::Refuse(code, text);
        }
        if newest_reference(&send.body) > self.log.head {
            return Decision::Refuse(Code::BadField, "body.reply_to, body.thread: there is no such message");
        }
        match self.to_be_confirmed(send, turn) {
            Ok(body) => Decision::Append { id: send.client_message_id, body, target: None },
            Err(refused) => refused,
        }
    }

    /// What becomes of a command that the log may have; `None` if it certainly has not.
    pub(super) fn decide_known(&self, pending: &Pending) -> Option<Decision> {
        let once = pending.command.known_by()?;
        if let Some(seq) = self.log.ring.get(once.id) {
            return Some(self.decide_repeat(pending, seq));
        }
        if self.question(pending).is_some() {
            let waits = pending.waits_for_answer() || self.awaits_confirms();
            return Some(if waits { Decision::Wait } else { Decision::Ask });
        }
        match &pending.own {
            Answer::Known { entry: Some(entry), .. } => {
                Some(Decision::Stored(Stored::Entry(Box::new(entry.clone()))))
            }
            Answer::Failed => Some(Decision::Unavailable),
            _ => None,
        }
    }

    /// Whether it came in time, from somebody who may say such a thing here.
    pub(super) fn may_say(&self, pending: &Pending, send: &Send, turn: &Turn<'_>) -> Result<(), Decision> {
        let (origin, now) = (&pending.command.origin, turn.now.wall);
        if pending.command.deadline < now && !mutation::is(Mutation::LateAppended) {
            // A copy may have been stored, and dropped since: then it was looked for in vain.
            let left = pending.command.deadline.minus_ms(limits::COMMAND_DEADLINE_MS).minus_ms(send.age_ms);
            let may_be_dropped = left < turn.moment().oldest(self.retention_seconds);
            return Err(match may_be_dropped {
                true => Decision::Refuse(Code::Unavailable, "whether it was stored in time is not known"),
                false => Decision::Refuse(Code::Late, "it waited past its deadline"),
            });
        }
        let retains = send.body.as_retention().is_some();
        let may = if retains { self.may_retain(origin) } else { self.may_send(origin, now) };
        may.map_err(|(code, text)| match code {
            Code::Muted => Decision::Muted(self.muted_until(&origin.user, now)),
            code => Decision::Refuse(code, text),
        })?;
        if !retains && is_system(&send.body) && !(origin.source.is_service() && is_notice(&send.body)) {
            return Err(Decision::Refuse(Code::Forbidden, "only services may write notices"));
        }
        Ok(())
    }

    /// A4: a hit at or below the told head is acknowledged; one still in flight says nothing until it is told.
    fn decide_repeat(&self, pending: &Pending, seq: Seq) -> Decision {
        if seq > self.log.head {
            return Decision::Wait;
        }
        if let Some(entry) = self.log.entry(seq) {
            return Decision::Stored(Stored::Entry(Box::new(entry.clone())));
        }
        match &pending.own {
            Answer::Known { entry: Some(entry), .. } => {
                Decision::Stored(Stored::Entry(Box::new(entry.clone())))
            }
            Answer::Failed => Decision::Unavailable,
            Answer::Asked => Decision::Wait,
            Answer::Unknown | Answer::Known { entry: None, .. } => Decision::Stored(Stored::At(seq)),
        }
    }

    fn decide_group(&self, pending: &Pending, request: &GroupRequest, turn: &Turn<'_>) -> Decision {
        let Kind::Group(_, group) = &self.kind else {
            return Decision::Refuse(Code::BadField, "not a group");
        };
        if let Some(known) = self.decide_known(pending) {
            return known;
        }
        let command = &pending.command;
        if command.deadline < turn.now.wall {
            return Decision::Refuse(Code::Late, "it waited past its deadline");
        }
        let Origin { user, source, .. } = &command.origin;
        let asked = Asked { user, source: *source, now: turn.now.wall };
        match group.decide(asked, request, turn.rules.group) {
            Ok(Some(_)) if mutation::is(Mutation::UnloggedChange) && self.log.head > Seq::ZERO => {
                Decision::Nothing
            }
            Ok(Some(change)) => {
                Decision::Append { id: id_of(command, turn), body: Body::system(change), target: None }
            }
            Ok(None) => Decision::Nothing,
            Err((code, text)) => Decision::Refuse(code, text),
        }
    }

    /// Whether they may set for how long entries are kept.
    fn may_retain(&self, origin: &Origin) -> Result<(), Refusal> {
        match &self.kind {
            Kind::Group(_, group) => group.may_retain(&origin.user, origin.source),
            // Whoever may send.
            Kind::Direct(..) | Kind::Pair(_) => self.may_send(origin, Timestamp(0)),
        }
    }

    fn may_send(&self, origin: &Origin, now: Timestamp) -> Result<(), Refusal> {
        let Origin { user, source, .. } = origin;
        match &self.kind {
            Kind::Direct(one, other) if user == one || user == other => Ok(()),
            Kind::Direct(..) => Err((Code::Forbidden, "only its two users may send")),
            Kind::Pair(_) => Err((Code::Forbidden, "nobody may send here")),
            Kind::Group(_, group) => group.may_send(user, *source, now),
        }
    }

    fn muted_until(&self, user: &UserId, now: Timestamp) -> Timestamp {
        match &self.kind {
            Kind::Direct(..) | Kind::Pair(_) => Timestamp(0),
            Kind::Group(_, group) => group.muted_until(user, now),
        }
    }
}

/// The id of the entry that a change appends.
pub(super) fn id_of(command: &Command, turn: &Turn<'_>) -> ClientMessageId {
    let made_up = || ClientMessageId::at(turn.now.wall, lifecycle::random_u128());
    command.once.map_or_else(made_up, |once| once.id)
}
