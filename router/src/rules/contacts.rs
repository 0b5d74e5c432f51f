//! What two users are to each other: the state that the log of a pair makes, entry by entry.
//!
//! ```text
//! strangers ──apply──► one asks ──accept, or the other applies──► friends ──remove──► strangers
//!     ▲                  │ reject, remove, its time is over
//!     └──────────────────┘              and beside it, each for themselves: blocks the other, or not
//! ```
//!
//! As configured, a rejection is not told: who asked sees the request open until its time is over. And a removal holds for one:
//! the other keeps a friend who is none any more, for messages and presence; asked and accepted again, by either, both are. What
//! was configured is in the entry, so that a log means the same for ever.
//!
//! Both are kept apart, each as the one of the two sees it: what an entry makes of a side is a function of that side and
//! the entry alone. So sides that were written at different entries can each be brought up to the end of the log.
//!
//! **Guarantees.** Everything that a user may do is idempotent. A side changes, with its version and its time, only by
//! what its user may know: the block of one changes nothing that the other could see. A block ends no friendship; while
//! there is one, in either direction, nothing between the two goes on but its end, a rejection and the unblocking.

use proto::command::Source;
use proto::wire::{self, contact_change::Change, system};
use proto::{Code, Contact, ContactRequest, Entry, FriendRequest, Seq, Timestamp, UserId, limits};
use store::Relation;

use super::membership::Refusal;

/// What contacts may be.
#[derive(Clone, Copy, Debug)]
pub struct ContactRules {
    /// Whether direct messages need a friendship.
    pub friends_only: bool,
    /// Milliseconds for which a request can be accepted.
    pub request_ttl_ms: u64,
    /// Whether who asked is told of a rejection.
    pub rejections_told: bool,
    /// Whose friendship who ends it ends.
    pub removal: Removal,
}

/// Whose friendship ends by a removal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    /// That of both.
    Both,
    /// That of who ends it; the other is not told.
    One,
}

impl ContactRules {
    /// Everybody may write to everybody; requests last for 30 days; both are told of everything and end it together.
    pub const OPEN: Self = Self {
        friends_only: false,
        request_ttl_ms: 30 * 24 * 60 * 60 * 1_000,
        rejections_told: true,
        removal: Removal::Both,
    };
}

/// Two users, as their log says, each from their own side.
#[derive(Clone, Debug)]
pub struct Pair {
    sides: [Relation; 2],
}

/// What the owner of the direct conversation has to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Regard {
    /// The entry of the pair's log that this includes, and all before.
    pub watermark: Seq,
    /// They are friends.
    pub friends: bool,
    /// Whether the first in byte order blocks the second, and the second the first.
    pub blocks: [bool; 2],
}

impl Pair {
    /// Strangers.
    pub fn new(one: &UserId, other: &UserId) -> Self {
        Self { sides: [Relation::none(one, other), Relation::none(other, one)] }
    }

    /// From its projection: the side of the first, and of the second.
    pub fn from_projection(one: &UserId, other: &UserId, rows: [Option<Relation>; 2]) -> Self {
        let strangers = Self::new(one, other).sides;
        let mut sides = rows.into_iter().zip(strangers).map(|(row, stranger)| row.unwrap_or(stranger));
        match (sides.next(), sides.next()) {
            (Some(first), Some(second)) => Self { sides: [first, second] },
            _ => Self::new(one, other),
        }
    }

    /// For the projection.
    pub fn rows(&self) -> [Relation; 2] {
        self.sides.clone()
    }

    /// What the other is to a user.
    pub fn side_of(&self, user: &UserId) -> Option<&Relation> {
        self.sides.iter().find(|side| side.user == *user)
    }

    /// What counts for direct messages.
    pub fn regard(&self) -> Regard {
        let [one, other] = &self.sides;
        Regard {
            watermark: one.watermark.max(other.watermark),
            friends: one.is_friendship() && other.is_friendship(),
            blocks: [one.contact.blocked, other.contact.blocked],
        }
    }

