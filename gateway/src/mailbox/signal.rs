//! What a signal is about: of two with the same key, the later one makes the earlier one worthless.

use std::hash::{BuildHasher as _, Hash};
use std::num::NonZeroU64;

use hashbrown::DefaultHashBuilder;
use proto::ServerFrame;

/// A keyed hash of what a signal is about; two subjects have the same one with the chance 2⁻⁶⁴.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SignalKey(NonZeroU64);

/// Makes keys. One for a shard.
#[derive(Default)]
pub(crate) struct SignalKeys(DefaultHashBuilder);

impl SignalKeys {
    /// The key of a frame that is a signal; `None` for one that outdates no other.
    pub(crate) fn of(&self, frame: &ServerFrame) -> Option<SignalKey> {
        match frame {
            ServerFrame::Typing(typing) => self.key(("typing", &typing.conversation, &typing.user)),
            ServerFrame::Presence(users) => match &users[..] {
                [presence] => self.key(("presence", &presence.user)),
                _ => None,
            },
            _ => None,
        }
    }

    fn key(&self, about: impl Hash) -> Option<SignalKey> {
        NonZeroU64::new(self.0.hash_one(about)).map(SignalKey)
    }
}

#[cfg(test)]
mod tests {
    use proto::server_frame::Typing;
    use proto::{ConversationId, UserId};

    use super::*;

    fn typing(by: &str, with: &str) -> ServerFrame {
        let user = |name| UserId::parse(name).unwrap();
        let conversation = ConversationId::direct(&user("alice"), &user(with));
        ServerFrame::Typing(Typing { conversation, user: user(by) })
    }

    #[test]
    fn who_types_where_is_what_typing_is_about() {
        let keys = SignalKeys::default();
        assert!(keys.of(&typing("alice", "bob")).is_some());
        assert_eq!(keys.of(&typing("alice", "bob")), keys.of(&typing("alice", "bob")));
        assert_ne!(keys.of(&typing("alice", "bob")), keys.of(&typing("bob", "bob")));
        assert_ne!(keys.of(&typing("alice", "bob")), keys.of(&typing("alice", "carol")));
        assert_eq!(keys.of(&ServerFrame::Resync), None);
    }
}
