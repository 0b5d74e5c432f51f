//! What a node wants to hear, what the server was told of it, and so what it must be told next.
//!
//! ```text
//! subscribe, unsubscribe ──► queue of changed slots ──┐
//!                                                     ├─ in turn ─► next ─► SUB, UNSUB
//! the connection was lost ──► walk over all slots ────┘
//! ```
//!
//! **Guarantees.** A name is never subscribed twice on one connection. A wish that was taken back before the server heard
//! of it costs nothing. While a walk goes on, new wishes wait for no more than as many names of the walk.
//!
//! **Does not** pace, and writes nothing.
//!
//! **Limits.** See [`super::names`]; the queue has at most two entries a name and [`QUEUE_SLACK`].

use std::collections::VecDeque;
use std::hash::Hash;

use proto::{GroupId, Target, UserId};

use super::names::{Flags, Names};

/// Entries of names that left which the queue may hold whatever the number of names.
const QUEUE_SLACK: usize = 1024;

/// What kind of thing is subscribed to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    User,
    Group,
    Subject,
}

/// A slot of one kind in one number.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Slot(u32);

impl Slot {
    fn new(kind: Kind, at: u32) -> Self {
        let kind = match kind {
            Kind::Subject => 0,
            Kind::User => 1,
            Kind::Group => 2,
        };
        Self(at << 2 | kind)
    }

    fn kind(self) -> Kind {
        match self.0 & 3 {
            0 => Kind::Subject,
            1 => Kind::User,
            _ => Kind::Group,
        }
    }

    fn at(self) -> u32 {
        self.0 >> 2
    }

    /// What the server knows the subscription as.
    fn sid(self) -> u64 {
        u64::from(self.0) + 1
    }
}

/// What the server must be told.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// To send what is published to this, under this number.
    Subscribe(Wanted, u64),
    /// To end the subscription of this number.
    Unsubscribe(u64),
}

/// Something to subscribe to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// What is for a user or a group.
    Target(Target),
    /// A subject, spelled out.
    Subject(Box<str>),
}

/// See the module.
pub(super) struct Subscriptions {
    subjects: Names<Box<str>>,
    users: Names<UserId>,
    groups: Names<GroupId>,
    queue: VecDeque<Slot>,
    /// Entries ever put into the queue.
    queued: u64,
    /// Entries taken out of it; all of them once it is empty.
    taken: u64,
    /// Where the walk over all names goes on: subjects, users, groups.
    walk: Option<Slot>,
    /// Whose turn it is while there is a walk.
    walks_next: bool,
}

impl Subscriptions {
    pub(super) fn new() -> Self {
        let nobody = "nobody";
        Self {
            subjects: Names::new(Box::default()),
            users: Names::new(UserId::parse(nobody).unwrap_or_else(|_| unreachable!("a valid name"))),
            groups: Names::new(GroupId::parse(nobody).unwrap_or_else(|_| unreachable!("a valid name"))),
            queue: VecDeque::new(),
            queued: 0,
            taken: 0,
            walk: None,
            walks_next: false,
        }
    }

    pub(super) fn subscribe_user(&mut self, user: &UserId) {
        let changed = want(&mut self.users, user);
        self.push(Kind::User, changed);
    }

    pub(super) fn subscribe_group(&mut self, group: &GroupId) {
        let changed = want(&mut self.groups, group);
        self.push(Kind::Group, changed);
    }

    pub(super) fn unsubscribe_user(&mut self, user: &UserId) {
        let changed = give_up(&mut self.users, user);
        self.push(Kind::User, changed);
    }

    pub(super) fn unsubscribe_group(&mut self, group: &GroupId) {
        let changed = give_up(&mut self.groups, group);
        self.push(Kind::Group, changed);
    }

    pub(super) fn subscribe(&mut self, subject: &str) {
        let changed = want(&mut self.subjects, &subject.into());
        self.push(Kind::Subject, changed);
    }

    pub(super) fn unsubscribe(&mut self, subject: &str) {
        let changed = give_up(&mut self.subjects, &subject.into());
        self.push(Kind::Subject, changed);
    }

