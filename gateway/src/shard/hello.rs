//! Proofs: the first one makes a session, later ones keep it.

use auth::Identity;
use proto::client_frame::Hello;
use proto::presence::Activity;
use proto::server_frame::{Limits, Nack, Welcome};
use proto::{CloseCode, Code, ServerFrame, limits};

use super::Shard;
use crate::authenticator::Refusal;
use crate::presence::Attendance;
use crate::session::{Flags, Phase, SessionKey};

impl Shard {
    /// The first frame of a session without a proof must bring one.
    pub(super) fn first_hello(&mut self, key: SessionKey, hello: Hello) {
        let identity = match self.authenticator.identify(&hello.auth) {
            Ok(identity) => identity,
            Err(refusal) => return self.close(key, CloseCode::Auth, &refusal.words()),
        };
        let Some(session) = self.sessions.get_mut(key) else { return };
        let claimed = session.pending.as_ref().and_then(|pending| pending.claimed.as_ref());
        if claimed.is_some_and(|claimed| *claimed != identity.user) {
            return self.close(key, CloseCode::Auth, &Refusal::OtherUser.words());
        }
        if session.admitted.count_user(&identity.user).is_err() {
            return self.close(key, CloseCode::Overload, "too many sockets of this user");
        }
        if let Some(device) = hello.device {
            session.device = device;
        }
        self.welcome(key, identity);
        if let Some(resume) = hello.resume {
            self.on_sync(key, resume);
        }
    }

    /// A `hello` in use: perhaps a fresh token, a device, a `sync`.
    pub(super) fn later_hello(&mut self, key: SessionKey, hello: Hello) {
        if !hello.auth.is_empty() {
            self.renew(key, &hello.auth);
        }
        if let Some(device) = hello.device {
            self.rename(key, device);
        }
        if let Some(resume) = hello.resume {
            self.on_sync(key, resume);
        }
    }

    fn rename(&mut self, key: SessionKey, device: proto::DeviceId) {
        // Who says something is there.
        self.turn(key, Activity::Active);
        let Some(session) = self.sessions.get_mut(key) else { return };
        let before = std::mem::replace(&mut session.device, device);
        if let Some(user) = session.user.as_ref().filter(|_| before != session.device) {
            (self.presence)(user, Attendance::Renamed { from: &before, to: &session.device });
            // Of another kind it stands against others.
            self.claim_anew(key);
        }
    }

    /// A token that is not valid does no harm to the session; it lives until its present one ends.
    fn renew(&mut self, key: SessionKey, token: &str) {
        let checked = self.authenticator.identify(token);
        let checked = checked.and_then(|identity| match self.is_signed_out(&identity) {
            true => Err(Refusal::SignedOut),
            false => Ok(identity),
        });
        let Some(session) = self.sessions.get_mut(key) else { return };
        let identity = match checked {
            Ok(identity) if session.user.as_ref() == Some(&identity.user) => identity,
            Ok(_) => {
                return self
                    .refuse(key, Nack::of("hello", Code::Unauthenticated, Refusal::OtherUser.words()));
            }
            Err(refusal) => {
                return self.refuse(key, Nack::of("hello", Code::Unauthenticated, refusal.words()));
            }
        };
        session.login = identity.login.map(Box::new);
        session.expires = self.clock.tick_at_unix(identity.expires);
        session.flags.clear(Flags::WARNED);
        self.arm_next(key);
        self.tell_welcome(key, identity.expires);
    }

    /// Whether it was heard here that the login of a token that is good by itself has ended.
    fn is_signed_out(&self, identity: &Identity) -> bool {
        identity.login.as_ref().is_some_and(|login| self.admission.has_ended(&identity.user, login))
    }

    /// Makes a session of a socket whose user has just been counted.
    pub(super) fn welcome(&mut self, key: SessionKey, identity: Identity) {
        if self.is_signed_out(&identity) {
            return self.close(key, CloseCode::Auth, &Refusal::SignedOut.words());
        }
        let Some(session) = self.sessions.get_mut(key) else { return };
        session.phase = Phase::Open;
        session.login = identity.login.map(Box::new);
        session.expires = self.clock.tick_at_unix(identity.expires);
        session.user = Some(identity.user.clone());
        if let Some(pending) = &mut session.pending {
            pending.claimed = None;
        }
        self.authenticated += 1;
        (self.presence)(&identity.user, Attendance::Came(&session.device));
        self.interest.add_session(&*self.inbox, &identity.user, key.slot);
        self.note_began(key);
        self.connecting.push(key);
        self.interest_changed.notify_one();
        // When it would ask for its groups again it is looked at anyway: so it has one place in the wheel and not two.
        self.arm_by(key, self.clock.tick().after(self.config.timeouts.connected_retry));
        self.tell_welcome(key, identity.expires);
        self.tell_newcomer(key);
    }

    fn tell_welcome(&mut self, key: SessionKey, auth_expires: u64) {
        let Some(session) = self.sessions.get(key) else { return };
        let (Some(user), encoding) = (session.user.clone(), session.encoding) else { return };
        let of_session = &self.config.session;
        let welcome = Welcome {
            session: self.session_ref(key),
            user,
            ping_ms: u32::try_from(self.config.timeouts.ping_after.as_millis()).unwrap_or(u32::MAX),
            limits: Limits {
                frame_bytes: of_session.message_bytes_max,
                body_bytes: wire_number(limits::BODY_BYTES_MAX),
                unanswered: of_session.unanswered_max.into(),
                commands_per_second: of_session.commands_per_second,
                page_entries: wire_number(limits::PAGE_ENTRIES_MAX),
            },
            server_time: self.clock.wall(),
            auth_expires,
        };
        self.tell(key, ServerFrame::Welcome(Box::new(welcome)).encode_message(encoding));
    }
}

fn wire_number(limit: usize) -> u32 {
    u32::try_from(limit).unwrap_or(u32::MAX)
}
