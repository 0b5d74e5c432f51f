//! Broadcasts: what a service tells everybody who is connected, and how far it has come.

use crate::{Body, ClientMessageId, Timestamp, UserId};

/// What everybody who is connected is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broadcast {
    /// The idempotency key of the call.
    pub id: ClientMessageId,
    /// Who says it.
    pub sender: UserId,
    /// When it began.
    pub time: Timestamp,
    /// What it says.
    pub body: Body,
}

/// What is asked of whoever sees to broadcasts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BroadcastRequest {
    /// Tell everybody, in the name of the asking user. Answered with the state.
    Begin {
        /// The idempotency key.
        id: ClientMessageId,
        /// What to say.
        body: Body,
    },
    /// A gateway shard says how far it is.
    Report(BroadcastReport),
    /// Answered with the state.
    State(ClientMessageId),
}

/// How far a gateway shard is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BroadcastReport {
    /// With which broadcast.
    pub id: ClientMessageId,
    /// Sockets that were told.
    pub told: u64,
    /// Sockets that had no room for it.
    pub missed: u64,
    /// Sockets that are still to be told; at 0 the shard has ended.
    pub left: u64,
    /// When the broadcast began, as it says itself.
    pub begun: Timestamp,
}

/// How far a broadcast is, as its gateways say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BroadcastState {
    /// Which.
    pub id: ClientMessageId,
    /// Since when.
    pub begun: Timestamp,
    /// Gateway shards that have begun.
    pub shards: u32,
    /// Sockets that were told.
    pub told: u64,
    /// Sockets that had no room for it.
    pub missed: u64,
    /// Sockets that are still to be told.
    pub left: u64,
    /// Sockets that were still to be told by shards of which nothing is heard any more; not in `left`.
    pub lost: u64,
    /// Sockets a second that are told at the moment.
    pub per_second: u32,
    /// When the last shard came to its end; `None` while any tells.
    pub ended: Option<Timestamp>,
}
