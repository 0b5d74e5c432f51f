//! Users who may have one session, or one for each kind of device: the newest stays.
//!
//! ```text
//! interest in the user in force ─► session_began ─► router ─► claim, on the user's subject ─► every gateway of the user
//!                                                     ▲                                        │ began before: closes, 4409
//!                                                     └── session_began of its own ◄───────────┘ began after
//! ```
//!
//! Each session claims its place only after it hears the claims of others, so of two the later one to claim is heard by the
//! other; and who hears the claim of an older one claims again. So of any two one hears of the other and is the older, or
//! makes the older one hear. Which is the newer is the same for everybody: the time at which it was welcome, however long
//! its claim then took, then its number.
//!
//! A session that names no device may do so soon: where kinds count, it claims nothing for as long as a first `hello` is
//! waited for. From then on it stands against others without a name.
//!
//! **Guarantees.** Once claims have arrived, one session is left. A claim is sent again until it is heard by whoever sent
//! it, and after a gap on the bus all claim again.
//!
//! **Does not** compare clocks of gateways: of two that began at nearly the same time, the one with the clock that is behind
//! may lose.

use proto::delivery::SessionClaim;
use proto::{CloseCode, DeviceId, Request, Timestamp, UserId};

use super::Shard;
use crate::config::LoginPolicy;
use crate::session::{Session, SessionKey};
use crate::wheel::Tick;

/// The pause after a try that nothing is heard of doubles so many times.
const DOUBLINGS: u8 = 6;

/// What a session says against others of its user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Claimed {
    began: Timestamp,
    kind: Option<DeviceId>,
    /// When it is said, or said again because nothing was heard of it; [`Tick::NEVER`] before and once it was.
    due: Tick,
    /// How often it was said since it had to be; 0: others are not heard yet.
    tries: u8,
}

impl Shard {
    /// The session begins now, by which its claim will be weighed whenever that is made.
    pub(super) fn note_began(&mut self, key: SessionKey) {
        // Two shards must agree on who came first.
        self.clock.read();
        let began = self.clock.wall();
        let Some(session) = self.sessions.get(key).filter(|session| session.user.is_some()) else { return };
        if let Some(kind) = self.kind_for(session) {
            self.claims.insert(key, Claimed { began, kind, due: Tick::NEVER, tries: 0 });
        }
    }

    /// Says that the session is there, against others.
    pub(super) fn claim_place(&mut self, key: SessionKey) {
        let now = self.clock.tick();
        let Some(session) = self.sessions.get(key) else { return };
        let Some(own) = self.claims.get_mut(&key) else { return };
        // What waits only to be said again was said before others were heard, as they are now.
        if own.due == Tick::NEVER || own.tries > 0 {
            // Soon it says what it is, and must not end others meanwhile.
            let waits = own.tries == 0 && own.kind.is_some() && session.device == DeviceId::unnamed();
            own.due = if waits { now.after(self.config.timeouts.hello) } else { now };
        }
        own.tries = 0;
        let due = own.due;
        if due <= now {
            self.send_claim(key);
        } else {
            self.arm(key, due);
        }
    }

    /// The session is of another kind from now on.
    pub(super) fn claim_anew(&mut self, key: SessionKey) {
        let Some(session) = self.sessions.get(key) else { return };
        let Some(Some(kind)) = self.kind_for(session) else { return };
        if let Some(own) = self.claims.get_mut(&key) {
            *own = Claimed { began: own.began, kind: Some(kind), due: Tick::NEVER, tries: 0 };
            self.connecting.push(key);
            self.interest_changed.notify_one();
        }
    }

    /// When the session began, in Unix milliseconds, and whether its claim was heard; 0 where it claims nothing.
    pub(super) fn place(&self, key: SessionKey) -> (u64, bool) {
        let own = self.claims.get(&key);
        own.map_or((0, false), |own| (own.began.0, own.tries > 0 && own.due == Tick::NEVER))
    }

    /// A session of another process goes on here, and stands where it stood. What was not heard there is said here.
    pub(super) fn restore_place(&mut self, key: SessionKey, (began_ms, claimed): (u64, bool)) {
        self.note_began(key);
        let Some(own) = self.claims.get_mut(&key) else { return };
        if began_ms > 0 {
            own.began = Timestamp(began_ms);
        }
        if claimed {
            own.tries = 1;
        } else {
            self.connecting.push(key);
            self.interest_changed.notify_one();
        }
    }

    /// When a claim of the session is due.
    pub(super) fn claim_due(&self, key: SessionKey) -> Tick {
        self.claims.get(&key).map_or(Tick::NEVER, |own| own.due)
    }

    pub(super) fn check_claim(&mut self, key: SessionKey, now: Tick) {
        if self.claim_due(key) <= now {
            self.send_claim(key);
        }
    }

    fn send_claim(&mut self, key: SessionKey) {
        let (now, pause) = (self.clock.tick(), self.config.timeouts.connected_retry);
        let Some(own) = self.claims.get_mut(&key) else { return };
        own.due = now.after(pause * (1 << own.tries.min(DOUBLINGS)));
        own.tries = own.tries.saturating_add(1);
        let (due, request) = (own.due, Request::Claim { began: own.began, kind: own.kind.clone() });
        // A busy bus is what the timer is for.
        let _ = self.send_command(key, request);
        self.arm(key, due);
    }

    /// A session of the user claims its place.
    pub(super) fn on_claim(&mut self, user: &UserId, claim: &SessionClaim) {
        let slots = self.interest.of_user(user).to_vec();
        for slot in slots {
            let Some(key) = self.sessions.key_at(slot) else { continue };
            let session = self.session_ref(key);
            let Some(own) = self.claims.get_mut(&key).filter(|own| own.kind == claim.kind) else { continue };
            let own_place = (own.began.0, session.node.0, session.session);
            let place = (claim.began.0, claim.session.node.0, claim.session.session);
            if own.tries == 0 {
                // One that has not claimed yet will, and then hears what it must; its own word of before others were heard, too.
            } else if own_place == place {
                own.due = Tick::NEVER;
            } else if own_place < place {
                self.close(key, CloseCode::Replaced, "a newer login took this one's place");
            } else {
                self.send_claim(key);
            }
        }
    }

    /// What the session stands against: `Some(None)` all others, `None` nobody.
    fn kind_for(&self, session: &Session) -> Option<Option<DeviceId>> {
        match self.config.login_policy {
            LoginPolicy::Many => None,
            LoginPolicy::OnePerKind => Some(Some(session.device.kind())),
            LoginPolicy::Exclusive => Some(None),
        }
    }
}