    /// Names there are.
    pub(super) fn len(&self) -> usize {
        self.subjects.len() + self.users.len() + self.groups.len()
    }

    /// Names that the server must still be told something about; during a walk an upper bound.
    pub(super) fn waiting(&self) -> usize {
        self.queue.len() + self.walk_left()
    }

    /// Slots that the walk has not come to.
    fn walk_left(&self) -> usize {
        let (subjects, users, groups) = (self.subjects.slots(), self.users.slots(), self.groups.slots());
        let left = self.walk.map_or(0, |walk| match walk.kind() {
            Kind::Subject => subjects.saturating_sub(walk.at()) + users + groups,
            Kind::User => users.saturating_sub(walk.at()) + groups,
            Kind::Group => groups.saturating_sub(walk.at()),
        });
        left as usize
    }

    /// How many changes were asked for so far.
    pub(super) fn asked(&self) -> u64 {
        self.queued
    }

    /// How many of them the server was told.
    pub(super) fn told(&self) -> u64 {
        self.taken
    }

    /// Whether the names of before the last [`Self::forget_told`] have all been told again.
    pub(super) fn has_walked(&self) -> bool {
        self.walk_left() == 0
    }

    /// Whether the server was told to send what is published to the target.
    pub(super) fn is_told(&self, target: &Target) -> bool {
        let flags = match target {
            Target::User(user) => self.users.find(user).map(|slot| self.users.flags(slot)),
            Target::Group(group) => self.groups.find(group).map(|slot| self.groups.flags(slot)),
            // Subscribed to by their spelling.
            Target::Presence(_) | Target::Node(_) | Target::Everyone => None,
        };
        flags.is_some_and(|flags| flags.has(Flags::TOLD))
    }

    /// The same for a subject that was subscribed to by its spelling.
    pub(super) fn is_told_subject(&self, subject: &str) -> bool {
        let slot = self.subjects.find(&subject.into());
        slot.is_some_and(|slot| self.subjects.flags(slot).has(Flags::TOLD))
    }

    /// The numbers of all subscriptions that the server was told of.
    pub(super) fn told_sids(&self) -> Vec<u64> {
        let sids = |kind: Kind| move |at: u32| Slot::new(kind, at).sid();
        let (users, groups) = (self.users.told(), self.groups.told());
        let names = users.map(sids(Kind::User)).chain(groups.map(sids(Kind::Group)));
        self.subjects.told().map(sids(Kind::Subject)).chain(names).collect()
    }

    /// There will be another connection, whose server knows nothing: walks over all names again. What waited in the queue is
    /// part of that, and counts as told.
    pub(super) fn forget_told(&mut self) {
        self.subjects.pack();
        self.users.pack();
        self.groups.pack();
        self.queue.clear();
        self.queue.shrink_to(QUEUE_SLACK);
        self.taken = self.queued;
        self.walk = Some(Slot::new(Kind::Subject, 0));
    }

    /// The next thing that the server must be told; it counts as told.
    pub(super) fn next(&mut self) -> Option<Change> {
        self.walks_next = !self.walks_next;
        let change = if self.walks_next {
            self.next_of_walk().or_else(|| self.next_of_queue())
        } else {
            self.next_of_queue().or_else(|| self.next_of_walk())
        };
        // Slots of names that come later are none of its business.
        self.walk = self.walk.filter(|_| self.walk_left() > 0);
        change
    }

    fn next_of_queue(&mut self) -> Option<Change> {
        while let Some(slot) = self.queue.pop_front() {
            self.taken += 1;
            let change = match slot.kind() {
                Kind::Subject => settle(&mut self.subjects, slot, Wanted::Subject),
                Kind::User => settle(&mut self.users, slot, |user| Wanted::Target(Target::User(user))),
                Kind::Group => settle(&mut self.groups, slot, |group| Wanted::Target(Target::Group(group))),
            };
            if change.is_some() {
                return change;
            }
        }
        self.taken = self.queued;
        self.queue.shrink_to(QUEUE_SLACK);
        None
    }

