//! Live rooms of sessions: the router says who may come in, and sees to what is said; who is in a room is known here alone.
//!
//! ```text
//! join_room ─► JoinRoom ─► the room, or why not ─► subscribe, flush ─► `room` ─► a head, where there is a history
//! ```

use proto::command::Source;
use proto::delivery::{RoomAnswer, RoomOpen};
use proto::server_frame::{Nack, Room};
use proto::{Code, ConversationId, GroupId, Request, Seq, ServerFrame, UserId};

use super::Shard;
use crate::interest::AskedRoom;
use crate::session::SessionKey;

/// A session that comes in once the subscription to the room's subject is in force.
pub(super) struct Entering {
    key: SessionKey,
    room: GroupId,
    open: RoomOpen,
}

impl Shard {
    pub(super) fn on_join_room(&mut self, key: SessionKey, room: GroupId) {
        let max = self.config.session.rooms_max;
        let asked = self.interest.ask_room(key.slot, &room, max);
        if asked == AskedRoom::TooMany {
            let words = format!("a socket may be in {max} rooms, leave one first");
            return self.refuse(key, Nack::of("join_room", Code::TooMany, words));
        }
        if self.send_command(key, Request::JoinRoom(room.clone())).is_err() {
            // What it asked before is still answered.
            if asked == AskedRoom::First {
                self.interest.leave_room(&*self.inbox, key.slot, &room);
            }
            self.refuse_for_now(key, "join_room", None);
        }
    }

    /// What was asked and not answered is taken back with it: the answer comes too late.
    pub(super) fn on_leave_room(&mut self, key: SessionKey, room: GroupId) {
        self.interest.leave_room(&*self.inbox, key.slot, &room);
        self.tell_out(key, room);
    }

    /// The answer to `JoinRoom`.
    pub(super) fn on_room(&mut self, key: SessionKey, answer: RoomAnswer) {
        let RoomAnswer { room, answer } = answer;
        match answer {
            Ok(open) if self.interest.enter_room(&*self.inbox, key.slot, &room) => {
                self.entering.push(Entering { key, room, open });
                self.interest_changed.notify_one();
            }
            // It left meanwhile, and has been told.
            Ok(_) => {}
            Err(nack) => {
                self.interest.refuse_room(&*self.inbox, key.slot, &room);
                self.tell_frame(key, &ServerFrame::Nack(nack));
            }
        }
    }

    /// From here on the session hears what is said. What was said before, since the router answered, shows in a head.
    pub(super) fn entered(&mut self, entering: Entering) {
        let Entering { key, room, open } = entering;
        let conversation = ConversationId::group(&room);
        if self.sessions.get(key).is_none() || !self.interest.is_in_room(key.slot, &conversation) {
            return;
        }
        let RoomOpen { history, head } = open;
        self.tell_frame(key, &ServerFrame::Room(Room { room, joined: true, history, head }));
        if history {
            // Where it finds no room the next event shows the same.
            let _ = self.send_command(key, Request::Heads(vec![conversation]));
        }
    }

    /// Nobody is in the room any more.
    pub(super) fn on_room_ended(&mut self, room: &GroupId) {
        for slot in self.interest.end_room(&*self.inbox, room) {
            if let Some(key) = self.sessions.key_at(slot) {
                self.tell_out(key, room.clone());
            }
        }
    }

    /// Whose command it is: of somebody in the room that it is about, or of anybody.
    pub(super) fn source_of(&self, key: SessionKey, user: &UserId, request: &Request) -> Source {
        let in_room = |conversation| self.interest.is_in_room(key.slot, &conversation);
        if self.interest.has_rooms(key.slot) && request.conversation(user).is_some_and(in_room) {
            Source::Room
        } else {
            Source::Client
        }
    }

    fn tell_out(&mut self, key: SessionKey, room: GroupId) {
        let out = Room { room, joined: false, history: false, head: Seq::ZERO };
        self.tell_frame(key, &ServerFrame::Room(out));
    }

    pub(super) fn tell_frame(&mut self, key: SessionKey, frame: &ServerFrame) {
        let Some(session) = self.sessions.get(key) else { return };
        let bytes = frame.encode_message(session.encoding);
        self.tell(key, bytes);
    }
}
