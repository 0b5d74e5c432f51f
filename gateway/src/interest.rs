//! Who on this shard wants what: users and groups to the slots of their sessions, and from that what the shard's node
//! subscribes to on the bus.
//!
//! ```text
//! session of a user ──► user.<id>          while the user has a session here, and lingers after the last one
//! groups of the user ──► group.<id>        while a user here is a member; fan-out walks its sorted slots
//! rooms of the session ─► group.<id>        while a session here is in it
//! ```
//!
//! **Guarantees.** Subscriptions on the bus are exactly the users and groups in the tables. A join or leave that was
//! heard after `Connected` was sent is never undone by its answer, however late that is: it is replayed on top.
//!
//! **Does not** know sessions beyond their slot numbers.
//!
//! **Limits.** 32 bytes a user with one session and no group, and their place in a [`DenseTable`]; 4 bytes a session and group;
//! [`Lingering`] has its own.

mod lingering;
mod rooms;
mod user;

use dense::{DenseTable, Named as _};
use hashbrown::HashMap;
use proto::server_frame::Head;
use proto::{ConversationId, GroupId, Seq, UserId};

use crate::handover::OfUser;
use crate::wheel::Tick;
pub(crate) use lingering::Lingering;
pub(crate) use rooms::AskedRoom;
use rooms::Rooms;
use user::User;

/// Where subscriptions are made; the bus's inbox, or a list in tests.
pub(crate) trait Subscriptions {
    fn subscribe_user(&self, user: &UserId);
    fn unsubscribe_user(&self, user: &UserId);
    fn subscribe_group(&self, group: &GroupId);
    fn unsubscribe_group(&self, group: &GroupId);
}

/// See the module.
#[derive(Default)]
pub(crate) struct Interest {
    users: DenseTable<User>,
    groups: HashMap<GroupId, Group>,
    /// Users without a session.
    lingering: usize,
    /// Users in groups, each in each.
    memberships: usize,
    rooms: Rooms,
}

#[derive(Default)]
struct Group {
    /// Sorted, so that membership is a binary search and a fan-out walks the slab in order.
    slots: Vec<u32>,
    /// Users of this shard who are members, those without a session at the moment included; of a live room: sessions.
    users: u32,
    /// The newest event seen; zero before the first.
    head: Seq,
}

impl Interest {
    /// The sessions of a user.
    pub(crate) fn of_user(&self, user: &UserId) -> &[u32] {
        self.users.get(user).map_or(&[], User::slots)
    }

    /// The sessions of a group's members.
    pub(crate) fn of_group(&self, group: &GroupId) -> &[u32] {
        self.groups.get(group).map_or(&[], |group| &group.slots)
    }

    /// A session of the user began.
    pub(crate) fn add_session(&mut self, bus: &impl Subscriptions, user: &UserId, slot: u32) {
        if let Some(known) = self.users.get_mut(user) {
            self.lingering -= usize::from(known.lingers_until().is_some());
            known.add_slot(slot);
        } else {
            bus.subscribe_user(user);
            self.users.insert(User::with(user.clone(), slot));
        }
    }

    /// A session of the user ended, and with it the wait for its answer. Tells whether it was the last one: then the user
    /// lingers until the tick, to be forgotten by [`Self::forget`].
    pub(crate) fn remove_session(&mut self, user: &UserId, slot: u32, until: Tick, more: Awaited) -> bool {
        let Some(known) = self.users.get_mut(user) else { return false };
        if known.lingers_until().is_some() {
            return false;
        }
        known.remove_slot(slot, until);
        if more == Awaited::Nothing {
            known.end_replay();
        }
        for group in known.groups() {
            if let Some(group) = self.groups.get_mut(group) {
                group.remove(slot);
            }
        }
        let last = known.lingers_until().is_some();
        self.lingering += usize::from(last);
        last
    }

    /// Bytes of the tables, free places included; a member of a group counts there and with the user.
    pub(crate) fn bytes(&self) -> usize {
        let tables = self.users.bytes() + self.groups.allocation_size() + self.rooms.bytes();
        tables + self.memberships * (size_of::<u32>() + size_of::<GroupId>())
    }

    /// Users without a session who are not forgotten yet.
    pub(crate) fn lingering(&self) -> usize {
        self.lingering
    }

    /// Ends the interest in a user who has lingered long enough by `now`, and has not come back.
    pub(crate) fn forget(&mut self, bus: &impl Subscriptions, user: &UserId, now: Tick) {
        let until = self.users.get(user).and_then(User::lingers_until);
        if until.is_none_or(|until| until > now) {
            return;
        }
        let Some(mut known) = self.users.remove(user, |_| true) else { return };
        self.lingering -= 1;
        bus.unsubscribe_user(user);
        for group in known.set_groups(Vec::new()).left {
            self.leave(bus, &group, &[]);
        }
    }

    /// `Connected` is being sent for the user: joins and leaves heard from now on are newer than its answer.
    pub(crate) fn ask_groups(&mut self, user: &UserId) {
        if let Some(known) = self.users.get_mut(user) {
            known.begin_replay();
        }
    }

