//! Two users who are something to each other: one has devices, the other has programs alone. They ask, accept, end it, and
//! write to each other; in some worlds the first blocks the other, for good or for a while. What is said after that was told
//! is never there, unless the block was asked to end; what is said when it has ended is not refused for it; and at rest both
//! sides say the same.

use std::time::Duration;

use lifecycle::sim::{Random, note};
use proto::command::{Once, Source};
use proto::{ClientMessageId, ContactRequest, ConversationId, Request, UserId};
use store::{Relation, Store};
use tokio::time::Instant;

use super::{World, locked};
use crate::plan::Plan;
use crate::record::STRANGER;

/// A block, and its end, is asked for until it is told.
const AGAIN: Duration = Duration::from_millis(700);
/// Requests are not carried out after so long.
const WITHIN: Duration = Duration::from_secs(8);
/// What is owed to projections is written by then.
const WRITTEN: Duration = Duration::from_secs(5);

/// What the two are about to do.
pub struct Contacts {
    random: Random,
    asks_next: Instant,
    change: Option<Change>,
    changes_left: u64,
    at_rest_since: Option<Instant>,
}

/// The first blocks the other, or does not any more. However often it is asked for, it is carried out once: otherwise a late
/// copy would undo the change after it.
#[derive(Clone, Copy)]
struct Change {
    number: u64,
    first_asked: Option<Instant>,
    asks_next: Instant,
    attempt: u32,
}

impl Change {
    fn next(number: u64, asks_next: Instant) -> Self {
        Self { number, first_asked: None, asks_next, attempt: 0 }
    }

    /// Every other one ends the block.
    fn blocks(self) -> bool {
        self.number % 2 == 1
    }
}

impl Contacts {
    /// Of a world. In two of three there is a block; in half of those it ends, and perhaps begins again. Where entries are
    /// dropped no change is known for long enough to be carried out once.
    pub fn new(plan: &Plan) -> Self {
        let mut random = Random::new(plan.seed ^ 0xc027_ac75);
        let talk_ms = u64::try_from(plan.talk.as_millis()).unwrap_or(u64::MAX);
        let (kinds, at) = (random.below(6), Duration::from_millis(random.below(talk_ms.max(1))));
        let changes = match kinds {
            0 | 1 => 0,
            2 | 3 => 1,
            more => more - 2,
        };
        let changes = if plan.retention.is_zero() { changes } else { changes.min(1) };
        let at = if changes > 1 { at / 2 } else { at };
        let change = (changes > 0).then(|| Change::next(1, Instant::now() + at));
        let changes_left = changes.saturating_sub(1);
        Self { random, asks_next: Instant::now(), change, changes_left, at_rest_since: None }
    }

    /// The change that is to be asked for now.
    fn change_now(&mut self, is_told: impl Fn(Change) -> bool) -> Option<Change> {
        let now = Instant::now();
        let change = self.change.as_mut().filter(|change| change.asks_next <= now)?;
        if change.first_asked.is_some() && is_told(*change) {
            let pause = Duration::from_millis(self.random.between(3_500..5_000));
            let next = Change::next(change.number + 1, now + pause);
            self.change = self.changes_left.checked_sub(1).map(|_| next);
            self.changes_left = self.changes_left.saturating_sub(1);
            return None;
        }
        let asked = *change;
        change.first_asked.get_or_insert(now);
        change.attempt += 1;
        change.asks_next = now + AGAIN;
        Some(asked)
    }
}

impl World {
    /// One of the two does something, or says something.
    pub(super) fn deal_now_and_then(&mut self) {
        let now = Instant::now();
        let Ok(stranger) = UserId::parse(STRANGER) else { return };
        let friend = self.users[0].clone();
        let is_told = |change: Change| locked(&self.record).is_told_to_block(change.blocks());
        if let Some(change) = self.contacts.change_now(is_told) {
            return self.ask_to_block(&friend, &stranger, change);
        }
        let contacts = &mut self.contacts;
        if now < contacts.asks_next {
            return;
        }
        contacts.asks_next = now + Duration::from_millis(contacts.random.between(20..800));
        let (one, other) =
            if contacts.random.per_mille(500) { (friend, stranger) } else { (stranger, friend) };
        let asked = match contacts.random.below(8) {
            0 => ContactRequest::Apply("hello".to_owned()),
            1 => ContactRequest::Accept,
            2 => ContactRequest::Reject,
            3 => ContactRequest::Remove,
            4 => ContactRequest::Remark(format!("friend {}", contacts.random.below(9))),
            _ => {
                let conversation = ConversationId::direct(&one, &other);
                let id = self.say_once(&one, &conversation, WITHIN);
                return locked(&self.record).said_to_contact(id);
            }
        };
        self.ask(&one, &other, asked);
    }

    fn ask_to_block(&mut self, user: &UserId, other: &UserId, change: Change) {
        let asked = if change.blocks() { ContactRequest::Block } else { ContactRequest::Unblock };
        if change.attempt == 0 {
            locked(&self.record).asks_to_block(change.blocks());
        }
        let age = change.first_asked.map_or(Duration::ZERO, |first| first.elapsed());
        // A log in which nobody writes messages.
        let id = ClientMessageId((0xb10c << 112 | u128::from(change.number)).to_be_bytes());
        let age_ms = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
        self.ask_of(user, other, asked, Some(Once { id, attempt: change.attempt, age_ms }));
    }

    fn ask(&mut self, user: &UserId, other: &UserId, asked: ContactRequest) {
        self.ask_of(user, other, asked, None);
    }

    fn ask_of(&mut self, user: &UserId, other: &UserId, asked: ContactRequest, once: Option<Once>) {
        note(|| format!("{user} wants of {other}: {asked:?}"));
        let at = self.contacts.random.below(self.gateways.0.len() as u64) as usize;
        let request = Request::Contact(other.clone(), asked);
        self.gateways.0[at].call(user, Source::Client, request, once, WITHIN);
    }

    /// Whether the world has been at rest for so long that both sides are written.
    pub(super) fn is_written(&mut self, at_rest: bool) -> bool {
        if !at_rest {
            self.contacts.at_rest_since = None;
            return false;
        }
        let since = *self.contacts.at_rest_since.get_or_insert_with(Instant::now);
        !self.plan.has_contacts || since.elapsed() >= WRITTEN
    }

    /// Both sides are of the same entry and say the same, and neither is behind what was told.
    pub(super) async fn check_contacts(&self, store: &Store) -> Result<(), String> {
        let Ok(stranger) = UserId::parse(STRANGER) else { return Ok(()) };
        let sides = [(&self.users[0], &stranger), (&stranger, &self.users[0])];
        let mut rows = Vec::new();
        for (user, other) in sides {
            let row = store.relations_with(user, std::slice::from_ref(other)).await;
            let row = row.map_err(|error| error.to_string())?.pop().flatten();
            locked(&self.record).check_contact(user, row.as_ref())?;
            rows.push(row.unwrap_or_else(|| Relation::none(user, other)));
        }
        let [one, other] = &rows[..] else { return Ok(()) };
        let is_same = one.watermark == other.watermark
            && one.contact.friend_since == other.contact.friend_since
            && one.contact.incoming == other.contact.outgoing
            && one.contact.outgoing == other.contact.incoming
            && one.contact.blocked == other.blocked_by
            && other.contact.blocked == one.blocked_by;
        if is_same { Ok(()) } else { Err(format!("two sides of one pair differ: {one:?} and {other:?}")) }
    }
}
