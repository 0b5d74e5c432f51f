//! What a reader may see of a loaded conversation.

use proto::command::Source;
use proto::delivery::HeadState;
use proto::{Code, Entry, Seq, Timestamp, UserId};

use super::{Conversation, Fresh, Kind};
use crate::rules::membership::Refusal;

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
}

impl Conversation {
    /// What the user may see, or why nothing.
    pub fn view(&self, user: &UserId, source: Source) -> Result<View, Refusal> {
        let floor = match &self.kind {
            Kind::Direct(one, other) if user == one || user == other => Seq(1),
            Kind::Direct(..) => return Err((Code::Forbidden, "only its two users may read")),
            Kind::Pair(_) => return Err((Code::Forbidden, "nobody may read this")),
            Kind::Group(_, group) => group.may_read(user, source)?,
        };
        let last = self.log.last().map_or(Timestamp(0), |entry| entry.time);
        Ok(View { head: self.log.head, counted: self.log.counted, floor, last })
    }

    /// The head, with the user's membership.
    pub fn head_state(&self, user: &UserId) -> HeadState {
        let view = self.view(user, Source::Client).ok();
        HeadState {
            conversation: self.id.clone(),
            seq: view.map_or(Seq::ZERO, |view| view.head),
            counted: view.map_or(0, |view| view.counted),
            last: view.and_then(|_| self.log.last().cloned()),
            member: view.is_some(),
            floor: view.map_or(Seq::ZERO, |view| view.floor),
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

    /// The told entries `from..=to`, if all are in memory.
    pub fn entries(&self, from: Seq, to: Seq) -> Option<Vec<Entry>> {
        self.log.entries(from, to.min(self.log.head)).map(|entries| entries.cloned().collect())
    }
}
