//! The devices with a session in this process, and which of them changed since it was last written down.
//!
//! **Guarantees.** A device is in line once, however often it comes and goes; what is taken from the line is its state of that
//! moment. A device that left stays until its change was taken.
//!
//! **Limits.** `devices_max` devices, online or in line. Above it a device that comes is not taken in, and does not show. 56 bytes a
//! device, and its place in a [`DenseTable`].

use std::collections::VecDeque;
use std::num::NonZeroU64;
use std::sync::{Mutex, MutexGuard, PoisonError};

use dense::{DenseTable, Named};
use lifecycle::wall_clock_ms;
use proto::presence::{Activity, PresenceState};
use proto::{DeviceId, Timestamp, UserId};

use super::meters::PresenceMetrics;
use super::presence::{DevicePresence, DeviceState};

/// See the module.
pub(super) struct Roster {
    inner: Mutex<Inner>,
    devices_max: usize,
    metrics: PresenceMetrics,
}

#[derive(Default)]
struct Inner {
    /// By user: each has few.
    devices: DenseTable<Device>,
    line: VecDeque<(UserId, DeviceId)>,
}

struct Device {
    user: UserId,
    device: DeviceId,
    /// Since when it is what it is, in Unix milliseconds; `None` when it has no session and was never really there.
    since: Option<NonZeroU64>,
    sessions: u32,
    /// Of them that are not used.
    away: u32,
    in_line: bool,
}

/// A device in a state that was not written yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) user: UserId,
    pub(super) device: DeviceId,
    /// `None`: there was no such device, after all.
    pub(super) state: Option<DeviceState>,
}

impl Roster {
    pub(super) fn new(devices_max: usize) -> Self {
        Self { inner: Mutex::default(), devices_max, metrics: PresenceMetrics::new() }
    }

    pub(super) fn came(&self, user: &UserId, device: &DeviceId) {
        let mut inner = self.lock();
        if inner.find(user, device).is_none() {
            if inner.devices.len() >= self.devices_max {
                return self.metrics.not_taken_in.increment(1);
            }
            inner.insert(user, device);
        }
        let Some(found) = inner.find(user, device) else { return };
        let before = found.word();
        found.sessions += 1;
        self.settle(&mut inner, (user, device), before, Some(Timestamp(wall_clock_ms())));
    }

    pub(super) fn left(&self, user: &UserId, device: &DeviceId, activity: Activity) {
        self.leave(user, device, activity, Some(Timestamp(wall_clock_ms())));
    }

    pub(super) fn turned(&self, user: &UserId, device: &DeviceId, activity: Activity) {
        let mut inner = self.lock();
        let Some(found) = inner.find(user, device).filter(|found| found.sessions > 0) else { return };
        let before = found.word();
        found.away = match activity {
            Activity::Away => (found.away + 1).min(found.sessions),
            Activity::Active => found.away.saturating_sub(1),
        };
        self.settle(&mut inner, (user, device), before, Some(Timestamp(wall_clock_ms())));
    }

    pub(super) fn renamed(&self, user: &UserId, from: &DeviceId, to: &DeviceId) {
        self.came(user, to);
        self.leave(user, from, Activity::Active, None);
    }

    fn leave(&self, user: &UserId, device: &DeviceId, activity: Activity, when: Option<Timestamp>) {
        let mut inner = self.lock();
        // One that was not taken in is not here to leave.
        let Some(found) = inner.find(user, device).filter(|found| found.sessions > 0) else { return };
        let before = found.word();
        found.sessions -= 1;
        if activity == Activity::Away {
            found.away = found.away.saturating_sub(1);
        }
        found.away = found.away.min(found.sessions);
        self.settle(&mut inner, (user, device), before, when);
    }

    /// After sessions of the device changed.
    fn settle(
        &self,
        inner: &mut Inner,
        (user, device): (&UserId, &DeviceId),
        before: PresenceState,
        now: Option<Timestamp>,
    ) {
        let Some(found) = inner.find(user, device) else { return };
        if found.word() != before {
            found.since = now.and_then(|now| NonZeroU64::new(now.0));
            inner.line_up(user, device);
        }
        self.show(inner);
    }

