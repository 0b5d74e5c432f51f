//! What a reader may see of a loaded conversation.

use proto::command::Source;
use proto::delivery::{HeadState, RoomOpen};
use proto::group::Room;
use proto::{Code, Entry, Seq, Timestamp, UserId};
use store::Cursor;

use super::{Conversation, Fresh, Kind};
use crate::rules::membership::Refusal;
use crate::rules::membership::permissions::Who;

/// How far a reader may see: `floor..=head`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View {
    /// The newest told seq.
    pub head: Seq,
    /// Countable entries up to there.
    pub counted: u64,
    /// The lowest seq that this reader may see.
    pub floor: Seq,
    /// When the newest entry was made; zero if that is not known.
    pub last: Timestamp,
    /// For how many seconds entries are kept, as it was set here; 0: as configured.
    pub retention_seconds: u32,
    /// How far the reader is by what they sent: a send is a read, and the store may not know of it yet.
    pub sent: Cursor,
    /// It is a live room: nothing is kept for its visitors.
    pub is_room: bool,
    /// What the reader is here, for the table of groups; of two a member.
    pub who: Who,
}

impl Conversation {
    /// What the user may see, or why nothing.
    pub fn view(&self, user: &UserId, source: Source) -> Result<View, Refusal> {
        let (floor, who) = match &self.kind {
            Kind::Direct(one, other) if user == one || user == other => (Seq(1), Who::of_two(source)),
            Kind::Direct(..) => return Err((Code::Forbidden, "only its two users may read")),
            Kind::Pair(_) => return Err((Code::Forbidden, "nobody may read this")),
            Kind::Group(_, group) => (group.may_read(user, source)?, group.who(user, source)),
        };
        let last = self.log.last().map_or(Timestamp(0), |entry| entry.time);
        let (retention_seconds, is_room) = (self.retention_seconds, self.is_room());
        let (head, counted, sent) = (self.log.head, self.log.counted, self.owed.sent(user));
        Ok(View { head, counted, floor, last, retention_seconds, sent, is_room, who })
    }

    /// The live room as one who comes in finds it, or why one does not.
    pub fn enter(&self) -> Result<RoomOpen, Refusal> {
        match &self.kind {
            Kind::Group(_, group) => {
                let history = group.may_enter()? == Room::WithHistory;
                Ok(RoomOpen { history, head: self.log.head })
            }
            Kind::Direct(..) | Kind::Pair(_) => Err((Code::NotFound, "there is no such live room")),
        }
    }

    /// The head, with the user's membership.
    pub fn head_state(&self, user: &UserId, source: Source) -> HeadState {
        let view = self.view(user, source).ok();
        HeadState {
            conversation: self.id.clone(),
            seq: view.map_or(Seq::ZERO, |view| view.head),
            counted: view.map_or(0, |view| view.counted),
            last: view.and_then(|_| self.log.last().cloned()),
            member: view.is_some(),
            floor: view.map_or(Seq::ZERO, |view| view.floor),
            retention_seconds: self.retention_seconds,
            confirming: view.and_then(|_| self.owed.confirms.list()),
        }
    }

    /// What became of messages and is not in the store yet.
    pub fn fresh(&self) -> Fresh {
        self.owed.fresh.clone()
    }

    /// Whether the told entries from this one on may look other than they are in the log.
    pub fn is_laid_over(&self, from: Seq) -> bool {
        self.log.entry(from).is_none_or(|entry| self.is_changed_after(entry))
    }

    /// A device of the user has everything up to a told seq; written with the next flush.
    pub fn note_delivered(&mut self, user: &UserId, seq: Seq) {
        self.owed.owe_delivered(user, seq.min(self.log.head));
    }

    /// Takes over for how long entries are kept, if this entry sets that.
    pub(super) fn fold_retention(&mut self, entry: &Entry) {
        if let Some(seconds) = entry.body.as_retention() {
            self.retention_seconds = seconds;
        }
    }

    /// The told entries `from..=to`, if all are in memory.
    pub fn entries(&self, from: Seq, to: Seq) -> Option<Vec<Entry>> {
        self.log.entries(from, to.min(self.log.head)).map(|entries| entries.cloned().collect())
    }
}
