//! Live rooms that the application wants to be in: asked for one after another, because a refusal does not say which it was,
//! and again on each socket.
//!
//! ```text
//! join ─► waiting ─► asked ─► in it        leave, or refused for good: not wanted any more
//!            ▲         │
//!            └─ later ─┘ no answer, or a temporary refusal
//! ```
//!
//! **Limits.** As many as the application wants; the server refuses more than it allows.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use proto::server_frame::Room;
use proto::{ClientFrame, GroupId, Seq};
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::Refused;

/// Who hears how a join ended.
type Caller = oneshot::Sender<Result<Room, Refused>>;

/// See the module.
#[derive(Debug, Default)]
pub struct Rooms {
    wanted: BTreeSet<GroupId>,
    waiting: VecDeque<GroupId>,
    /// With the time at which nobody answers any more.
    asked: Option<(GroupId, Instant)>,
    callers: BTreeMap<GroupId, Vec<Caller>>,
    /// After a temporary refusal.
    not_before: Option<Instant>,
}

impl Rooms {
    /// The application wants to be in a room.
    pub fn join(&mut self, room: GroupId, caller: Caller) {
        self.callers.entry(room.clone()).or_default().push(caller);
        self.wanted.insert(room.clone());
        if !self.is_on_its_way(&room) {
            self.waiting.push_back(room);
        }
    }

    /// And no longer. Gives what to say.
    pub fn leave(&mut self, room: GroupId) -> ClientFrame {
        self.wanted.remove(&room);
        self.waiting.retain(|waiting| *waiting != room);
        self.asked.take_if(|(asked, _)| *asked == room);
        let out = Room { room: room.clone(), joined: false, history: false, head: Seq::ZERO };
        self.answer(&room, &Ok(out));
        ClientFrame::LeaveRoom(room)
    }

    /// A new socket is in no room.
    pub fn connected(&mut self) {
        self.asked = None;
        self.waiting = self.wanted.iter().cloned().collect();
    }

    /// The server says whether this socket is in a room.
    pub fn told(&mut self, told: &Room) {
        if told.joined {
            self.asked.take_if(|(asked, _)| *asked == told.room);
            self.answer(&told.room, &Ok(told.clone()));
        } else if !self.is_on_its_way(&told.room) {
            // It has ended, or was left.
            self.wanted.remove(&told.room);
        }
    }

    /// The one that was asked for is refused, for good or for now.
    pub fn refused(&mut self, refused: Refused, again_at: Option<Instant>) {
        let Some((room, _)) = self.asked.take() else { return };
        if again_at.is_some() {
            self.not_before = again_at;
            self.waiting.push_front(room);
        } else {
            self.wanted.remove(&room);
            self.answer(&room, &Err(refused));
        }
    }

    /// What is to be asked now.
    pub fn poll(&mut self, now: Instant, patience: Duration) -> Option<ClientFrame> {
        if let Some((late, _)) = self.asked.take_if(|(_, until)| *until <= now) {
            self.waiting.push_front(late);
        }
        if self.asked.is_some() || self.not_before.is_some_and(|at| now < at) {
            return None;
        }
        let room = self.waiting.pop_front()?;
        self.asked = Some((room.clone(), now + patience));
        Some(ClientFrame::JoinRoom(room))
    }

    /// When [`Self::poll`] has something to do.
    pub fn next_due(&self, now: Instant) -> Option<Instant> {
        let asked = self.asked.as_ref().map(|(_, until)| *until);
        asked.or_else(|| (!self.waiting.is_empty()).then(|| self.not_before.unwrap_or(now)))
    }

    fn is_on_its_way(&self, room: &GroupId) -> bool {
        self.waiting.contains(room) || self.asked.as_ref().is_some_and(|(asked, _)| asked == room)
    }

    fn answer(&mut self, room: &GroupId, answer: &Result<Room, Refused>) {
        for caller in self.callers.remove(room).into_iter().flatten() {
            // Whoever asked may not wait any more.
            let _ = caller.send(answer.clone());
        }
    }
}
