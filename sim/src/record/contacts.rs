//! What two users were told of each other, and what they said when one of them was known to block the other, or not to.

use proto::server_frame::Nack;
use proto::{ClientMessageId, Code, Contact, UserId};
use store::Relation;
use tokio::time::Instant;

use super::Record;

/// Who is no device of the world; the first user blocks them, or not.
pub const STRANGER: &str = "eve";

/// Whether the first user blocks the stranger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Block {
    /// It was asked to become so, and may be either.
    Asked(bool),
    /// It is so since then: it was told, and nothing else was asked.
    Told(bool, Instant),
}

impl Record {
    /// The first user asks to block, or not to block any more.
    pub fn asks_to_block(&mut self, blocks: bool) {
        self.block = Block::Asked(blocks);
    }

    /// Whether it was told that the first user blocks, or that they do not.
    pub fn is_told_to_block(&self, blocks: bool) -> bool {
        matches!(self.block, Block::Told(told, _) if told == blocks)
    }

    /// An answer to one of the two.
    pub(super) fn heard_of_block(&mut self, contact: &Contact) {
        if contact.user.as_str() == STRANGER && self.block == Block::Asked(contact.blocked) {
            self.block = Block::Told(contact.blocked, Instant::now());
        }
    }

    /// A program said this between the two, now.
    pub fn said_to_contact(&mut self, id: ClientMessageId) {
        let said = (Instant::now(), self.block);
        if let Some(call) = self.calls.get_mut(&id) {
            call.said = Some(said);
        }
    }

    /// Whether it was said while there was a block, which was not asked to end since.
    pub(super) fn is_blocked_since(&self, said: Option<(Instant, Block)>) -> bool {
        said.is_some_and(|(_, block)| matches!(block, Block::Told(true, _)) && block == self.block)
    }

    /// Nobody is refused for a block that had ended long before they spoke.
    pub(super) fn refused_contact(&mut self, nack: &Nack) {
        let Some(id) = nack.client_message_id.filter(|_| nack.code == Code::Blocked) else { return };
        let said = self.calls.get(&id).and_then(|call| call.said);
        let (Some((said, block @ Block::Told(false, since))), Some(old)) = (said, self.answers_old) else {
            return;
        };
        if block == self.block && said >= since + old {
            self.violate(format!("{id} was refused, though neither of the two blocked the other any more"));
        }
    }

    pub(super) fn contact(&mut self, contact: &Contact) {
        let newest = self.contacts.entry(contact.user.clone()).or_insert_with(|| contact.clone());
        if newest.version < contact.version {
            newest.clone_from(contact);
        } else if newest.version == contact.version && *newest != *contact {
            let user = &contact.user;
            let what = format!("{user} was told of as {newest:?} and then as {contact:?}");
            self.violate(what);
        }
    }

    /// Compares what a user was told of the other with what is stored.
    pub fn check_contact(&self, user: &UserId, row: Option<&Relation>) -> Result<(), String> {
        let told = self.contacts.values().find(|contact| contact.user != *user);
        let Some(told) = told.filter(|told| told.version > 0) else { return Ok(()) };
        let stored = row.map(|row| &row.contact);
        let is_behind = stored.is_none_or(|stored| stored.version < told.version);
        if is_behind || stored.is_some_and(|stored| stored.version == told.version && stored != told) {
            return Err(format!("{user} was told {told:?}, but there is {stored:?}"));
        }
        Ok(())
    }
}
