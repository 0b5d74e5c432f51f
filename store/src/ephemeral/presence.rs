//! Who is online, as it is told to people.

use std::collections::BTreeMap;
use std::time::Duration;

use proto::presence::{KindPresence, PresenceState, UserPresence};
use proto::{DeviceId, Timestamp, UserId};

/// What is known of one user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Presence {
    /// Nobody knows now. Not the same as offline.
    Unknown,
    /// The devices of which something is known, in order of their names; none for a user who was never seen, or not for long.
    Known(Vec<DevicePresence>),
}

/// What is known of one device.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DevicePresence {
    /// As its client names it.
    pub device: DeviceId,
    /// What it does.
    pub state: DeviceState,
}

/// Whether a device is online.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DeviceState {
    /// It has not been seen since.
    Offline(Timestamp),
    /// It has sessions, and none of them is used since.
    Away(Timestamp),
    /// It has a session that is used, since then.
    Online(Timestamp),
}

impl Presence {
    /// As those who watch the user hear it.
    pub fn told(&self, user: UserId) -> UserPresence {
        let Self::Known(devices) = self else { return UserPresence::unknown(user) };
        let state = devices.iter().map(|device| device.state.word()).max().unwrap_or(PresenceState::Offline);
        let last =
            devices.iter().filter(|device| device.state.word() == state).map(|device| device.state.since());
        let mut kinds: BTreeMap<DeviceId, PresenceState> = BTreeMap::new();
        for device in devices.iter().filter(|device| device.state.word() > PresenceState::Offline) {
            let kind = kinds.entry(device.device.kind()).or_insert(PresenceState::Offline);
            *kind = device.state.word().max(*kind);
        }
        UserPresence {
            user,
            state,
            last_seen: last.max().filter(|_| state != PresenceState::Online),
            devices: kinds.into_iter().map(|(kind, state)| KindPresence { kind, state }).collect(),
        }
    }

    /// Who has just left may come back in a moment: until `grace` is over it is as if the device were still there.
    #[must_use]
    pub fn with_grace(mut self, now: Timestamp, grace: Duration) -> Self {
        let grace_ms = u64::try_from(grace.as_millis()).unwrap_or(u64::MAX);
        if let Self::Known(devices) = &mut self {
            for device in devices {
                if let DeviceState::Offline(when) = device.state
                    && now.0.saturating_sub(when.0) < grace_ms
                {
                    device.state = DeviceState::Online(when);
                }
            }
        }
        self
    }

    /// Of several findings for one device, the one that says most: online before offline, then the later one.
    pub(super) fn of(mut found: Vec<DevicePresence>) -> Self {
        found.sort_unstable_by(|a, b| a.device.cmp(&b.device).then(b.state.cmp(&a.state)));
        found.dedup_by(|next, kept| next.device == kept.device);
        Self::Known(found)
    }
}

impl DeviceState {
    /// Without the time.
    pub fn word(self) -> PresenceState {
        match self {
            Self::Offline(_) => PresenceState::Offline,
            Self::Away(_) => PresenceState::Away,
            Self::Online(_) => PresenceState::Online,
        }
    }

    /// Since when.
    pub fn since(self) -> Timestamp {
        match self {
            Self::Offline(when) | Self::Away(when) | Self::Online(when) => when,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user() -> UserId {
        UserId::parse("alice").unwrap()
    }

    fn known(devices: &[(&str, DeviceState)]) -> Presence {
        let device = |(name, state): &(&str, DeviceState)| DevicePresence {
            device: DeviceId::parse(name).unwrap(),
            state: *state,
        };
        Presence::Known(devices.iter().map(device).collect())
    }

    #[test]
    fn a_user_is_as_present_as_the_most_present_device() {
        use DeviceState::{Away, Offline, Online};
        let (one, two, three) = (Timestamp(1), Timestamp(2), Timestamp(3));
        let all =
            known(&[("phone-a", Away(one)), ("phone-b", Online(two)), ("tv", Offline(three))]).told(user());
        let phone = |state| vec![KindPresence { kind: DeviceId::parse("phone").unwrap(), state }];
        assert_eq!((all.state, all.last_seen), (PresenceState::Online, None));
        assert_eq!(all.devices, phone(PresenceState::Online), "one of a kind, and none that left");

        let away =
            known(&[("phone-a", Away(one)), ("phone-b", Away(two)), ("tv", Offline(three))]).told(user());
        assert_eq!((away.state, away.last_seen), (PresenceState::Away, Some(two)));
        assert_eq!(away.devices, phone(PresenceState::Away));

        let left = known(&[("phone", Offline(one)), ("tv", Offline(three))]).told(user());
        assert_eq!((left.state, left.last_seen, left.devices), (PresenceState::Offline, Some(three), vec![]));
        assert_eq!(known(&[]).told(user()), UserPresence::never(user()));
        assert_eq!(Presence::Unknown.told(user()), UserPresence::unknown(user()));
    }

    #[test]
    fn who_left_a_moment_ago_is_still_there() {
        let left = known(&[("phone", DeviceState::Offline(Timestamp(5_000)))]);
        let state = |now| left.clone().with_grace(Timestamp(now), Duration::from_secs(1)).told(user()).state;
        assert_eq!(state(5_999), PresenceState::Online);
        assert_eq!(state(6_000), PresenceState::Offline);
        assert_eq!(state(4_000), PresenceState::Online, "by a clock that is behind");
    }

    #[test]
    fn a_device_is_told_once_and_online_counts_more() {
        let at = |name: &str, state| DevicePresence { device: DeviceId::parse(name).unwrap(), state };
        let found = vec![
            at("web", DeviceState::Offline(Timestamp(9))),
            at("phone", DeviceState::Offline(Timestamp(1))),
            at("phone", DeviceState::Offline(Timestamp(2))),
            at("web", DeviceState::Online(Timestamp(3))),
        ];
        let expected = vec![
            at("phone", DeviceState::Offline(Timestamp(2))),
            at("web", DeviceState::Online(Timestamp(3))),
        ];
        assert_eq!(Presence::of(found), Presence::Known(expected));
    }
}
