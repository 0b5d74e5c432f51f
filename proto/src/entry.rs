//! One entry of a conversation's log.

use crate::{Body, ClientMessageId, MessageId, Seq, Timestamp, UserId};

/// What is stored once, for ever, at one `seq` of a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its place.
    pub seq: Seq,
    /// Its global handle.
    pub message_id: MessageId,
    /// Who said or did it.
    pub sender: UserId,
    /// When the router took it, by its clock.
    pub time: Timestamp,
    /// How many countable entries there are up to and including this one; unread is a difference of these.
    pub counted: u64,
    /// The idempotency key of the send that made it; entries that the router makes itself have one of their own.
    pub client_message_id: ClientMessageId,
    /// What it says.
    pub body: Body,
}
