//! One user of a shard: the slots of the sessions, the groups, and what must not be forgotten while groups are asked.

use dense::Named;
use proto::server_frame::Head;
use proto::{ConversationId, GroupId, Seq, UserId};

use crate::wheel::Tick;

/// See the module.
pub(super) struct User {
    user: UserId,
    slots: Slots,
    /// Only for users who are in a group, got an event, have several sessions, or whose groups are being asked.
    more: Option<Box<More>>,
}

/// Most users have one session.
enum Slots {
    /// None; what is known about the user may be forgotten at the tick.
    Lingering(Tick),
    One(u32),
    /// They are in [`More`].
    Many,
}

#[derive(Default)]
struct More {
    /// Of several sessions.
    slots: Vec<u32>,
    groups: Vec<GroupId>,
    /// Joins and leaves heard since groups were asked; `None` while nothing is asked.
    replay: Option<Vec<(GroupId, Change)>>,
    /// Direct conversations by last event, oldest first.
    heads: Vec<(ConversationId, Seq)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Change {
    Joined,
    Left,
}

/// How a new set of groups differs from the old one.
#[derive(Default, Debug, PartialEq, Eq)]
pub(super) struct GroupsChange {
    pub(super) joined: Vec<GroupId>,
    pub(super) left: Vec<GroupId>,
    pub(super) kept: Vec<GroupId>,
}

/// Direct conversations whose head is remembered for `pong`.
const HEADS_MAX: usize = 16;

impl User {
    pub(super) fn with(user: UserId, slot: u32) -> Self {
        Self { user, slots: Slots::One(slot), more: None }
    }

    pub(super) fn slots(&self) -> &[u32] {
        match &self.slots {
            Slots::Lingering(_) => &[],
            Slots::One(slot) => std::slice::from_ref(slot),
            Slots::Many => self.more.as_ref().map_or(&[], |more| &more.slots),
        }
    }

    pub(super) fn add_slot(&mut self, slot: u32) {
        match self.slots {
            Slots::Lingering(_) => self.slots = Slots::One(slot),
            Slots::One(other) => {
                self.more.get_or_insert_default().slots = vec![other, slot];
                self.slots = Slots::Many;
            }
            Slots::Many => self.more.get_or_insert_default().slots.push(slot),
        }
    }

    /// Takes a session's slot off; after the last one the user lingers until the tick.
    pub(super) fn remove_slot(&mut self, slot: u32, until: Tick) {
        match self.slots {
            Slots::One(other) if other == slot => self.slots = Slots::Lingering(until),
            Slots::One(_) | Slots::Lingering(_) => {}
            Slots::Many => {
                let slots = &mut self.more.get_or_insert_default().slots;
                slots.retain(|other| *other != slot);
                if let [last] = slots[..] {
                    *slots = Vec::new();
                    self.slots = Slots::One(last);
                    self.forget_nothing();
                }
            }
        }
    }

    /// Until when a user without a session is remembered; `None` for one with a session.
    pub(super) fn lingers_until(&self) -> Option<Tick> {
        match self.slots {
            Slots::Lingering(until) => Some(until),
            Slots::One(_) | Slots::Many => None,
        }
    }

    pub(super) fn groups(&self) -> &[GroupId] {
        self.more.as_ref().map_or(&[], |more| &more.groups)
    }

    pub(super) fn begin_replay(&mut self) {
        self.more.get_or_insert_default().replay.get_or_insert_default();
    }

    pub(super) fn end_replay(&mut self) {
        if let Some(more) = &mut self.more {
            more.replay = None;
            self.forget_nothing();
        }
    }

    /// What says nothing takes no memory.
    fn forget_nothing(&mut self) {
        self.more.take_if(|more| {
            more.replay.is_none() && more.slots.is_empty() && more.groups.is_empty() && more.heads.is_empty()
        });
    }

    /// Takes `asked` and, on top of it, what was heard since, for the user's groups.
    pub(super) fn set_groups(&mut self, mut asked: Vec<GroupId>) -> GroupsChange {
        if asked.is_empty() && self.more.is_none() {
            return GroupsChange::default();
        }
        let more = self.more.get_or_insert_default();
        for (group, change) in more.replay.iter().flatten() {
            asked.retain(|other| other != group);
            if *change == Change::Joined {
                asked.push(group.clone());
            }
        }
        asked.sort_unstable();
        asked.dedup();
        let old = std::mem::replace(&mut more.groups, asked);
        let mut change = GroupsChange::default();
        for group in &more.groups {
            // The old list is sorted too, but for joins heard since.
            let list = if old.contains(group) { &mut change.kept } else { &mut change.joined };
            list.push(group.clone());
        }
        change.left = old.into_iter().filter(|group| more.groups.binary_search(group).is_err()).collect();
        change
    }

    /// Tells whether that is new.
    pub(super) fn join(&mut self, group: &GroupId) -> bool {
        let more = self.more.get_or_insert_default();
        if let Some(replay) = &mut more.replay {
            replay.push((group.clone(), Change::Joined));
        }
        let new = !more.groups.contains(group);
        if new {
            more.groups.push(group.clone());
        }
        new
    }

    /// Tells whether the user was in it.
    pub(super) fn leave(&mut self, group: &GroupId) -> bool {
        let Some(more) = &mut self.more else { return false };
        if let Some(replay) = &mut more.replay {
            replay.push((group.clone(), Change::Left));
        }
        let before = more.groups.len();
        more.groups.retain(|other| other != group);
        more.groups.len() < before
    }

    pub(super) fn note_head(&mut self, conversation: &ConversationId, seq: Seq) {
        let heads = &mut self.more.get_or_insert_default().heads;
        if let Some(at) = heads.iter().rposition(|(known, _)| known == conversation) {
            heads[at].1 = seq.max(heads[at].1);
        } else {
            if heads.len() == HEADS_MAX {
                heads.remove(0);
            }
            heads.push((conversation.clone(), seq));
        }
    }

    pub(super) fn heads(&self) -> impl Iterator<Item = Head> {
        self.more
            .iter()
            .flat_map(|more| &more.heads)
            .map(|(conversation, seq)| Head::of(conversation.clone(), *seq))
    }
}

impl Named for User {
    type Name = UserId;

    fn name(&self) -> &UserId {
        &self.user
    }
}
