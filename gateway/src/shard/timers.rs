//! What the wheel brings up: each session has one entry, at the earliest of everything it waits for.

use std::time::Duration;

use proto::{CloseCode, ServerFrame};

use super::Shard;
use crate::budget::Budget;
use crate::config::{GatewayConfig, Timeouts};
use crate::metrics::Levels;
use crate::session::{Flags, Phase, Session, SessionKey};
use crate::websocket::EMPTY_PING;
use crate::wheel::{Tick, Wheel};

/// Sessions that the wheel lets speak before what they say is written.
const TOLD_AT_ONCE: usize = 64;

/// Lets the wheel bring up a session at `due` at the latest.
pub(super) fn arm(wheel: &mut Wheel<SessionKey>, session: &mut Session, key: SessionKey, due: Tick) {
    if due < session.timer {
        session.timer = due;
        wheel.insert(due, key);
    }
}

/// When the session must be looked at again, if nothing happens to it.
fn next_due(session: &Session, config: &GatewayConfig) -> Tick {
    let timeouts = &config.timeouts;
    match session.phase {
        Phase::AwaitingHello(until) | Phase::Closing(until) => return until,
        Phase::Open => {}
    }
    let mut due = silence_due(session, timeouts).min(if session.flags.has(Flags::WARNED) {
        session.expires
    } else {
        warning_due(session, timeouts)
    });
    due = due.min(session.unfinished_since.after(timeouts.message));
    if let Some(pending) = &session.pending {
        due = due.min(pending.retry);
    }
    if let Some(since) = slow_since(session) {
        due = due.min(since.after(config.mailbox.lagging_timeout));
    }
    if session.flags.has(Flags::PAUSED) && session.unanswered > 0 {
        due = due.min(session.unanswered_since.after(timeouts.unanswered));
    }
    due
}

/// Since when the client owes it to the others to read: its mailbox was full once and has not drained since, or the
/// socket takes nothing at all.
fn slow_since(session: &Session) -> Option<Tick> {
    let blocked = session.flags.has(Flags::BLOCKED);
    let unmoved = session.mailbox.unmoved_since().filter(|_| blocked);
    let lagging = session.mailbox.lagging_since();
    lagging.into_iter().chain(unmoved).min()
}

fn silence_due(session: &Session, timeouts: &Timeouts) -> Tick {
    let allowed = if session.flags.has(Flags::PINGED) { timeouts.pong } else { Duration::ZERO };
    session.heard.after(timeouts.ping_after + allowed)
}

fn warning_due(session: &Session, timeouts: &Timeouts) -> Tick {
    Tick(session.expires.0.saturating_sub(Tick(0).after(timeouts.auth_warning).0))
}

impl Shard {
    pub(super) fn arm(&mut self, key: SessionKey, due: Tick) {
        if let Some(session) = self.sessions.get_mut(key) {
            arm(&mut self.wheel, session, key, due);
        }
    }

    pub(super) fn arm_next(&mut self, key: SessionKey) {
        self.arm_by(key, Tick::NEVER);
    }

    /// The same, but then at the latest.
    pub(super) fn arm_by(&mut self, key: SessionKey, latest: Tick) {
        let others_due = self.claim_due(key).min(self.watches.due(key));
        if let Some(session) = self.sessions.get_mut(key) {
            let due = next_due(session, &self.config).min(others_due).min(latest);
            arm(&mut self.wheel, session, key, due);
        }
    }

    /// Moves the wheel to the present tick, and hands over what was counted.
    pub(super) fn on_tick(&mut self) {
        self.clock.read();
        let mut fired = Vec::new();
        self.wheel.advance(self.clock.tick(), &mut fired);
        for (due, key) in fired {
            let Some(session) = self.sessions.get_mut(key) else { continue };
            // An entry that a sooner one replaced.
            if session.timer != due {
                continue;
            }
            session.timer = Tick::NEVER;
            self.on_timer(key);
            self.arm_next(key);
            // A crowd that came together is pinged together: it need not have as many mailboxes for that.
            if self.dirty.len() >= TOLD_AT_ONCE {
                self.flush_dirty();
            }
        }
        self.end_lingering();
        self.end_quiet();
        self.report_broadcasts();
        self.tally.signals_dropped += self.pool.take_signals_dropped();
        let levels = Levels {
            sessions: self.authenticated as u64,
            lingering: self.interest.lingering() as u64,
            watches: self.watches.len() as u64,
            broadcast_left: self.broadcasts.left_of_first(),
            budget: self.budget(),
        };
        self.metrics.hand_over(&mut self.tally, &levels);
        self.metrics.tell_process(&self.admission);
    }

