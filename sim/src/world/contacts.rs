//! Two users who are something to each other: one has devices, the other has programs alone. They ask, accept, end it, and
//! write to each other; in some worlds the first blocks the other in the end, for good. What is said after that was told is
//! never there, and at rest both sides say the same.

use std::time::Duration;

use lifecycle::sim::{Random, note};
use proto::command::Source;
use proto::{ContactRequest, ConversationId, Request, UserId};
use store::{Relation, Store};
use tokio::time::Instant;

use super::{World, locked};

/// Who is no device of the world.
pub const STRANGER: &str = "eve";
/// A block is asked for until it is told.
const AGAIN: Duration = Duration::from_millis(700);
/// What is owed to projections is written by then.
const WRITTEN: Duration = Duration::from_secs(5);

/// What the two are about to do.
pub struct Contacts {
    random: Random,
    asks_next: Instant,
    blocks_at: Option<Instant>,
    at_rest_since: Option<Instant>,
}

impl Contacts {
    /// In a world that talks for so long. In two of three there is a block.
    pub fn new(seed: u64, talk: Duration) -> Self {
        let mut random = Random::new(seed ^ 0xc027_ac75);
        let talk_ms = u64::try_from(talk.as_millis()).unwrap_or(u64::MAX);
        let blocks = Duration::from_millis(random.below(talk_ms.max(1)));
        let blocks_at = random.per_mille(667).then(|| Instant::now() + blocks);
        Self { random, asks_next: Instant::now(), blocks_at, at_rest_since: None }
    }
}

impl World {
    /// One of the two does something, or says something.
    pub(super) fn deal_now_and_then(&mut self) {
        let now = Instant::now();
        let Ok(stranger) = UserId::parse(STRANGER) else { return };
        let friend = self.users[0].clone();
        let contacts = &mut self.contacts;
        let is_blocked = locked(&self.record).blocked_since().is_some();
        if !is_blocked && contacts.blocks_at.is_some_and(|at| at <= now) {
            contacts.blocks_at = Some(now + AGAIN);
            return self.ask(&friend, &stranger, ContactRequest::Block);
        }
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
                let id = self.say_once(&one, &conversation, Duration::from_secs(8));
                return locked(&self.record).said_to_contact(id);
            }
        };
        self.ask(&one, &other, asked);
    }

    fn ask(&mut self, user: &UserId, other: &UserId, asked: ContactRequest) {
        note(|| format!("{user} wants of {other}: {asked:?}"));
        let at = self.contacts.random.below(self.gateways.0.len() as u64) as usize;
        let request = Request::Contact(other.clone(), asked);
        self.gateways.0[at].call(user, Source::Client, request, Duration::from_secs(8));
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
