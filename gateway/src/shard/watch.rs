//! Presence: who watches whom, over the socket and over the bus.
//!
//! ```text
//! presence_subscribe ─► subscribe presence.<user> ─► flush ─► watch_presence ─► router: who may see whom, and the states
//!                                                                 ▲                 │
//!                  timer: no answer, or long ago ─────────────────┤                 ▼
//!        presence_rules, presence_of: it may be otherwise ────────┘        presence, of those asked about
//! presence.<user> ─► presence, if it changed, to sessions that may see it
//! ```

use proto::delivery::{Class, Control};
use proto::presence::{Activity, PresenceAsk, PresenceSeen, PresenceWatch, UserPresence};
use proto::server_frame::Nack;
use proto::{Code, ConversationId, Request, Seq, ServerFrame, SharedFrame, UserId, limits};
use rand::RngExt as _;

use super::Shard;
use super::compression::for_many;
use super::write::{count_push, mark_dirty};
use crate::mailbox::{Published, Pushed};
use crate::presence::Attendance;
use crate::session::SessionKey;
use crate::watches::{Answered, Tell};
use crate::wheel::Tick;

/// The pause after a question that nobody answers doubles so many times.
const DOUBLINGS: u8 = 6;
/// Sessions that ask again at once when a user changes whom they show themselves to; more take turns.
const ASKING_AT_ONCE: usize = 32;
/// These turns, in ticks.
const TURNS: u32 = 20;
/// How many times sooner it is asked again where nobody knew.
const SOONER: u32 = 20;

impl Shard {
    /// What a client asks or says about presence.
    pub(super) fn on_presence_ask(&mut self, key: SessionKey, ask: PresenceAsk) {
        match ask {
            PresenceAsk::Subscribe(users) => {
                let max = self.config.session.presence_watched_max;
                if self.watch(key, &users, max).is_err() {
                    let words = format!("at most {max} users can be watched on one socket");
                    self.refuse(key, Nack::of("presence_subscribe", Code::TooMany, words));
                }
            }
            PresenceAsk::Unsubscribe(users) if users.is_empty() => self.unwatch(key),
            PresenceAsk::Unsubscribe(users) => {
                let gone = self.watches.unsubscribe(key, &users);
                gone.iter().for_each(|user| self.inbox.unsubscribe_presence(user));
            }
            PresenceAsk::Report(activity) => self.turn(key, activity),
        }
    }

    /// The session wants to be told of users; it is asked about them once the subscriptions are in force.
    pub(super) fn watch(
        &mut self,
        key: SessionKey,
        users: &[UserId],
        max: usize,
    ) -> Result<(), crate::watches::TooMany> {
        let fresh = self.watches.subscribe(key, users, max)?;
        fresh.iter().for_each(|user| self.inbox.subscribe_presence(user));
        self.watching.push(key);
        self.interest_changed.notify_one();
        Ok(())
    }

    /// Of nobody any more.
    pub(super) fn unwatch(&mut self, key: SessionKey) {
        let gone = self.watches.forget(key);
        gone.iter().for_each(|user| self.inbox.unsubscribe_presence(user));
    }

    /// Somebody uses the client, or nobody does.
    pub(super) fn turn(&mut self, key: SessionKey, activity: Activity) {
        let Some(session) = self.sessions.get(key) else { return };
        let Some(user) = &session.user else { return };
        let changed = match activity {
            Activity::Away => self.away.insert(key),
            Activity::Active => self.away.remove(&key),
        };
        if changed {
            (self.presence)(user, Attendance::Turned(&session.device, activity));
        }
    }

    /// What a session that ends was doing; afterwards it does nothing.
    pub(super) fn last_activity(&mut self, key: SessionKey) -> Activity {
        if self.away.remove(&key) { Activity::Away } else { Activity::Active }
    }

    /// Asks the router about what the session watches.
    pub(super) fn ask_presence(&mut self, key: SessionKey) {
        let Some((round, users, tries)) = self.watches.ask(key) else { return };
        for users in users.chunks(limits::PRESENCE_USERS_MAX) {
            let watch = PresenceWatch { round, users: users.to_vec() };
            // A busy bus is what the timer is for.
            let _ = self.send_command(key, Request::WatchPresence(watch));
        }
        let pause = self.config.timeouts.connected_retry * (1 << tries.min(DOUBLINGS));
        let due = self.clock.tick().after(pause);
        self.watches.ask_at(key, due);
        self.arm(key, due);
    }

    pub(super) fn check_presence(&mut self, key: SessionKey, now: Tick) {
        if self.watches.due(key) <= now {
            self.ask_presence(key);
        }
    }

