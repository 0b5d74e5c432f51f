//! Who is online, as it is told to people.

use proto::{DeviceId, Timestamp};

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
    /// It has a session; the first of those it has began then.
    Online(Timestamp),
}

impl Presence {
    /// Of several findings for one device, the one that says most: online before offline, then the later one.
    pub(super) fn of(mut found: Vec<DevicePresence>) -> Self {
        found.sort_unstable_by(|a, b| a.device.cmp(&b.device).then(b.state.cmp(&a.state)));
        found.dedup_by(|next, kept| next.device == kept.device);
        Self::Known(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
