//! What a client asked and said about presence, to be said again on each socket.
//!
//! **Limits.** As many users as the application watches; the server refuses more than it allows, and so it does again on each socket.

use std::collections::BTreeSet;

use proto::presence::{Activity, PresenceAsk};
use proto::{ClientFrame, UserId, limits};

/// See the module.
#[derive(Debug, Default)]
pub struct Watched {
    users: BTreeSet<UserId>,
    activity: Activity,
}

impl Watched {
    /// The application asks or says something.
    pub fn note(&mut self, ask: &PresenceAsk) {
        match ask {
            PresenceAsk::Subscribe(users) => self.users.extend(users.iter().cloned()),
            PresenceAsk::Unsubscribe(users) if users.is_empty() => self.users.clear(),
            PresenceAsk::Unsubscribe(users) => self.users.retain(|user| !users.contains(user)),
            PresenceAsk::Report(activity) => self.activity = *activity,
        }
    }

    /// What a new socket must be told.
    pub fn again(&self) -> Vec<ClientFrame> {
        let users: Vec<UserId> = self.users.iter().cloned().collect();
        let subscribe = |users: &[UserId]| PresenceAsk::Subscribe(users.to_vec());
        let report = (self.activity == Activity::Away).then_some(PresenceAsk::Report(Activity::Away));
        let asks = users.chunks(limits::PRESENCE_USERS_MAX).map(subscribe).chain(report);
        asks.map(ClientFrame::Presence).collect()
    }
}