    /// The router's answer.
    pub(super) fn on_presence_seen(&mut self, key: SessionKey, seen: PresenceSeen) {
        let (now, next) = self.quiet_time();
        let Answered { snapshot, news, settled, unknown } = self.watches.answered(key, seen, (now, next));
        if settled {
            let renewal = self.config.timeouts.presence_renewal;
            let renewal = if unknown { renewal / SOONER } else { renewal };
            // Not all at the same time again who came at the same time.
            let due = now.after(renewal.mul_f64(self.random.random_range(0.75..1.0)));
            self.watches.ask_at(key, due);
            self.arm(key, due);
        }
        for tell in news {
            self.tell_presence(tell);
        }
        if let Some(session) = self.sessions.get(key).filter(|_| !snapshot.is_empty()) {
            let frame = ServerFrame::Presence(snapshot).encode_message(session.encoding);
            self.tell(key, frame);
        }
    }

    /// Something on the subject of a user's presence. Gives how many mailboxes it went into.
    pub(super) fn on_presence_control(&mut self, user: &UserId, control: Control) -> usize {
        match control {
            Control::Presence(presence) if presence.user == *user => {
                let (now, next) = self.quiet_time();
                let tell = self.watches.heard(*presence, now, next);
                self.tell_presence(tell)
            }
            Control::PresenceRules => {
                let watchers = self.watches.watchers(user).to_vec();
                let turns = if watchers.len() > ASKING_AT_ONCE { TURNS } else { 0 };
                for key in watchers {
                    self.doubt(key, user, turns);
                }
                1
            }
            _ => 1,
        }
    }

    /// Whether a user with sessions here may see another has changed.
    pub(super) fn doubt_of(&mut self, user: &UserId, other: &UserId) {
        for slot in self.interest.of_user(user).to_vec() {
            if let Some(key) = self.sessions.key_at(slot) {
                self.doubt(key, other, 0);
            }
        }
    }

    fn doubt(&mut self, key: SessionKey, user: &UserId, turns: u32) {
        if self.watches.doubt(key, user) {
            let wait = if turns > 0 { self.random.random_range(0..turns) } else { 0 };
            let due = Tick(self.clock.tick().0.saturating_add(wait));
            self.watches.ask_by(key, due);
            self.arm(key, due);
        }
    }

    /// Tells what has changed of users whose quiet time is over.
    pub(super) fn end_quiet(&mut self) {
        let (now, next) = self.quiet_time();
        while self.quiet.front().is_some_and(|(due, _)| *due <= now) {
            let Some((_, user)) = self.quiet.pop_front() else { return };
            let tell = self.watches.after_quiet(&user, now, next);
            self.tell_presence(tell);
        }
    }

    fn tell_presence(&mut self, tell: Tell) -> usize {
        let Tell { presence, sessions, later } = tell;
        self.quiet.extend(later);
        let Some(presence) = presence.filter(|_| !sessions.is_empty()) else { return 1 };
        self.tally.presence_told += sessions.len() as u64;
        for missed in self.signal(&presence, &sessions) {
            self.watches.missed(missed, &presence.user);
            let due = self.clock.tick().after(self.config.timeouts.connected_retry);
            self.watches.ask_by(missed, due);
            self.arm(missed, due);
        }
        sessions.len()
    }

    /// Puts a state into mailboxes; gives the sessions whose mailbox had no room for it.
    fn signal(&mut self, presence: &UserPresence, sessions: &[SessionKey]) -> Vec<SessionKey> {
        let frame = SharedFrame::new(ServerFrame::Presence(vec![presence.clone()]));
        let signal = self.signal_keys.of(frame.frame());
        // Signals are of no conversation.
        let nowhere = ConversationId::direct(&presence.user, &presence.user);
        let (now, limits) = (self.clock.tick(), &self.config.mailbox);
        let mut missed = Vec::new();
        for key in sessions {
            let Some(session) = self.sessions.get_mut(*key).filter(|session| !session.is_closing()) else {
                continue;
            };
            let message = Published {
                frame: for_many(&mut self.codecs, &mut self.tally, session, &frame),
                class: Class::Signal,
                conversation: &nowhere,
                seq: Seq::ZERO,
                signal,
                taking: session.taking(),
            };
            let pushed = session.mailbox.publish(&mut self.pool, limits, now, &message);
            count_push(&mut self.tally, pushed);
            if pushed == Pushed::Dropped {
                missed.push(*key);
            }
            mark_dirty(&mut self.dirty, session, key.slot);
        }
        missed
    }

    /// Now, and the end of a quiet time that begins now.
    fn quiet_time(&self) -> (Tick, Tick) {
        let now = self.clock.tick();
        (now, now.after(self.config.timeouts.presence_interval))
    }
}
