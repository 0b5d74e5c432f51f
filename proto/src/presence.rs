//! Presence: whether users are online, as it is told.

use crate::{DeviceId, Timestamp, UserId};

/// How present a user or a device is. The larger one says more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PresenceState {
    /// Nobody knows at the moment. Not the same as offline.
    Unknown,
    /// Without a session.
    Offline,
    /// With a session that nobody uses.
    Away,
    /// With a session in use.
    Online,
}

/// Whether somebody uses a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Activity {
    /// Somebody does, or the client never said anything about it.
    #[default]
    Active,
    /// Nobody does.
    Away,
}

/// Whether a user is online.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserPresence {
    /// Who.
    pub user: UserId,
    /// Of all devices together: the most present one.
    pub state: PresenceState,
    /// When the user was last active; `None` while online, and where it is not known.
    pub last_seen: Option<Timestamp>,
    /// Kinds of devices that are connected, in the order of their names.
    pub devices: Vec<KindPresence>,
}

/// Whether devices of one kind are online: the most present one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KindPresence {
    /// As [`DeviceId::kind`] has it.
    pub kind: DeviceId,
    /// How present.
    pub state: PresenceState,
}

/// What a client asks or says about presence: the frames `presence_subscribe`, `presence_unsubscribe` and
/// `presence_report`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PresenceAsk {
    /// To be told of these users, from now on.
    Subscribe(Vec<UserId>),
    /// To be told of these users no longer; empty: of nobody any more.
    Unsubscribe(Vec<UserId>),
    /// Whether somebody uses this client.
    Report(Activity),
}

/// May the asking user see these, and how present are they?
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PresenceWatch {
    /// Chosen by the session, and repeated in the answer.
    pub round: u32,
    /// Whom.
    pub users: Vec<UserId>,
}

/// Answers a [`PresenceWatch`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PresenceSeen {
    /// Of the question.
    pub round: u32,
    /// Those whom the asking user may see.
    pub shown: Vec<UserPresence>,
    /// The others.
    pub hidden: Vec<UserId>,
}

impl UserPresence {
    /// A user of whom nothing may be told, or who was never there.
    pub fn never(user: UserId) -> Self {
        Self { user, state: PresenceState::Offline, last_seen: None, devices: Vec::new() }
    }

    /// A user of whom nobody knows at the moment.
    pub fn unknown(user: UserId) -> Self {
        Self { state: PresenceState::Unknown, ..Self::never(user) }
    }
}

impl PresenceAsk {
    /// The member name of its frame.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Subscribe(_) => "presence_subscribe",
            Self::Unsubscribe(_) => "presence_unsubscribe",
            Self::Report(_) => "presence_report",
        }
    }
}
