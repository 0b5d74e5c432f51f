//! Answers to commands.

use proto::Reply;

use super::Shard;
use crate::session::{Flags, SessionKey};

impl Shard {
    /// One answer. A session that is gone or closing needs none.
    pub(super) fn on_reply(&mut self, number: u64, reply: Reply) {
        let key = SessionKey::from_number(number);
        if key.is_of_shard() {
            if matches!(reply, Reply::Settled) {
                self.broadcasts.answered(key.slot);
            }
            return;
        }
        let now = self.clock.tick();
        let Some(session) = self.sessions.get_mut(key) else { return };
        session.unanswered = session.unanswered.saturating_sub(1);
        session.unanswered_since = now;
        if session.flags.has(Flags::PAUSED) && session.unanswered < self.config.session.unanswered_max {
            session.wake();
        }
        let encoding = session.encoding;
        match reply {
            // Nothing here asks for groups' changes or for the state of broadcasts.
            Reply::Settled | Reply::GroupDone(_) | Reply::Broadcast(_) => {}
            Reply::Presence(seen) => self.on_presence_seen(key, *seen),
            Reply::Room(answer) => self.on_room(key, answer),
            Reply::Frame(frame) => self.tell(key, frame.encode_message(encoding)),
            Reply::Groups(groups) => self.on_groups(key, groups),
            Reply::Heads(heads) => self.on_heads(key, heads),
        }
    }
}