    /// The devices of a user that have a session here.
    pub(super) fn online(&self, user: &UserId) -> Vec<DevicePresence> {
        let inner = self.lock();
        let devices = inner.devices.all_of(user).filter(|device| device.sessions > 0);
        let state =
            |device: &Device| Some(DevicePresence { device: device.device.clone(), state: device.state()? });
        devices.filter_map(state).collect()
    }

    /// Takes up to `max` changes from the line.
    pub(super) fn take(&self, max: usize) -> Vec<Change> {
        let mut inner = self.lock();
        let mut changes = Vec::new();
        while changes.len() < max {
            let Some((user, device)) = inner.line.pop_front() else { break };
            let Some(found) = inner.find(&user, &device) else { continue };
            found.in_line = false;
            let (state, gone) = (found.state(), found.sessions == 0);
            if gone {
                inner.remove(&user, &device);
            }
            changes.push(Change { user, device, state });
        }
        self.show(&inner);
        changes
    }

    /// So many changes were written.
    pub(super) fn written(&self, changes: usize) {
        self.metrics.written.increment(changes as u64);
    }

    /// Changes that could not be written wait again. What happened meanwhile counts more.
    pub(super) fn put_back(&self, changes: Vec<Change>) {
        let mut inner = self.lock();
        for Change { user, device, state } in changes {
            if inner.find(&user, &device).is_none() {
                let since = match state {
                    Some(DeviceState::Online(_) | DeviceState::Away(_)) => continue,
                    Some(DeviceState::Offline(since)) => Some(since),
                    None => None,
                };
                inner.insert(&user, &device);
                if let Some(found) = inner.find(&user, &device) {
                    found.since = since.and_then(|since| NonZeroU64::new(since.0));
                }
            }
            inner.line_up(&user, &device);
        }
        self.show(&inner);
    }

    /// Everything that was ever written is forgotten: every device waits again.
    pub(super) fn put_all_back(&self) {
        let mut inner = self.lock();
        let all: Vec<_> =
            inner.devices.iter().map(|known| (known.user.clone(), known.device.clone())).collect();
        all.iter().for_each(|(user, device)| inner.line_up(user, device));
        self.show(&inner);
    }

    fn show(&self, inner: &Inner) {
        self.metrics.devices.set(inner.devices.len() as f64);
        self.metrics.waiting.set(inner.line.len() as f64);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn find(&mut self, user: &UserId, device: &DeviceId) -> Option<&mut Device> {
        self.devices.find_mut(user, |known| known.device == *device)
    }

    fn insert(&mut self, user: &UserId, device: &DeviceId) {
        let (user, device) = (user.clone(), device.clone());
        self.devices.insert(Device { user, device, since: None, sessions: 0, away: 0, in_line: false });
    }

    fn remove(&mut self, user: &UserId, device: &DeviceId) {
        self.devices.remove(user, |known| known.device == *device);
    }

    fn line_up(&mut self, user: &UserId, device: &DeviceId) {
        let Some(found) = self.find(user, device).filter(|found| !found.in_line) else { return };
        found.in_line = true;
        self.line.push_back((user.clone(), device.clone()));
    }
}

impl Device {
    fn word(&self) -> PresenceState {
        match self.sessions {
            0 => PresenceState::Offline,
            sessions if self.away == sessions => PresenceState::Away,
            _ => PresenceState::Online,
        }
    }

    fn state(&self) -> Option<DeviceState> {
        let state = match self.word() {
            PresenceState::Offline | PresenceState::Unknown => DeviceState::Offline,
            PresenceState::Away => DeviceState::Away,
            PresenceState::Online => DeviceState::Online,
        };
        self.since.map(|since| state(Timestamp(since.get())))
    }
}

impl Named for Device {
    type Name = UserId;