    /// What the sockets of this shard cost.
    fn budget(&self) -> Budget {
        Budget {
            sockets: self.sessions.len() as u64,
            session: self.sessions.bytes() as u64,
            interest: self.interest.bytes() as u64,
            queued: self.pool.bytes(),
        }
    }

    fn on_timer(&mut self, key: SessionKey) {
        let now = self.clock.tick();
        let Some(session) = self.sessions.get(key) else { return };
        if self.frozen && !session.is_closing() {
            // What it owes may wait in the kernel.
            return;
        }
        match session.phase {
            Phase::AwaitingHello(until) if until <= now => {
                self.close(key, CloseCode::Auth, "no proof of identity came in time");
            }
            Phase::Closing(until) if until <= now => {
                self.tally.slow_closes += 1;
                self.remove(key);
            }
            Phase::Open => {
                self.check_token(key, now);
                self.check_mailbox(key, now);
                self.check_unfinished(key, now);
                self.check_unanswered(key, now);
                self.check_connected(key, now);
                self.check_claim(key, now);
                self.check_presence(key, now);
                self.check_silence(key, now);
            }
            Phase::AwaitingHello(_) | Phase::Closing(_) => {}
        }
    }

    fn check_token(&mut self, key: SessionKey, now: Tick) {
        let Some(session) = self.sessions.get_mut(key) else { return };
        if session.expires <= now {
            return self.close(key, CloseCode::Auth, "the token ended");
        }
        if !session.flags.has(Flags::WARNED) && warning_due(session, &self.config.timeouts) <= now {
            session.flags.set(Flags::WARNED);
            let left_ms = u64::from(session.expires.0 - now.0) * 100;
            let ends = self.clock.wall().plus_ms(left_ms).0 / 1_000;
            let frame = ServerFrame::AuthExpiring(ends).encode_message(session.encoding);
            self.tell(key, frame);
        }
    }

    fn check_mailbox(&mut self, key: SessionKey, now: Tick) {
        let Some(session) = self.sessions.get(key) else { return };
        let timeout = self.config.mailbox.lagging_timeout;
        if slow_since(session).is_some_and(|since| since.after(timeout) <= now) {
            self.close(key, CloseCode::Slow, "the client does not read what it is sent");
        }
    }

    fn check_unfinished(&mut self, key: SessionKey, now: Tick) {
        let Some(session) = self.sessions.get(key) else { return };
        let until = session.unfinished_since.after(self.config.timeouts.message);
        // What is not read at the moment cannot end.
        if until <= now && !session.is_closing() && !session.flags.has(Flags::PAUSED) {
            self.close(key, CloseCode::Slow, "a message did not end in time");
        }
    }

    /// Replies may be lost with the bus; what is not answered for long is not going to be.
    fn check_unanswered(&mut self, key: SessionKey, now: Tick) {
        let Some(session) = self.sessions.get_mut(key) else { return };
        if session.unanswered > 0 && session.unanswered_since.after(self.config.timeouts.unanswered) <= now {
            self.tally.unanswered_lost += u64::from(session.unanswered);
            session.unanswered = 0;
            session.wake();
            self.interest.forget_asked_rooms(key.slot);
        }
    }

    fn check_connected(&mut self, key: SessionKey, now: Tick) {
        let Some(session) = self.sessions.get(key) else { return };
        if session.pending.as_ref().is_some_and(|pending| pending.retry <= now) {
            self.send_connected(key);
        }
    }

    fn check_silence(&mut self, key: SessionKey, now: Tick) {
        let timeouts = self.config.timeouts;
        let Some(session) = self.sessions.get_mut(key) else { return };
        if session.is_closing() || silence_due(session, &timeouts) > now {
            return;
        }
        if session.flags.has(Flags::PINGED) {
            return self.close(key, CloseCode::Slow, "no answer to a ping");
        }
        session.flags.set(Flags::PINGED);
        // The answer is due from now, however late this ping goes out.
        session.heard = Tick(now.0.saturating_sub(Tick(0).after(timeouts.ping_after).0));
        session.admitted.rest(self.clock.micros());
        self.tally.pings += 1;
        self.tell(key, EMPTY_PING);
    }
}