    fn next_of_walk(&mut self) -> Option<Change> {
        loop {
            let walk = self.walk?;
            let at = walk.at();
            let (found, slots) = match walk.kind() {
                Kind::Subject => {
                    let subject = untold(&mut self.subjects, at).cloned();
                    (subject.map(Wanted::Subject), self.subjects.slots())
                }
                Kind::User => {
                    let user = untold(&mut self.users, at).cloned();
                    (user.map(|user| Wanted::Target(Target::User(user))), self.users.slots())
                }
                Kind::Group => {
                    let group = untold(&mut self.groups, at).cloned();
                    (group.map(|group| Wanted::Target(Target::Group(group))), self.groups.slots())
                }
            };
            self.walk = match walk.kind() {
                kind if at + 1 < slots => Some(Slot::new(kind, at + 1)),
                Kind::Subject => Some(Slot::new(Kind::User, 0)),
                Kind::User => Some(Slot::new(Kind::Group, 0)),
                Kind::Group => None,
            };
            if let Some(wanted) = found {
                return Some(Change::Subscribe(wanted, walk.sid()));
            }
        }
    }

    fn push(&mut self, kind: Kind, changed: Option<u32>) {
        let Some(at) = changed else { return };
        self.queue.push_back(Slot::new(kind, at));
        self.queued += 1;
        // Names that came and went while nothing could be told.
        if self.queue.len() > QUEUE_SLACK + 2 * self.len() {
            let (subjects, users, groups) = (&self.subjects, &self.users, &self.groups);
            let mut seen = hashbrown::HashSet::new();
            self.queue.retain(|slot| {
                let flags = match slot.kind() {
                    Kind::Subject => subjects.flags(slot.at()),
                    Kind::User => users.flags(slot.at()),
                    Kind::Group => groups.flags(slot.at()),
                };
                flags.has(Flags::QUEUED) && seen.insert(*slot)
            });
        }
    }
}

/// Gives the slot if it must be queued.
fn want<K: Clone + Eq + Hash>(names: &mut Names<K>, name: &K) -> Option<u32> {
    let slot = names.find_or_add(name);
    let flags = names.flags_mut(slot);
    let known = flags.has(Flags::WANTED) || flags.has(Flags::QUEUED);
    flags.set(Flags::WANTED);
    // One that was told and given up is queued, to be ended: that entry will find it wanted again.
    if known {
        return None;
    }
    flags.set(Flags::QUEUED);
    Some(slot)
}

/// Gives the slot if it must be queued.
fn give_up<K: Clone + Eq + Hash>(names: &mut Names<K>, name: &K) -> Option<u32> {
    let slot = names.find(name)?;
    let flags = names.flags_mut(slot);
    if !flags.has(Flags::TOLD) {
        names.free(slot);
        return None;
    }
    flags.clear(Flags::WANTED);
    if flags.has(Flags::QUEUED) {
        return None;
    }
    flags.set(Flags::QUEUED);
    Some(slot)
}

/// What an entry of the queue comes to by now.
fn settle<K: Clone + Eq + Hash>(names: &mut Names<K>, slot: Slot, wanted: fn(K) -> Wanted) -> Option<Change> {
    let at = slot.at();
    if !names.flags(at).has(Flags::QUEUED) {
        return None;
    }
    let flags = names.flags_mut(at);
    flags.clear(Flags::QUEUED);
    match (flags.has(Flags::WANTED), flags.has(Flags::TOLD)) {
        (true, false) => {
            flags.set(Flags::TOLD);
            Some(Change::Subscribe(wanted(names.name(at).clone()), slot.sid()))
        }
        (false, true) => {
            names.free(at);
            Some(Change::Unsubscribe(slot.sid()))
        }
        _ => None,
    }
}

/// The name at a slot of the walk, if the server must be told of it; it counts as told.
fn untold<K: Clone + Eq + Hash>(names: &mut Names<K>, at: u32) -> Option<&K> {
    let flags = names.flags(at);
    if !flags.has(Flags::WANTED) || flags.has(Flags::TOLD) || flags.has(Flags::QUEUED) {
        return None;
    }
    names.flags_mut(at).set(Flags::TOLD);
    Some(names.name(at))
}

#[cfg(test)]
mod tests;
