//! One other incarnation, as its heartbeats show it.

use proto::{Epoch, Heartbeat, Partition};

/// All times are of hearing ([`super::ear::Ear`]).
pub struct Peer {
    pub router: u64,
    /// First heard.
    pub since: u64,
    heard: u64,
    /// What it holds, in rising partition: claimed, and not yet seen to be released.
    pub serving: Vec<(Partition, Epoch)>,
    pub draining: bool,
    pub is_suspect: bool,
    /// It may be silent for so much longer.
    pub grace_ms: u64,
    /// It left a partition unclaimed that should have been its own.
    pub unable_until: u64,
}

impl Peer {
    pub fn new(beat: &Heartbeat, ear: u64) -> Self {
        let mut peer = Self {
            router: beat.router,
            since: ear,
            heard: ear,
            serving: Vec::new(),
            draining: beat.draining,
            is_suspect: false,
            grace_ms: 0,
            unable_until: 0,
        };
        peer.hold(beat);
        peer
    }

    /// Whether anything has changed.
    pub fn hear(&mut self, beat: &Heartbeat, ear: u64) -> bool {
        let was = (self.is_suspect, self.draining);
        self.heard = ear;
        self.is_suspect = false;
        self.grace_ms = 0;
        self.draining = beat.draining;
        let held = std::mem::take(&mut self.serving);
        self.hold(beat);
        if self.serving.len() > held.len() {
            self.unable_until = 0;
        }
        held != self.serving || was != (self.is_suspect, self.draining)
    }

    fn hold(&mut self, beat: &Heartbeat) {
        self.serving.clone_from(&beat.serving);
        self.serving.sort_unstable();
    }

    pub fn silence_ms(&self, ear: u64) -> u64 {
        ear.saturating_sub(self.heard)
    }

    pub fn epoch(&self, partition: Partition) -> Option<Epoch> {
        let at = self.serving.partition_point(|(held, _)| *held <= partition);
        self.serving[..at].last().filter(|(held, _)| *held == partition).map(|(_, epoch)| *epoch)
    }

    /// It went while it held partitions, and not in order.
    pub fn died_in_office(&self) -> bool {
        !self.draining && !self.serving.is_empty()
    }
}
