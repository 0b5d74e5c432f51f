//! Presence between its values and the generated types.

use wire::client_frame::Frame;

use crate::presence::{
    Activity, KindPresence, PresenceAsk, PresenceSeen, PresenceState, PresenceWatch, UserPresence,
};
use crate::{DeviceId, FrameError, Timestamp, UserId, limits, wire};

/// A frame whose fields are not checked yet.
pub(crate) enum Wire {
    Subscribe(wire::PresenceSubscribe),
    Unsubscribe(wire::PresenceUnsubscribe),
    Report(wire::PresenceReport),
}

/// What `presence_report.state` may be.
pub(super) const REPORT_ALLOWED: &str = "one of away (2), online (3) is allowed";
/// What a state may be.
pub(super) const STATE_ALLOWED: &str = "one of unknown (0), offline (1), away (2), online (3) is allowed";

impl Wire {
    pub(super) fn check(self) -> Result<PresenceAsk, FrameError> {
        match self {
            Self::Subscribe(wire) => {
                let users = users("presence_subscribe", &wire.users)?;
                if users.is_empty() {
                    return Err(FrameError::field("presence_subscribe", "users", "one at least is required"));
                }
                Ok(PresenceAsk::Subscribe(users))
            }
            Self::Unsubscribe(wire) => {
                users("presence_unsubscribe", &wire.users).map(PresenceAsk::Unsubscribe)
            }
            Self::Report(wire) => match wire::PresenceState::try_from(wire.state) {
                Ok(wire::PresenceState::Online) => Ok(PresenceAsk::Report(Activity::Active)),
                Ok(wire::PresenceState::Away) => Ok(PresenceAsk::Report(Activity::Away)),
                _ => Err(FrameError::field("presence_report", "state", REPORT_ALLOWED)),
            },
        }
    }

    pub(super) fn frame(ask: &PresenceAsk) -> Frame {
        match ask {
            PresenceAsk::Subscribe(users) => {
                Frame::PresenceSubscribe(wire::PresenceSubscribe { users: texts(users) })
            }
            PresenceAsk::Unsubscribe(users) => {
                Frame::PresenceUnsubscribe(wire::PresenceUnsubscribe { users: texts(users) })
            }
            PresenceAsk::Report(activity) => {
                Frame::PresenceReport(wire::PresenceReport { state: reported(*activity).into() })
            }
        }
    }
}

/// What is said with an activity.
pub(super) fn reported(activity: Activity) -> wire::PresenceState {
    match activity {
        Activity::Active => wire::PresenceState::Online,
        Activity::Away => wire::PresenceState::Away,
    }
}

fn texts(users: &[UserId]) -> Vec<String> {
    users.iter().map(ToString::to_string).collect()
}

fn users(frame: &'static str, texts: &[String]) -> Result<Vec<UserId>, FrameError> {
    if texts.len() > limits::PRESENCE_USERS_MAX {
        let problem = format!("at most {} are allowed", limits::PRESENCE_USERS_MAX);
        return Err(FrameError::field(frame, "users", problem));
    }
    texts.iter().map(|text| user(frame, "users", text)).collect()
}

fn user(frame: &'static str, name: &'static str, text: &str) -> Result<UserId, FrameError> {
    UserId::parse(text).map_err(|error| FrameError::field(frame, name, error))
}

pub(crate) fn watch_to_wire(watch: &PresenceWatch) -> wire::WatchPresence {
    wire::WatchPresence { round: watch.round, users: texts(&watch.users) }
}

pub(crate) fn watch(wire: &wire::WatchPresence) -> Result<PresenceWatch, FrameError> {
    Ok(PresenceWatch { round: wire.round, users: users("watch_presence", &wire.users)? })
}

pub(crate) fn seen_to_wire(seen: &PresenceSeen) -> wire::PresenceSeen {
    wire::PresenceSeen {
        round: seen.round,
        shown: seen.shown.iter().map(to_wire).collect(),
        hidden: texts(&seen.hidden),
    }
}

pub(crate) fn seen(wire: wire::PresenceSeen) -> Result<PresenceSeen, FrameError> {
    let parse = |text: &String| user("reply", "hidden", text);
    Ok(PresenceSeen {
        round: wire.round,
        shown: wire.shown.into_iter().map(|wire| from_wire("reply", wire)).collect::<Result<_, _>>()?,
        hidden: wire.hidden.iter().map(parse).collect::<Result<_, _>>()?,
    })
}

pub(crate) fn to_wire(presence: &UserPresence) -> wire::UserPresence {
    let kind = |of: &KindPresence| wire::KindPresence {
        kind: of.kind.to_string(),
        state: state_to_wire(of.state).into(),
    };
    wire::UserPresence {
        user: presence.user.to_string(),
        state: state_to_wire(presence.state).into(),
        last_seen: presence.last_seen.map_or(0, |Timestamp(ms)| ms),
        devices: presence.devices.iter().map(kind).collect(),
    }
}

pub(crate) fn from_wire(frame: &'static str, wire: wire::UserPresence) -> Result<UserPresence, FrameError> {
    let kind = |of: &wire::KindPresence| {
        let kind = DeviceId::parse(&of.kind).map_err(|error| FrameError::field(frame, "kind", error))?;
        Ok(KindPresence { kind, state: state(of.state) })
    };
    Ok(UserPresence {
        user: user(frame, "user", &wire.user)?,
        state: state(wire.state),
        last_seen: (wire.last_seen > 0).then_some(Timestamp(wire.last_seen)),
        devices: wire.devices.iter().map(kind).collect::<Result<_, _>>()?,
    })
}

/// One of a version to come says nothing here.
fn state(number: i32) -> PresenceState {
    match wire::PresenceState::try_from(number) {
        Ok(wire::PresenceState::Unknown) | Err(_) => PresenceState::Unknown,
        Ok(wire::PresenceState::Offline) => PresenceState::Offline,
        Ok(wire::PresenceState::Away) => PresenceState::Away,
        Ok(wire::PresenceState::Online) => PresenceState::Online,
    }
}

pub(super) fn state_to_wire(state: PresenceState) -> wire::PresenceState {
    match state {
        PresenceState::Unknown => wire::PresenceState::Unknown,
        PresenceState::Offline => wire::PresenceState::Offline,
        PresenceState::Away => wire::PresenceState::Away,
        PresenceState::Online => wire::PresenceState::Online,
    }
}