    fn name(&self) -> &UserId {
        &self.user
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(user: &str, device: &str) -> (UserId, DeviceId) {
        (UserId::parse(user).unwrap(), DeviceId::parse(device).unwrap())
    }

    fn is_online(change: &Change) -> bool {
        matches!(change.state, Some(DeviceState::Online(_)))
    }

    #[test]
    fn only_the_last_of_many_changes_is_taken() {
        let roster = Roster::new(10);
        let (alice, phone) = names("alice", "phone");
        for _ in 0..5 {
            roster.came(&alice, &phone);
            roster.left(&alice, &phone, Activity::Active);
        }
        roster.came(&alice, &phone);
        let changes = roster.take(10);
        assert_eq!(changes.len(), 1);
        assert!(is_online(&changes[0]));
        roster.came(&alice, &phone);
        roster.left(&alice, &phone, Activity::Active);
        assert_eq!(roster.take(10), [], "a second session of the device changes nothing");
        roster.left(&alice, &phone, Activity::Active);
        assert!(!is_online(&roster.take(10)[0]));
        assert_eq!((roster.take(10), roster.lock().devices.len()), (vec![], 0));
    }

    #[test]
    fn a_change_that_was_not_written_waits_again_and_newer_ones_count_more() {
        let roster = Roster::new(10);
        let (alice, phone) = names("alice", "phone");
        let (bob, web) = names("bob", "web");
        roster.came(&alice, &phone);
        roster.came(&bob, &web);
        roster.take(10);
        roster.left(&alice, &phone, Activity::Active);
        roster.left(&bob, &web, Activity::Active);
        let lost = roster.take(10);
        roster.came(&alice, &phone);
        roster.put_back(lost.clone());
        let again = roster.take(10);
        assert_eq!(again.len(), 2);
        assert!(is_online(&again[0]) && again[0].user == alice);
        assert_eq!(again[1], lost[1]);
    }

    #[test]
    fn a_device_that_was_named_late_leaves_no_trace_of_its_first_name() {
        let roster = Roster::new(10);
        let (alice, unnamed) = names("alice", "default");
        let (_, phone) = names("alice", "phone");
        roster.came(&alice, &unnamed);
        roster.renamed(&alice, &unnamed, &phone);
        let changes = roster.take(10);
        assert_eq!((changes.len(), &changes[0].state, &changes[0].device), (2, &None, &unnamed));
        assert!(is_online(&changes[1]) && changes[1].device == phone);
        assert_eq!(roster.online(&alice).len(), 1);
    }

    #[test]
    fn a_device_is_away_when_none_of_its_sessions_is_used() {
        let roster = Roster::new(10);
        let (alice, web) = names("alice", "web");
        let state = || roster.take(10).pop().map(|change| change.state.unwrap().word());
        roster.came(&alice, &web);
        roster.came(&alice, &web);
        assert_eq!(state(), Some(PresenceState::Online));
        roster.turned(&alice, &web, Activity::Away);
        assert_eq!(state(), None, "the other session is used");
        roster.left(&alice, &web, Activity::Active);
        assert_eq!(state(), Some(PresenceState::Away));
        roster.came(&alice, &web);
        assert_eq!(state(), Some(PresenceState::Online), "who comes is there");
        roster.turned(&alice, &web, Activity::Away);
        assert_eq!(state(), Some(PresenceState::Away));
        roster.turned(&alice, &web, Activity::Active);
        assert_eq!(state(), Some(PresenceState::Online));
        roster.left(&alice, &web, Activity::Active);
        roster.left(&alice, &web, Activity::Away);
        assert_eq!(state(), Some(PresenceState::Offline));
        assert!(roster.lock().devices.is_empty());
    }

    #[test]
    fn a_device_is_small() {
        assert!(size_of::<Device>() <= 56, "{} bytes", size_of::<Device>());
    }

    #[test]
    fn who_does_not_fit_is_not_shown_and_does_not_disturb() {
        let roster = Roster::new(1);
        let (alice, phone) = names("alice", "phone");
        let (bob, web) = names("bob", "web");
        roster.came(&alice, &phone);
        roster.came(&bob, &web);
        roster.left(&bob, &web, Activity::Active);
        assert_eq!((roster.online(&alice).len(), roster.online(&bob).len()), (1, 0));
        roster.left(&alice, &phone, Activity::Active);
        roster.take(10);
        roster.came(&bob, &web);
        assert_eq!(roster.online(&bob).len(), 1);
        roster.take(10);
        roster.put_all_back();
        assert_eq!(roster.take(10).len(), 1);
    }
}
