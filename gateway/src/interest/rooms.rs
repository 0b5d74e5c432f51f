//! Live rooms of sessions. A room shares the table of groups, and has no members there: its slots are those of the sessions
//! that are in it, and each of them counts as one who wants the group's subject.
//!
//! ```text
//! join_room ─► Asked ──router: it may──► In (subscribed, told) ──leave_room, end of the room or of the session──► gone
//!                └── router: it may not, or no answer for long ──► gone
//! ```
//!
//! **Guarantees.** A session is in a room only if the router said so after it asked, and it did not leave meanwhile.
//!
//! **Limits.** The rooms of a session are bounded by whoever calls. A session without one costs nothing.

use hashbrown::HashMap;
use proto::server_frame::Head;
use proto::{ConversationId, GroupId, Seq};

use super::{Interest, Subscriptions, shrink};

/// By slot; only of sessions with a room.
#[derive(Default)]
pub(super) struct Rooms(HashMap<u32, Vec<OfRoom>>);

struct OfRoom {
    room: GroupId,
    conversation: ConversationId,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Asked,
    In,
}

/// How a session asks for a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AskedRoom {
    First,
    /// It is in the room, or its answer has not come.
    Again,
    /// It has as many rooms as it may have.
    TooMany,
}

impl Rooms {
    pub(super) fn bytes(&self) -> usize {
        let lists = self.0.values().map(Vec::capacity).sum::<usize>();
        self.0.allocation_size() + lists * size_of::<OfRoom>()
    }

    fn of(&self, slot: u32) -> impl Iterator<Item = &OfRoom> {
        self.0.get(&slot).into_iter().flatten().filter(|of| of.state == State::In)
    }
}

impl Interest {
    /// The session asks to come in.
    pub(crate) fn ask_room(&mut self, slot: u32, room: &GroupId, max: usize) -> AskedRoom {
        let rooms = self.rooms.0.entry(slot).or_default();
        if rooms.iter().any(|of| of.room == *room) {
            return AskedRoom::Again;
        }
        if rooms.len() < max {
            let conversation = ConversationId::group(room);
            rooms.push(OfRoom { room: room.clone(), conversation, state: State::Asked });
            return AskedRoom::First;
        }
        if rooms.is_empty() {
            self.rooms.0.remove(&slot);
        }
        AskedRoom::TooMany
    }

    /// The session is in the room. Tells whether it still wants that.
    pub(crate) fn enter_room(&mut self, bus: &impl Subscriptions, slot: u32, room: &GroupId) -> bool {
        let rooms = self.rooms.0.get_mut(&slot);
        let Some(of) = rooms.and_then(|rooms| rooms.iter_mut().find(|of| of.room == *room)) else {
            return false;
        };
        if std::mem::replace(&mut of.state, State::In) == State::Asked {
            self.join(bus, room);
            if let Some(group) = self.groups.get_mut(room) {
                group.add(slot);
            }
        }
        true
    }

    /// The session is in the room no longer, or does not ask any more. Tells whether it was in it.
    pub(crate) fn leave_room(&mut self, bus: &impl Subscriptions, slot: u32, room: &GroupId) -> bool {
        let Some(rooms) = self.rooms.0.get_mut(&slot) else { return false };
        let Some(at) = rooms.iter().position(|of| of.room == *room) else { return false };
        let was_in = rooms.swap_remove(at).state == State::In;
        if rooms.is_empty() {
            self.rooms.0.remove(&slot);
            shrink(&mut self.rooms.0);
        }
        if was_in {
            self.leave(bus, room, &[slot]);
        }
        was_in
    }

    /// The router refused. Who is in the room already, and asked again, is sent out, too.
    pub(crate) fn refuse_room(&mut self, bus: &impl Subscriptions, slot: u32, room: &GroupId) {
        self.leave_room(bus, slot, room);
    }

    /// Nothing that the session asked for is answered any more.
    pub(crate) fn forget_asked_rooms(&mut self, slot: u32) {
        if let Some(rooms) = self.rooms.0.get_mut(&slot) {
            rooms.retain(|of| of.state == State::In);
            if rooms.is_empty() {
                self.rooms.0.remove(&slot);
            }
        }
    }

    /// The session has ended.
    pub(crate) fn leave_rooms(&mut self, bus: &impl Subscriptions, slot: u32) {
        let Some(rooms) = self.rooms.0.remove(&slot) else { return };
        for of in rooms.iter().filter(|of| of.state == State::In) {
            self.leave(bus, &of.room, &[slot]);
        }
        shrink(&mut self.rooms.0);
    }

    /// The room has ended. Gives the slots of those who were in it.
    pub(crate) fn end_room(&mut self, bus: &impl Subscriptions, room: &GroupId) -> Vec<u32> {
        let slots = self.of_group(room).to_vec();
        slots.into_iter().filter(|slot| self.leave_room(bus, *slot, room)).collect()
    }

    /// Whether it is in any room, or asks for one.
    pub(crate) fn has_rooms(&self, slot: u32) -> bool {
        !self.rooms.0.is_empty() && self.rooms.0.contains_key(&slot)
    }

    /// Whether the session is in the room whose conversation that is.
    pub(crate) fn is_in_room(&self, slot: u32, conversation: &ConversationId) -> bool {
        self.rooms.of(slot).any(|of| of.conversation == *conversation)
    }

    /// The rooms that the session is in.
    pub(crate) fn rooms_of(&self, slot: u32) -> Vec<GroupId> {
        self.rooms.of(slot).map(|of| of.room.clone()).collect()
    }

    /// The newest seqs of its rooms that passed by, for `pong`.
    pub(crate) fn room_heads(&self, slot: u32) -> impl Iterator<Item = Head> {
        self.rooms.of(slot).filter_map(|of| {
            let head = self.groups.get(&of.room)?.head;
            (head > Seq::ZERO).then(|| Head::of(of.conversation.clone(), head))
        })
    }
}
