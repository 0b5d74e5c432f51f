//! `sync`: heads of what is on screen, from the owners of those conversations, then what changed, from the owner of the
//! user.

use std::collections::BTreeMap;

use proto::client_frame::{Position, Sync};
use proto::delivery::HeadState;
use proto::server_frame::Head;
use proto::{Partition, Request, ServerFrame};

use super::Shard;
use super::commands::Busy;
use crate::session::SessionKey;

impl Shard {
    /// Carries a `sync` out once the session is interested, so that nothing falls between the two.
    pub(super) fn on_sync(&mut self, key: SessionKey, sync: Sync) {
        let Some(session) = self.sessions.get_mut(key) else { return };
        match &mut session.pending {
            None => self.run_sync(key, sync),
            Some(pending) if pending.syncs.len() < self.config.session.waiting_syncs_max => {
                pending.syncs.push(sync);
            }
            Some(_) => self.refuse_for_now(key, "sync", None),
        }
    }

    pub(super) fn run_sync(&mut self, key: SessionKey, sync: Sync) {
        if self.send_sync(key, sync).is_err() {
            self.refuse_for_now(key, "sync", None);
        }
    }

    fn send_sync(&mut self, key: SessionKey, mut sync: Sync) -> Result<(), Busy> {
        // Those of rooms are asked in the name of somebody who is in them.
        let in_room = |position: &mut Position| self.interest.is_in_room(key.slot, &position.conversation);
        let rooms: Vec<_> = sync.open.extract_if(.., in_room).collect();
        for room in rooms {
            self.send_command(key, Request::Heads(vec![room.conversation]))?;
        }
        let mut by_partition: BTreeMap<Partition, Vec<_>> = BTreeMap::new();
        for position in sync.open.drain(..) {
            by_partition
                .entry(Partition::of(&position.conversation))
                .or_default()
                .push(position.conversation);
        }
        for conversations in by_partition.into_values() {
            self.send_command(key, Request::Heads(conversations))?;
        }
        self.send_command(key, Request::Sync(sync))
    }

    /// The answer to `Heads`. What the user may not see is not told, not even that it exists.
    pub(super) fn on_heads(&mut self, key: SessionKey, heads: Vec<HeadState>) {
        let Some(session) = self.sessions.get(key) else { return };
        let encoding = session.encoding;
        for state in heads.into_iter().filter(|state| state.member) {
            let head = Head::of(state.conversation, state.seq);
            self.tell(key, ServerFrame::Head(head).encode_message(encoding));
        }
    }
}
