//! Heartbeats: what a router worker tells everyone about itself.

use crate::{Epoch, Partition};

/// What one incarnation serves. Says whom to suspect when it stays away; never who may write (FENCE O1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    /// The router process.
    pub router: u64,
    /// One life of one worker of that process; never used again.
    pub incarnation: u128,
    /// The partitions it serves, each with the epoch of its claim.
    pub serving: Vec<(Partition, Epoch)>,
    /// It is about to release everything.
    pub draining: bool,
    /// Milliseconds on a steady clock of the sender's own: when it hears itself, it knows by this how old that is.
    pub sent_ms: u64,
}
