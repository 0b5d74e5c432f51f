//! What a user keeps for themselves in a conversation: settings, a draft, what they do not want to see any more.

use crate::{ConversationId, Seq, Timestamp};

/// See `Settings` in `client.proto`.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Settings {
    /// First in lists.
    pub pinned: bool,
    /// No notifications before this; zero for not muted.
    pub muted_until: Timestamp,
    /// Not among the others in lists.
    pub archived: bool,
    /// Hidden from lists as long as the head is below this; zero for not hidden.
    pub hidden_below: Seq,
    /// A message that was begun.
    pub draft: String,
    /// Shown as unread, whatever was read.
    pub marked_unread: bool,
    /// Entries up to here are gone for this user.
    pub cleared: Seq,
    /// Those after it that are gone for this user, rising.
    pub deleted: Vec<Seq>,
    /// When something of this changed last. Rises with each change; zero where nothing was ever set.
    pub changed: Timestamp,
}

impl std::fmt::Debug for Settings {
    /// Without the draft, which is as secret as a body.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings")
            .field("pinned", &self.pinned)
            .field("muted_until", &self.muted_until)
            .field("archived", &self.archived)
            .field("hidden_below", &self.hidden_below)
            .field("marked_unread", &self.marked_unread)
            .field("cleared", &self.cleared)
            .field("deleted", &self.deleted)
            .field("changed", &self.changed)
            .finish_non_exhaustive()
    }
}

impl Settings {
    /// Whether an entry is gone for this user.
    pub fn hides(&self, seq: Seq) -> bool {
        seq <= self.cleared || self.deleted.binary_search(&seq).is_ok()
    }

    /// Whether no entry is gone for this user.
    pub fn hides_nothing(&self) -> bool {
        self.cleared == Seq::ZERO && self.deleted.is_empty()
    }

    /// Whether the conversation is hidden from lists while this is its head.
    pub fn is_hidden_at(&self, head: Seq) -> bool {
        head < self.hidden_below
    }

    /// Whether notifications are off.
    pub fn is_muted_at(&self, now: Timestamp) -> bool {
        now < self.muted_until
    }
}

/// What a user changes for themselves in a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrivateChange {
    /// Which.
    pub conversation: ConversationId,
    /// What.
    pub what: Private,
}

/// See [`PrivateChange`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Private {
    /// Settings.
    Set(Box<Preferences>),
    /// Everything up to this seq is gone; zero means the head.
    Clear(Seq),
    /// These entries are gone.
    Delete(Vec<Seq>),
}

/// Settings that shall change; what is `None` stays as it is.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Preferences {
    /// First in lists.
    pub pinned: Option<bool>,
    /// No notifications before this; zero for not muted.
    pub muted_until: Option<Timestamp>,
    /// Not among the others in lists.
    pub archived: Option<bool>,
    /// Hidden until the next entry comes.
    pub hidden: Option<bool>,
    /// A message that was begun; empty for none.
    pub draft: Option<String>,
    /// Shown as unread, whatever was read.
    pub marked_unread: Option<bool>,
}

impl std::fmt::Debug for Preferences {
    /// Without the draft, which is as secret as a body.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Preferences")
            .field("pinned", &self.pinned)
            .field("muted_until", &self.muted_until)
            .field("archived", &self.archived)
            .field("hidden", &self.hidden)
            .field("marked_unread", &self.marked_unread)
            .finish_non_exhaustive()
    }
}

impl PrivateChange {
    /// The member name of its frame.
    pub fn name(&self) -> &'static str {
        match self.what {
            Private::Set(_) => "conversation_set",
            Private::Clear(_) => "clear",
            Private::Delete(_) => "delete_for_me",
        }
    }
}
