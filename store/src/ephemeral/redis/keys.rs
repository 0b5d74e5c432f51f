//! How keys are spelled. No id contains `/`, and ids are the last part of a key.

use proto::{DeviceId, UserId};

use crate::ephemeral::attempts::Attempt;

/// What stands behind the process in the field of a device that is away. A version that does not know it takes it for
/// the name of a process that does not live.
pub(super) const AWAY: &str = "/away";

pub(super) struct Keys {
    prefix: String,
    /// This process, new at each start.
    process: String,
}

impl Keys {
    pub(super) fn new(prefix: &str) -> Self {
        Self { prefix: prefix.to_owned(), process: format!("{:016x}", rand::random::<u64>()) }
    }

    /// Hash: who of a user is online, and when others left.
    pub(super) fn user(&self, user: &UserId) -> String {
        format!("{}:presence:{user}", self.prefix)
    }

    /// Field: a device with a session in this process.
    pub(super) fn device_here(&self, device: &DeviceId) -> String {
        format!("{device}/{}", self.process)
    }

    /// Field: the same where none of these sessions is used.
    pub(super) fn device_away_here(&self, device: &DeviceId) -> String {
        format!("{device}/{}{AWAY}", self.process)
    }

    /// There while this process lives.
    pub(super) fn alive_here(&self) -> String {
        self.alive(&self.process)
    }

    /// When this process last said that it lives.
    pub(super) fn beat_here(&self) -> String {
        self.beat(&self.process)
    }

    pub(super) fn alive(&self, process: &str) -> String {
        format!("{}:alive:{process}", self.prefix)
    }

    pub(super) fn beat(&self, process: &str) -> String {
        format!("{}:beat:{process}", self.prefix)
    }

    /// Hash: failures, and until when to wait.
    pub(super) fn attempt(&self, attempt: Attempt<'_>) -> String {
        match attempt {
            Attempt::Account(name) => format!("{}:account:{name}", self.prefix),
            Attempt::Address(address) => format!("{}:address:{}", self.prefix, address.to_canonical()),
        }
    }

    pub(super) fn ticket(&self, ticket: &[u8; 32]) -> Vec<u8> {
        let mut key = format!("{}:ticket:", self.prefix).into_bytes();
        key.extend_from_slice(ticket);
        key
    }
}
