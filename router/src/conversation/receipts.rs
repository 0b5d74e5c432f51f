//! Receipts in groups of few: who wrote something hears how far others are with it, gathered for a second.
//!
//! What is told here may be lost, and is forgotten with the conversation: the cursors in the store are the truth. While
//! the conversation is not in memory, [`crate::reader`] tells the same at once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proto::delivery::{Class, Fanout};
use proto::server_frame::Receipt;
use proto::{Delivery, Entry, Payload, Seq, ServerFrame, SharedFrame, Target, TraceId, UserId, limits};

use super::{Conversation, Kind};
use crate::rules::body::is_countable;
use crate::rules::membership::Group;
use crate::turn::Turn;

/// After the first that is to be told, in milliseconds.
const GATHER_MS: u64 = 1_000;

/// How far a member is.
#[derive(Clone, Copy, Debug, Default)]
struct Reach {
    delivered: Seq,
    read: Seq,
}

/// At most one entry for each member of a group of few.
#[derive(Default)]
pub struct Receipts {
    told: BTreeMap<UserId, Reach>,
    moved: BTreeMap<UserId, Reach>,
    due: Option<u64>,
}

impl Receipts {
    /// When they are told.
    pub fn due(&self) -> Option<u64> {
        self.due
    }
}

impl Conversation {
    /// A member received up to a seq, or read.
    pub fn note_reach(&mut self, user: &UserId, delivered: Seq, read: Seq, turn: &Turn<'_>) {
        let Kind::Group(_, group) = &self.kind else { return };
        if group.size() as usize > limits::RECEIPT_MEMBERS_MAX || group.role_of(user).is_none() {
            return;
        }
        let (delivered, read) = (delivered.max(read).min(self.log.head), read.min(self.log.head));
        let told = self.receipts.told.get(user).copied().unwrap_or_default();
        if delivered <= told.delivered && read <= told.read {
            return;
        }
        let moved = self.receipts.moved.entry(user.clone()).or_default();
        moved.delivered = moved.delivered.max(delivered);
        moved.read = moved.read.max(read);
        self.receipts.due.get_or_insert(turn.now.steady_ms + GATHER_MS);
    }

    pub(super) fn tell_receipts(&mut self, turn: &mut Turn<'_>) {
        if self.receipts.due.is_none_or(|due| due > turn.now.steady_ms) {
            return;
        }
        self.receipts.due = None;
        let Kind::Group(_, group) = &self.kind else { return };
        // Whoever left is not kept in mind, so that there are never more than members.
        self.receipts.told.retain(|user, _| group.role_of(user).is_some());
        let moved = std::mem::take(&mut self.receipts.moved);
        for (user, reach) in moved.into_iter().filter(|(user, _)| group.role_of(user).is_some()) {
            let told = self.receipts.told.get(&user).copied().unwrap_or_default();
            let authors = self.authors_in(group, told, reach, &user);
            let receipt = Receipt {
                conversation: self.id.clone(),
                user: user.clone(),
                delivered: (reach.delivered > told.delivered).then_some(reach.delivered),
                read: (reach.read > told.read).then_some(reach.read),
                unread: None,
            };
            turn.deliveries.extend(to_authors(receipt, authors, TraceId::default()));
            let known =
                Reach { delivered: reach.delivered.max(told.delivered), read: reach.read.max(told.read) };
            self.receipts.told.insert(user, known);
        }
    }

    /// Which members wrote, of the newest messages, one that the user has newly received or read.
    fn authors_in(&self, group: &Group, told: Reach, reach: Reach, user: &UserId) -> BTreeSet<UserId> {
        let is_new = |seq: Seq| {
            (told.delivered < seq && seq <= reach.delivered) || (told.read < seq && seq <= reach.read)
        };
        let mut authors = authors_of(self.log.newest().filter(|entry| is_new(entry.seq)), user);
        authors.retain(|author| group.role_of(author).is_some());
        authors
    }
}

/// Who wrote messages among these entries, but this user.
pub fn authors_of<'a>(entries: impl Iterator<Item = &'a Entry>, user: &UserId) -> BTreeSet<UserId> {
    let messages = entries.filter(|entry| is_countable(&entry.body));
    messages.map(|entry| &entry.sender).filter(|author| *author != user).cloned().collect()
}

/// A receipt for each of those who wrote.
pub fn to_authors(
    receipt: Receipt,
    authors: BTreeSet<UserId>,
    trace: TraceId,
) -> impl Iterator<Item = Delivery> {
    let fanout = Fanout {
        conversation: receipt.conversation.clone(),
        frame: Arc::new(SharedFrame::new(ServerFrame::Receipt(receipt))),
        class: Class::Receipt,
        seq: Seq::ZERO,
        except: None,
    };
    let delivery = move |author| Delivery {
        target: Target::User(author),
        payload: Payload::Fanout(fanout.clone()),
        trace,
    };
    authors.into_iter().map(delivery)
}
