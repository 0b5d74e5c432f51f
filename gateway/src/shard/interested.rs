//! How a session becomes interested and stops being so.
//!
//! ```text
//! proof ─► subscribe user ─► flush ─► Connected ─► Groups ─► subscribe groups ─► flush ─► waiting syncs
//! joined_group ────────────────────────────────────────────► subscribe group ─► flush ─► heads
//! ```
//!
//! A group that the user joins in the same moment is not missed: the router says `joined_group` when the change is told, and
//! again once lists of groups have it. So either `Groups` has the group, or the second word comes after the user's subscription
//! was in force. What was said there before the group's own subscription shows in its head.

use proto::delivery::Control;
use proto::{Command, ConversationId, DeviceId, GroupId, LoginId, Request, UserId};

use super::Shard;
use super::rooms::Entering;
use super::write::resync;
use crate::interest::Awaited;
use crate::presence::Attendance;
use crate::session::{Flags, Pending, Session, SessionKey};
use crate::wheel::Tick;

/// What is left of a session for its farewell.
pub(super) struct Leaving {
    user: Option<UserId>,
    device: DeviceId,
    connected: bool,
}

impl Leaving {
    /// Takes the user off a session: from here on it is told nothing.
    pub(super) fn of(session: &mut Session) -> Self {
        let connected = session.flags.has(Flags::CONNECTED);
        session.flags.clear(Flags::CONNECTED);
        session.pending = None;
        Self { user: session.user.take(), device: session.device.clone(), connected }
    }
}

/// What must be done once the subscriptions made so far are in force.
pub(super) struct InterestWork {
    connecting: Vec<SessionKey>,
    answered: Vec<SessionKey>,
    watching: Vec<SessionKey>,
    entering: Vec<Entering>,
    joined: Vec<(UserId, GroupId)>,
}

impl InterestWork {
    /// More than one session waited.
    pub(super) fn is_of_several(&self) -> bool {
        self.connecting.len() + self.answered.len() > 1
    }
}

impl Shard {
    pub(super) fn take_interest_work(&mut self) -> InterestWork {
        InterestWork {
            connecting: std::mem::take(&mut self.connecting),
            answered: std::mem::take(&mut self.answered),
            watching: std::mem::take(&mut self.watching),
            entering: std::mem::take(&mut self.entering),
            joined: std::mem::take(&mut self.joined),
        }
    }

    pub(super) fn do_interest_work(&mut self, work: InterestWork) {
        self.clock.read();
        for key in work.connecting {
            self.send_connected(key);
            self.claim_place(key);
        }
        for key in work.answered {
            self.become_interested(key);
        }
        for key in work.watching {
            self.ask_presence(key);
        }
        for entering in work.entering {
            self.entered(entering);
        }
        for (user, group) in work.joined {
            self.ask_head(&user, group);
        }
    }

    /// Asks for the user's groups. Asked again by the timer, until there is an answer: the bus may be busy or lose it. Where the login
    /// of the token has ended since, the answer is that it has ([`Control::Revoke`]).
    pub(super) fn send_connected(&mut self, key: SessionKey) {
        let retry = self.clock.tick().after(self.config.timeouts.connected_retry);
        let Some(session) = self.sessions.get_mut(key) else { return };
        let (Some(pending), Some(user)) = (&mut session.pending, &session.user) else { return };
        pending.retry = retry;
        session.flags.set(Flags::CONNECTED);
        self.interest.ask_groups(user);
        // Other issuers know of theirs.
        let login = session.login.as_deref().filter(|login| login.is_kept_here()).cloned();
        // A busy bus is what the timer is for.
        let _ = self.send_command(key, Request::Connected(login));
        self.arm(key, retry);
    }

    /// The answer to `Connected`.
    pub(super) fn on_groups(&mut self, key: SessionKey, groups: Vec<GroupId>) {
        let Some(session) = self.sessions.get_mut(key) else { return };
        let (Some(pending), Some(user)) = (&mut session.pending, session.user.clone()) else { return };
        pending.retry = Tick::NEVER;
        let awaited = self.awaited_beside(&user, key.slot);
        self.interest.groups_answered(&*self.inbox, &user, groups, awaited);
        if !self.interest.has_groups(&user) {
            // The user's own subscription was in force before groups were asked for.
            return self.become_interested(key);
        }
        self.answered.push(key);
        self.interest_changed.notify_one();
    }

    /// Whether a session of the user, other than the one at the slot, waits for its answer.
    fn awaited_beside(&mut self, user: &UserId, slot: u32) -> Awaited {
        let mut others = self.interest.of_user(user).iter().filter(|other| **other != slot);
        let waits = |session: &mut Session| {
            session.pending.as_ref().is_some_and(|pending| pending.retry != Tick::NEVER)
        };
        if others.any(|other| self.sessions.at(*other).is_some_and(waits)) {
            Awaited::Another
        } else {
            Awaited::Nothing
        }
    }

