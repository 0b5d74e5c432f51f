//! Users for whom no entry of this conversation is gone: their pages can be made from memory, without asking the store what
//! they deleted.
//!
//! It is known of a user once the store said so, and no longer when they change something. What the store says is believed
//! only if nothing was changed since it was asked.

use hashbrown::HashSet;
use proto::UserId;

use super::Conversation;

/// Users that are remembered.
const USERS_MAX: usize = 256;

/// See the module.
#[derive(Default)]
pub struct Plain {
    users: HashSet<UserId>,
    changes: u64,
}

impl Conversation {
    /// Whether it is known that this user sees every entry.
    pub fn is_plain_for(&self, user: &UserId) -> bool {
        self.plain.users.contains(user)
    }

    /// To be given back with what the store says.
    pub fn private_changes(&self) -> u64 {
        self.plain.changes
    }

    /// The store said, after [`Self::private_changes`] was this, that the user sees every entry.
    pub fn note_plain(&mut self, user: &UserId, changes: u64) {
        if changes != self.plain.changes {
            return;
        }
        if self.plain.users.len() >= USERS_MAX {
            self.plain.users.clear();
        }
        self.plain.users.insert(user.clone());
    }

    /// The user begins to change what they see, or has done so.
    pub fn forget_plain(&mut self, user: &UserId) {
        self.plain.changes += 1;
        self.plain.users.remove(user);
    }
}