    /// Whether a request is allowed, and the change that it makes; `None` when nothing has to change.
    pub fn decide(
        &self,
        user: &UserId,
        request: &ContactRequest,
        now: Timestamp,
        rules: ContactRules,
    ) -> Result<Option<system::Change>, Refusal> {
        let side = self.side_of(user).ok_or((Code::Forbidden, "only the two may change this"))?;
        if side.contact.user == *user {
            return Err((Code::BadField, "user_id: nobody is their own contact"));
        }
        let change = decide(side, request, now, rules)?;
        Ok(change.map(|change| system::Change::Contact(wire::ContactChange { change: Some(change) })))
    }

    /// Applies an entry of the log. Says which sides it changed for the eyes of their users.
    pub fn apply(&mut self, entry: &Entry) -> [bool; 2] {
        let Some(change) = change_of(entry) else { return [false; 2] };
        let [one, other] = &mut self.sides;
        [apply(one, entry, &change), apply(other, entry, &change)]
    }
}

impl Regard {
    /// From the sides of the first and the second. They are read one after the other, so that one may lack what the other
    /// has: then it is as old as the older.
    pub fn of_rows(rows: &[Option<Relation>; 2]) -> Self {
        let row = |at: usize| rows[at].as_ref();
        let blocks = |at| row(at).is_some_and(|row| row.contact.blocked);
        let watermark = |at| row(at).map_or(Seq::ZERO, |row| row.watermark);
        Self {
            watermark: watermark(0).min(watermark(1)),
            friends: row(0).is_some_and(Relation::is_friendship)
                && row(1).is_some_and(Relation::is_friendship),
            blocks: [blocks(0), blocks(1)],
        }
    }

    /// Whether one of the two may write to the other. `is_first`: the sender is the first in byte order.
    pub fn may_send(&self, is_first: bool, source: Source, rules: ContactRules) -> Result<(), Refusal> {
        let [mine, theirs] = if is_first { self.blocks } else { [self.blocks[1], self.blocks[0]] };
        match source {
            Source::ServerApi | Source::System => Ok(()),
            Source::Client | Source::Room if mine => Err((Code::Blocked, "you block this user")),
            Source::Client | Source::Room if theirs => {
                Err((Code::Blocked, "this user takes no messages from you"))
            }
            Source::Client | Source::Room if rules.friends_only && !self.friends => {
                Err((Code::NotFriends, "only friends may write to each other"))
            }
            Source::Client | Source::Room => Ok(()),
        }
    }
}

fn decide(
    side: &Relation,
    request: &ContactRequest,
    now: Timestamp,
    rules: ContactRules,
) -> Result<Option<Change>, Refusal> {
    let contact = &side.contact;
    let done = wire::ContactDone {};
    let is_friend = contact.friend_since.is_some();
    let ended = |one_sided| wire::ContactEnd { one_sided };
    let incoming = is_open(contact.incoming.as_ref(), now);
    match request {
        ContactRequest::Apply(_) | ContactRequest::Accept if side.is_friendship() => Ok(None),
        ContactRequest::Apply(_) | ContactRequest::Accept if contact.blocked => {
            Err((Code::Blocked, "you block this user"))
        }
        ContactRequest::Apply(_) | ContactRequest::Accept if side.blocked_by => {
            Err((Code::Blocked, "this user takes no requests from you"))
        }
        ContactRequest::Apply(note) if note.chars().count() > limits::NOTE_CHARS_MAX => {
            Err((Code::BadField, "note: at most 200 characters are allowed"))
        }
        ContactRequest::Apply(_) | ContactRequest::Accept if incoming => Ok(Some(Change::Accepted(done))),
        ContactRequest::Accept => Err((Code::NotFound, "this user does not ask, or no longer")),
        ContactRequest::Apply(_) if is_open(contact.outgoing.as_ref(), now) => Ok(None),
        ContactRequest::Apply(note) => {
            let expires = now.plus_ms(rules.request_ttl_ms).0;
            Ok(Some(Change::Applied(wire::FriendRequest { note: note.clone(), time: now.0, expires })))
        }
        ContactRequest::Reject => {
            Ok(contact.incoming.is_some().then_some(Change::Rejected(ended(!rules.rejections_told))))
        }
        ContactRequest::Remove => {
            let one_sided = is_friend && rules.removal == Removal::One;
            Ok((is_friend || contact.outgoing.is_some()).then_some(Change::Removed(ended(one_sided))))
        }
        ContactRequest::Block => Ok((!contact.blocked).then_some(Change::Blocked(done))),
        ContactRequest::Unblock => Ok(contact.blocked.then_some(Change::Unblocked(done))),
        ContactRequest::Remark(_) if !is_friend => Err((Code::NotFound, "this user is not a friend")),
        ContactRequest::Remark(remark) if remark.chars().count() > limits::REMARK_CHARS_MAX => {
            Err((Code::BadField, "remark: at most 50 characters are allowed"))
        }
        ContactRequest::Remark(remark) => {
            Ok((contact.remark != *remark).then(|| Change::Remarked(remark.clone())))
        }
    }
}