    fn become_interested(&mut self, key: SessionKey) {
        let Some(session) = self.sessions.get_mut(key) else { return };
        let Some(pending) = session.pending.take() else { return };
        for sync in pending.syncs {
            self.run_sync(key, sync);
        }
    }

    /// After a gap: joins and leaves may be lost too, so groups are asked again, and the `sync` that each client is told
    /// to make waits for the answer.
    pub(super) fn resync_sessions(&mut self, keys: &[SessionKey]) {
        self.clock.read();
        for key in keys {
            let Some(session) = self.sessions.get_mut(*key) else { continue };
            if session.user.is_none() {
                continue;
            }
            session.pending.get_or_insert_with(|| {
                Box::new(Pending { claimed: None, retry: Tick::NEVER, syncs: Vec::new() })
            });
            let encoding = session.encoding;
            self.connecting.push(*key);
            if self.watches.doubt_all(*key) {
                self.watching.push(*key);
            }
            self.tell(*key, resync(encoding));
        }
        self.interest_changed.notify_one();
    }

    /// The user came into a group. Those who have gone again meanwhile are told nothing.
    fn ask_head(&mut self, user: &UserId, group: GroupId) {
        let conversation = ConversationId::group(&group);
        for slot in self.interest.of_user(user).to_vec() {
            let Some(key) = self.sessions.key_at(slot) else { continue };
            // Where it finds no room the owner's next event or probe shows the same.
            let _ = self.send_command(key, Request::Heads(vec![conversation.clone()]));
        }
    }

    /// Something about a user for the gateway itself.
    pub(super) fn on_control(&mut self, user: &UserId, control: &Control) {
        match control {
            Control::JoinedGroup(group) => {
                if self.interest.joined(&*self.inbox, user, group) {
                    self.joined.push((user.clone(), group.clone()));
                    self.interest_changed.notify_one();
                }
            }
            Control::LeftGroup(group) => self.interest.left(&*self.inbox, user, group),
            Control::Revoke(login) => self.revoke(user, login.as_ref()),
            Control::Claim(claim) => self.on_claim(user, claim),
            Control::PresenceOf(other) => self.doubt_of(user, other),
            // About others; on subjects of their own.
            Control::Presence(_) | Control::PresenceRules => {}
            // A matter of the room's subject.
            Control::RoomEnded(_) => {}
        }
    }

    /// Ends the sockets of one login, or of all logins of a user.
    fn revoke(&mut self, user: &UserId, login: Option<&LoginId>) {
        if let Some(login) = login {
            self.admission.note_ended(user, login);
        }
        let slots = self.interest.of_user(user).to_vec();
        for slot in slots {
            let Some(key) = self.sessions.key_at(slot) else { continue };
            let Some(session) = self.sessions.get(key) else { continue };
            if login.is_none() || session.login.as_deref() == login {
                self.close(key, proto::CloseCode::Auth, "signed out");
            }
        }
    }

    /// Says farewell to the router and takes the session out of the tables; the interest in its user may linger.
    pub(super) fn lose_interest(&mut self, key: SessionKey, left: Leaving) {
        let Some(user) = left.user else { return };
        self.claims.remove(&key);
        self.interest.leave_rooms(&*self.inbox, key.slot);
        self.authenticated -= 1;
        self.broadcasts.left(key.slot);
        self.unwatch(key);
        let activity = self.last_activity(key);
        (self.presence)(&user, Attendance::Left(&left.device, activity));
        let (now, timeouts) = (self.clock.tick(), &self.config.timeouts);
        let (least, most) = (timeouts.interest_linger_min, timeouts.interest_linger_max);
        let until = self.lingering.until(now, least, most, &mut self.random);
        let awaited = self.awaited_beside(&user, key.slot);
        if self.interest.remove_session(&user, key.slot, until, awaited) {
            if until == now {
                self.interest.forget(&*self.inbox, &user, now);
            } else {
                self.lingering.left(user.clone(), until);
            }
        }
        if left.connected {
            let command = self.command(key, user, left.device, Request::Disconnected);
            // Presence only: who asks again finds the truth.
            let _: Result<(), bus::Busy> = self.bus.send_command(command);
        }
    }

    pub(super) fn end_lingering(&mut self) {
        let now = self.clock.tick();
        for (_, user) in self.lingering.due(now) {
            self.interest.forget(&*self.inbox, &user, now);
        }
    }

    /// A command in the name of a session.
    pub(super) fn command(
        &mut self,
        key: SessionKey,
        user: UserId,
        device: DeviceId,
        request: Request,
    ) -> Command {
        use proto::command::Origin;
        use rand::RngExt as _;
        let source = self.source_of(key, &user, &request);
        let origin = Origin { user, device, session: self.session_ref(key), source };
        let mut command = Command {
            origin,
            deadline: self.clock.wall().plus_ms(proto::limits::COMMAND_DEADLINE_MS),
            epoch: proto::Epoch::default(),
            once: None,
            trace: proto::TraceId(self.random.random()),
            request,
        };
        command.epoch = self.bus.epoch(command.partition());
        command
    }
}
