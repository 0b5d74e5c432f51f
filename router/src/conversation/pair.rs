//! Two users and their direct conversation: two logs of one partition, so of one owner in memory.
//!
//! ```text
//! p.alice.bob  apply, accept, block …  ──told──► regard ──at once, in memory──► d.alice.bob  may alice write?
//!      └─ projected ─► relations, lists ─► answer                └─ not known yet: asks the worker
//! ```
//!
//! The log of the pair is apart because nobody may read it: that one blocks the other, or what one calls the other, is
//! nothing for the other's eyes, while every entry of the direct conversation is read by both. Both logs have one owner,
//! so what was told of the pair holds for the next message: there is no cache that could be old.

use proto::{Body, Code, Contact, ContactRequest, Entry, Reply, ServerFrame, Timestamp, UserId};
use store::{Relation, StoreError};

use super::announce::{self, Asker};
use super::decide::{Decision, id_of};
use super::owed::PairWrite;
use super::pending::Pending;
use super::{Conversation, Kind};
use crate::rules::contacts::{Pair, Regard, shown};
use crate::rules::membership::Refusal;
use crate::turn::{Turn, Work};

/// What the owner of a direct conversation knows of its two users.
#[derive(Debug, Default)]
pub enum Known {
    /// Nothing, and nobody was asked.
    #[default]
    Nothing,
    /// The answer is on its way.
    Asked,
    /// This.
    Regard(Regard),
    /// The store did not answer.
    Failed,
}

/// Whether a message may go from one user to the other.
pub enum Leave {
    /// It may, or may not.
    Given(Result<(), Refusal>),
    /// It has to be asked first.
    Ask,
    /// The answer is on its way.
    Wait,
    /// The store did not answer.
    Unavailable,
}

impl Conversation {
    /// Whether a client's message may be appended, as far as contacts go.
    pub(super) fn leave(&self, sender: &UserId, turn: &Turn<'_>) -> Leave {
        let Kind::Direct(one, other) = &self.kind else { return Leave::Given(Ok(())) };
        if one == other {
            return Leave::Given(Ok(()));
        }
        match &self.known {
            Known::Nothing => Leave::Ask,
            Known::Asked => Leave::Wait,
            Known::Failed => Leave::Unavailable,
            Known::Regard(regard) => {
                let source = proto::command::Source::Client;
                Leave::Given(regard.may_send(sender == one, source, turn.rules.contacts))
            }
        }
    }

    /// Whether one of the two blocks the other; `None` where that is not known.
    pub fn is_blocked(&self) -> Option<bool> {
        match (&self.kind, &self.known) {
            (Kind::Direct(one, other), _) if one == other => Some(false),
            (Kind::Direct(..), Known::Regard(regard)) => Some(regard.blocks != [false; 2]),
            (Kind::Direct(..), _) => None,
            (Kind::Group(..) | Kind::Pair(_), _) => Some(false),
        }
    }

    pub(super) fn decide_contact(
        &self,
        pending: &Pending,
        request: &ContactRequest,
        turn: &Turn<'_>,
    ) -> Decision {
        let Kind::Pair(pair) = &self.kind else {
            return Decision::Refuse(Code::BadField, "not a pair");
        };
        if let Some(known) = self.decide_known(pending) {
            return known;
        }
        let command = &pending.command;
        if command.deadline < turn.now.wall {
            return Decision::Refuse(Code::Late, "it waited past its deadline");
        }
        if self.owed.held.is_full() {
            return Decision::Busy;
        }
        match pair.decide(&command.origin.user, request, turn.now.wall, turn.rules.contacts) {
            Ok(Some(change)) => {
                Decision::Append { id: id_of(command, turn), body: Body::system(change), target: None }
            }
            Ok(None) => Decision::Nothing,
            Err((code, text)) => Decision::Refuse(code, text),
        }
    }

    pub(super) fn ask_pair(&mut self, turn: &mut Turn<'_>) {
        self.known = Known::Asked;
        turn.work.push(Work::ReadPair);
    }

    /// After a failure: who waited was refused, the next message asks again.
    pub(super) fn ask_pair_anew(&mut self) {
        if matches!(self.known, Known::Failed) {
            self.known = Known::Nothing;
        }
    }

    /// The store, or the owner of the pair, said what the two are to each other. An answer that is older than what is
    /// known is one of a read that was overtaken.
    pub(super) fn pair_found(&mut self, found: Result<Regard, StoreError>) {
        match (found, &self.known) {
            (Ok(regard), Known::Regard(known)) if known.watermark > regard.watermark => {}
            (Ok(regard), _) => self.known = Known::Regard(regard),
            (Err(_), Known::Asked) => self.known = Known::Failed,
            (Err(_), _) => {}
        }
    }

    /// What the direct conversation of a pair has to know, if it is known.
    pub fn regard(&self) -> Option<Regard> {
        match &self.kind {
            Kind::Pair(pair) if self.is_serving() => Some(pair.regard()),
            _ => None,
        }
    }

    /// The same, once, after it was loaded and after each change.
    pub fn take_news(&mut self) -> Option<Regard> {
        if std::mem::take(&mut self.news) { self.regard() } else { None }
    }

    /// A change of the pair counts from now on. Who may know of it is told; who asked is answered when it was written,
    /// so that who looks then, wherever, sees it.
    pub(super) fn tell_pair(&mut self, entry: &Entry, asker: Asker, turn: &mut Turn<'_>) {
        let Kind::Pair(pair) = &mut self.kind else { return };
        let changed = pair.apply(entry);
        self.news = true;
        let rows = pair.rows();
        for (side, changed) in rows.iter().zip(changed) {
            if changed {
                announce::contact(side, asker.trace, turn);
            }
        }
        self.owed.owe_relations(rows);
        self.owed.held.hold_contact(asker);
    }

    /// Nothing had to change.
    pub(super) fn settle_pair(&mut self, asker: Asker, turn: &mut Turn<'_>) {
        match self.owed.pair_write() {
            PairWrite::Owed => self.owed.held.hold_contact(asker),
            PairWrite::UnderWay => self.owed.held.join_write(asker),
            PairWrite::Done => self.answer_pair(&asker, turn),
        }
    }

    /// Answers with what the other is now.
    pub(super) fn answer_pair(&self, asker: &Asker, turn: &mut Turn<'_>) {
        let Kind::Pair(pair) = &self.kind else { return };
        let answer = match pair.side_of(&asker.origin.user) {
            Some(side) => frame(side, turn.now.wall),
            None => Reply::Settled,
        };
        announce::reply(&asker.origin, asker.trace, answer, turn);
    }

    /// The sides as a load finds them, and the entries that they lack.
    pub(super) fn recover_pair(&mut self, rows: [Option<Relation>; 2], missing: &[Entry]) {
        let proto::ConversationKind::Pair(one, other) = self.id.kind() else { return };
        let Kind::Pair(pair) = &mut self.kind else { return };
        **pair = Pair::from_projection(&one, &other, rows);
        for entry in missing {
            pair.apply(entry);
        }
        self.news = true;
        if !missing.is_empty() {
            self.owed.owe_relations(pair.rows());
        }
    }
}

fn frame(side: &Relation, now: Timestamp) -> Reply {
    Reply::Frame(ServerFrame::Contact(Box::new(seen(&side.contact, now))))
}

fn seen(contact: &Contact, now: Timestamp) -> Contact {
    shown(contact.clone(), now)
}
