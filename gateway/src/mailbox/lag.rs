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
}

impl Lag {
    pub(super) fn begin(now: Tick) -> Self {
        Self { since: now, dirty: HashMap::default(), resync: false }
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