fn is_open(request: Option<&FriendRequest>, now: Timestamp) -> bool {
    request.is_some_and(|request| request.expires > now)
}

fn change_of(entry: &Entry) -> Option<Change> {
    match entry.body.to_wire().kind {
        Some(wire::body::Kind::System(wire::System { change: Some(system::Change::Contact(contact)) })) => {
            contact.change
        }
        _ => None,
    }
}

/// What an entry makes of one side; whether its user may know.
fn apply(side: &mut Relation, entry: &Entry, change: &Change) -> bool {
    if side.watermark >= entry.seq {
        return false;
    }
    side.watermark = entry.seq;
    let is_own = entry.sender == side.user;
    let before = side.contact.clone();
    let contact = &mut side.contact;
    match change {
        Change::Applied(request) => {
            let expires = Timestamp(request.expires);
            let request = FriendRequest { note: request.note.clone(), time: entry.time, expires };
            *(if is_own { &mut contact.outgoing } else { &mut contact.incoming }) = Some(request);
        }
        Change::Accepted(_) => {
            contact.friend_since = Some(entry.time);
            side.left_by = false;
            (contact.incoming, contact.outgoing) = (None, None);
        }
        Change::Rejected(end) if end.one_sided && !is_own => {}
        Change::Rejected(_) => {
            *(if is_own { &mut contact.incoming } else { &mut contact.outgoing }) = None;
        }
        Change::Removed(end) if end.one_sided && !is_own => {
            side.left_by = contact.friend_since.is_some();
            // A request of who goes is withdrawn with it.
            contact.incoming = None;
        }
        Change::Removed(_) => {
            side.left_by = false;
            contact.friend_since = None;
            contact.remark.clear();
            *(if is_own { &mut contact.outgoing } else { &mut contact.incoming }) = None;
        }
        Change::Blocked(_) if is_own => contact.blocked = true,
        Change::Unblocked(_) if is_own => contact.blocked = false,
        Change::Blocked(_) => side.blocked_by = true,
        Change::Unblocked(_) => side.blocked_by = false,
        Change::Remarked(remark) if is_own => contact.remark.clone_from(remark),
        Change::Remarked(_) => {}
    }
    let is_changed = *contact != before;
    if is_changed {
        contact.version = before.version + 1;
        // Lists are sorted by it, and rows of lists never move back.
        contact.time = entry.time.max(Timestamp(before.time.0 + 1));
    }
    is_changed
}

/// The contact as its reader is shown it: what nobody answered in time is gone.
pub fn shown(mut contact: Contact, now: Timestamp) -> Contact {
    for request in [&mut contact.incoming, &mut contact.outgoing] {
        if !is_open(request.as_ref(), now) {
            *request = None;
        }
    }
    contact
}

/// Whether there is nothing between the two that the reader could be shown.
pub fn is_nothing(contact: &Contact) -> bool {
    contact.friend_since.is_none()
        && !contact.blocked
        && contact.incoming.is_none()
        && contact.outgoing.is_none()
}

#[cfg(test)]
mod tests;
