//! Contacts: what two users are to each other, as each of them may know it.

use crate::{Timestamp, UserId};

/// What another user is to the reader. With nothing set: nothing any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// The other.
    pub user: UserId,
    /// Rises with each change that the reader may know of; a state whose version is not above the one held is old.
    pub version: u64,
    /// Since when they are friends.
    pub friend_since: Option<Timestamp>,
    /// The reader's own name for a friend; empty for none.
    pub remark: String,
    /// The reader blocks this user.
    pub blocked: bool,
    /// What this user asks of the reader.
    pub incoming: Option<FriendRequest>,
    /// What the reader asks of this user.
    pub outgoing: Option<FriendRequest>,
    /// When it last changed.
    pub time: Timestamp,
}

/// One user asks another to become friends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FriendRequest {
    /// What the asking user says, at most [`crate::limits::NOTE_CHARS_MAX`] characters.
    pub note: String,
    /// When it was asked.
    pub time: Timestamp,
    /// Until when it can be accepted.
    pub expires: Timestamp,
}

/// What the asking user does to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContactRequest {
    /// Ask to become friends, with a note. Accepts, when the other has asked before.
    Apply(String),
    /// Become friends with one who asked.
    Accept,
    /// Turn one down who asked.
    Reject,
    /// End the friendship, or withdraw one's own request.
    Remove,
    /// Take no more direct messages and requests from the other, and be offline for the other.
    Block,
    /// Take them again.
    Unblock,
    /// One's own name for a friend; empty for none. Nobody else knows it.
    Remark(String),
}

impl Contact {
    /// Nothing, and never anything.
    pub fn nobody(user: UserId) -> Self {
        Self {
            user,
            version: 0,
            friend_since: None,
            remark: String::new(),
            blocked: false,
            incoming: None,
            outgoing: None,
            time: Timestamp(0),
        }
    }
}
