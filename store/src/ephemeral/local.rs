//! What this process knows by itself.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use proto::presence::Activity;
use proto::{DeviceId, Timestamp, UserId};
use tokio::time::Instant;

use super::Away;
use super::attempts::Attempts;
use super::changes::{Changes, Did};
use super::config::{LocalConfig, Others};
use super::generations::Generations;
use super::presence::{DevicePresence, DeviceState, Presence};
use super::roster::{Change, Roster};
use super::tickets::Tickets;

/// Devices of one user that are remembered to have left.
const SEEN_DEVICES_MAX: usize = 8;

/// See [`super::Ephemeral::Local`].
pub struct Local {
    roster: Roster,
    seen: Mutex<Generations<UserId, Vec<(DeviceId, Timestamp)>>>,
    pub(super) attempts: Attempts,
    pub(super) changes: Changes,
    tickets: Mutex<Tickets>,
    others: Others,
}

impl Local {
    pub(super) fn new(config: LocalConfig) -> Self {
        let presence = config.presence;
        Self {
            roster: Roster::new(presence.devices_max),
            seen: Mutex::new(Generations::new(presence.devices_max, presence.retention)),
            attempts: Attempts::new(config.attempts_max),
            changes: Changes::new(presence.devices_max),
            tickets: Mutex::default(),
            others: config.others,
        }
    }

    pub(super) fn came(&self, user: &UserId, device: &DeviceId) {
        self.roster.came(user, device);
        self.write_down();
    }

    pub(super) fn left(&self, user: &UserId, device: &DeviceId, activity: Activity) {
        self.roster.left(user, device, activity);
        self.write_down();
    }

    pub(super) fn turned(&self, user: &UserId, device: &DeviceId, activity: Activity) {
        self.roster.turned(user, device, activity);
        self.write_down();
    }

    pub(super) fn renamed(&self, user: &UserId, from: &DeviceId, to: &DeviceId) {
        self.roster.renamed(user, from, to);
        self.write_down();
    }

    pub(super) fn presence(&self, user: &UserId) -> Presence {
        let mut found = self.roster.online(user);
        if found.is_empty() && self.others == Others::Maybe {
            return Presence::Unknown;
        }
        let mut seen = lock(&self.seen);
        let offline = |(device, since): &(DeviceId, Timestamp)| DevicePresence {
            device: device.clone(),
            state: DeviceState::Offline(*since),
        };
        found.extend(seen.get(user, Instant::now()).into_iter().flatten().map(offline));
        Presence::of(found)
    }

    pub(super) fn put_ticket(&self, ticket: [u8; 32], content: Vec<u8>, ttl: Duration) -> Result<(), Away> {
        if self.others == Others::Maybe {
            return Err(Away);
        }
        lock(&self.tickets).put(ticket, content, ttl);
        Ok(())
    }

    pub(super) fn take_ticket(&self, ticket: &[u8; 32]) -> Option<Vec<u8>> {
        lock(&self.tickets).take(ticket)
    }

    /// Here is nothing to wait for: changes are written down as they happen.
    fn write_down(&self) {
        for Change { user, device, state } in self.roster.take(usize::MAX) {
            let Some(DeviceState::Offline(since)) = state else {
                self.changes.note(&user, Did::Come);
                continue;
            };
            let mut seen = lock(&self.seen);
            let mut devices = seen.take(&user, Instant::now()).unwrap_or_default();
            devices.retain(|(known, _)| *known != device);
            if devices.len() >= SEEN_DEVICES_MAX {
                devices.remove(0);
            }
            devices.push((device, since));
            seen.put(user.clone(), devices, Instant::now());
            drop(seen);
            self.changes.note(&user, Did::Leave);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
