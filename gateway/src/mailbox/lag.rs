//! What is owed to a slow reader in place of the events that its mailbox had no room for.

use hashbrown::HashMap;
use proto::{ConversationId, Seq};

use crate::config::MailboxLimits;
use crate::wheel::Tick;

/// See the module.
pub(crate) struct Lag {
    /// When it began.
    pub(crate) since: Tick,
    /// Conversations whose events were not queued, and the newest seq of each.
    pub(crate) dirty: HashMap<ConversationId, Seq>,
    /// Something was left out that `dirty` cannot say.
    pub(crate) resync: bool,
    /// Messages that are nowhere else, by live room.
    pub(crate) missed: Missed,
}

/// How many messages of live rooms were dropped. As many rooms as a session is in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Missed(pub(crate) Vec<(ConversationId, u64)>);

/// So many are told of before the mailbox has drained, so that a room that never pauses cannot hide them.
const TOLD_EARLY: u64 = 64;

impl Missed {
    pub(super) fn note(&mut self, room: &ConversationId) {
        match self.0.iter_mut().find(|(of, _)| of == room) {
            Some((_, missed)) => *missed += 1,
            None => self.0.push((room.clone(), 1)),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Even though more waits.
    pub(super) fn worth_telling(&self) -> bool {
        self.0.iter().map(|(_, missed)| missed).sum::<u64>() >= TOLD_EARLY
    }

    pub(super) fn take(&mut self) -> Self {
        std::mem::take(self)
    }
}

impl Lag {
    pub(super) fn begin(now: Tick) -> Self {
        Self { since: now, dirty: HashMap::default(), resync: false, missed: Missed::default() }
    }

    /// No lag at all: only what is owed for messages of live rooms.
    pub(super) fn missing(now: Tick, missed: &mut Missed) -> Box<Self> {
        Box::new(Self { missed: missed.take(), ..Self::begin(now) })
    }

    pub(super) fn note(&mut self, conversation: &ConversationId, seq: Seq, limits: &MailboxLimits) {
        if let Some(newest) = self.dirty.get_mut(conversation) {
            *newest = seq.max(*newest);
        } else if self.dirty.len() < limits.dirty_conversations_max {
            self.dirty.insert(conversation.clone(), seq);
        } else {
            self.resync = true;
        }
    }
}