    /// The answer to `Connected`. `more` when another answer for this user is still awaited.
    pub(crate) fn groups_answered(
        &mut self,
        bus: &impl Subscriptions,
        user: &UserId,
        groups: Vec<GroupId>,
        more: Awaited,
    ) {
        let Some(known) = self.users.get_mut(user) else { return };
        let change = known.set_groups(groups);
        if more == Awaited::Nothing {
            known.end_replay();
        }
        let slots = known.slots().to_vec();
        for group in &change.left {
            self.leave(bus, group, &slots);
        }
        for group in &change.joined {
            self.join(bus, group);
        }
        for group in change.joined.iter().chain(&change.kept) {
            if let Some(group) = self.groups.get_mut(group) {
                slots.iter().for_each(|slot| group.add(*slot));
            }
        }
    }

    /// Whether the user is in any group, as far as it is known.
    pub(crate) fn has_groups(&self, user: &UserId) -> bool {
        self.users.get(user).is_some_and(|known| !known.groups().is_empty())
    }

    /// What every user with a session wants besides what is theirs.
    pub(crate) fn carry(&self) -> Vec<OfUser> {
        let users = self.users.iter().filter(|known| known.lingers_until().is_none());
        let of = users.map(|known| OfUser { user: known.name().clone(), groups: known.groups().to_vec() });
        of.filter(|of| !of.groups.is_empty()).collect()
    }

    /// The user joined a group. Tells whether that is new here.
    pub(crate) fn joined(&mut self, bus: &impl Subscriptions, user: &UserId, group: &GroupId) -> bool {
        let Some(known) = self.users.get_mut(user) else { return false };
        let is_new = known.join(group);
        if is_new {
            let slots = known.slots().to_vec();
            self.join(bus, group);
            if let Some(group) = self.groups.get_mut(group) {
                slots.iter().for_each(|slot| group.add(*slot));
            }
        }
        is_new
    }

    /// The user left a group.
    pub(crate) fn left(&mut self, bus: &impl Subscriptions, user: &UserId, group: &GroupId) {
        let Some(known) = self.users.get_mut(user) else { return };
        if known.leave(group) {
            let slots = known.slots().to_vec();
            self.leave(bus, group, &slots);
        }
    }

    /// An event of a direct conversation passed by on its way to the user.
    pub(crate) fn note_user_head(&mut self, user: &UserId, conversation: &ConversationId, seq: Seq) {
        if let Some(known) = self.users.get_mut(user) {
            known.note_head(conversation, seq);
        }
    }

    /// An event of a group passed by.
    pub(crate) fn note_group_head(&mut self, group: &GroupId, seq: Seq) {
        if let Some(group) = self.groups.get_mut(group) {
            group.head = group.head.max(seq);
        }
    }

    /// The newest seqs that passed by on their way to the user, for `pong`.
    pub(crate) fn heads_of(&self, user: &UserId) -> Vec<Head> {
        let Some(known) = self.users.get(user) else { return Vec::new() };
        let groups = known.groups().iter().filter_map(|id| {
            let head = self.groups.get(id).map(|group| group.head).filter(|head| *head > Seq::ZERO)?;
            Some(Head::of(ConversationId::group(id), head))
        });
        known.heads().chain(groups).take(HEADS_MAX).collect()
    }

    fn join(&mut self, bus: &impl Subscriptions, id: &GroupId) {
        let group = self.groups.entry_ref(id).or_default();
        group.users += 1;
        self.memberships += 1;
        if group.users == 1 {
            bus.subscribe_group(id);
        }
    }

    fn leave(&mut self, bus: &impl Subscriptions, id: &GroupId, slots: &[u32]) {
        let Some(group) = self.groups.get_mut(id) else { return };
        slots.iter().for_each(|slot| group.remove(*slot));
        group.users -= 1;
        self.memberships -= 1;
        if group.users == 0 {
            self.groups.remove(id);
            bus.unsubscribe_group(id);
            shrink(&mut self.groups);
        }
    }
}

/// Heads in one `pong`.
const HEADS_MAX: usize = 200;

/// Whether another answer to `Connected` is still on its way for a user.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Awaited {
    /// All were answered.
    Nothing,
    /// Another session of the user still waits.
    Another,
}

impl Group {
    fn add(&mut self, slot: u32) {
        if let Err(at) = self.slots.binary_search(&slot) {
            self.slots.insert(at, slot);
        }
    }

    fn remove(&mut self, slot: u32) {
        if let Ok(at) = self.slots.binary_search(&slot) {
            self.slots.remove(at);
        }
    }
}

/// A crowd that left must not keep its table.
fn shrink<K: std::hash::Hash + Eq, V>(table: &mut HashMap<K, V>) {
    if table.len() * 8 < table.capacity() {
        table.shrink_to(table.len() * 2);
    }
}

#[cfg(test)]
mod tests;
