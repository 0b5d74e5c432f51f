//! Broadcasts: to every session, at a pace that nobody else notices.
//!
//! ```text
//! everyone ─► begins ─► a slice of sessions: mailbox, flush ─► pause ─► the next slice ─► … ─► ended
//!               └─ report: at once ─ each second ─ at the end, until it is answered ─► router
//! ```

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use proto::broadcast::BroadcastRequest;
use proto::command::{Origin, Source};
use proto::{Command, DeviceId, Request, SessionRef, SharedFrame};
use rand::RngExt as _;
use tokio::sync::Notify;
use tokio::time::sleep;

use super::compression::for_many;
use super::write::mark_dirty;
use super::{Shard, SharedShard};
use crate::broadcasts::{Broadcasts, Ended, Heard, Report, Telling};
use crate::handover::OfBroadcast;
use crate::mailbox::Pushed;
use crate::session::SessionKey;

/// Slices of a second, where so many sessions are told in one.
const SLICES_PER_SECOND: u32 = 100;
/// Sessions in a slice at most: their mailboxes are written before anybody else gets their turn.
const SLICE_SESSIONS_MAX: u32 = 512;
/// Slots that are looked at for them.
const SLICE_SLOTS_MAX: u32 = 4_096;
/// Between two reports.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);

/// How many sessions are told at a time, and what comes between two times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pace {
    sessions: u32,
    pause: Duration,
}

impl Pace {
    /// Of one of so many shards of a gateway that tells so many sessions a second.
    fn of(per_second: u32, shards: usize) -> Self {
        let share = f64::from(per_second.max(1)) / shards.max(1) as f64;
        let sessions = (share as u32 / SLICES_PER_SECOND).clamp(1, SLICE_SESSIONS_MAX);
        Self { sessions, pause: Duration::from_secs_f64(f64::from(sessions) / share) }
    }
}

/// Tells whatever begins, until it has ended.
pub(super) async fn tell_broadcasts(shard: &SharedShard, begun: &Notify) -> Infallible {
    let pace = {
        let config = &shard.borrow().config;
        Pace::of(config.broadcast_per_second, config.shards)
    };
    loop {
        begun.notified().await;
        while shard.borrow_mut().tell_slice(pace.sessions) {
            sleep(pace.pause).await;
        }
    }
}

impl Shard {
    /// Something on the subject of everyone.
    pub(super) fn on_broadcast(&mut self, frame: &Arc<SharedFrame>) {
        let Some((heard, report)) = self.broadcasts.hear(frame, self.authenticated as u64) else { return };
        self.report(report);
        if heard == Heard::Begins {
            self.broadcasts_due = self.clock.tick().after(REPORT_INTERVAL);
            self.broadcast_begun.notify_one();
        }
    }

    /// Tells some of those whose turn it is. Whether there is more to tell.
    fn tell_slice(&mut self, sessions: u32) -> bool {
        self.tell_upto(u32::MAX, sessions);
        self.broadcasts.first().is_some()
    }

    /// Tells so many of those whose turn it is at this slot or below, and writes it to their sockets. Whether there are more of
    /// them.
    pub(super) fn tell_upto(&mut self, last: u32, sessions: u32) -> bool {
        self.clock.read();
        let Some(telling) = self.broadcasts.first() else { return false };
        let (frame, from) = (Arc::clone(&telling.frame), telling.cursor);
        let slots_end = self.sessions.slots_end();
        let mut told = 0;
        for slot in from..slots_end.min(from.saturating_add(SLICE_SLOTS_MAX)).min(last.saturating_add(1)) {
            let Some(telling) = self.broadcasts.first().filter(|telling| telling.left > 0) else { break };
            if told == sessions {
                break;
            }
            telling.cursor = slot + 1;
            let Some(key) = self.sessions.key_at(slot) else { continue };
            // One that closes has no user any more.
            if self.sessions.get(key).is_none_or(|session| session.user.is_none()) {
                continue;
            }
            telling.left -= 1;
            told += 1;
            self.tell_broadcast(key, &frame);
            self.flush_if_dirty(key);
        }
        let Some(telling) = self.broadcasts.first() else { return false };
        if telling.left > 0 && telling.cursor < slots_end {
            return telling.cursor <= last;
        }
        let report = self.broadcasts.end_first(self.authenticated as u64);
        report.into_iter().for_each(|report| self.report(report));
        false
    }

    /// A session has just got a user.
    pub(super) fn tell_newcomer(&mut self, key: SessionKey) {
        if let Some(frame) = self.broadcasts.came(key.slot) {
            self.tell_broadcast(key, &frame);
        }
    }

    fn tell_broadcast(&mut self, key: SessionKey, frame: &SharedFrame) {
        let (now, limits) = (self.clock.tick(), &self.config.mailbox);
        let Some(session) = self.sessions.get_mut(key) else { return };
        let message = for_many(&mut self.codecs, &mut self.tally, session, frame);
        let taking = session.taking();
        let pushed = session.mailbox.announce(&mut self.pool, limits, now, taking, message);
        mark_dirty(&mut self.dirty, session, key.slot);
        let Some(telling) = self.broadcasts.first() else { return };
        if pushed == Pushed::Queued {
            telling.reached.told += 1;
            self.tally.frames_queued += 1;
            self.tally.broadcasts_told += 1;
        } else {
            telling.reached.missed += 1;
            self.tally.broadcasts_missed += 1;
        }
    }

    /// What a tick brings: reports, once a second.
    pub(super) fn report_broadcasts(&mut self) {
        let now = self.clock.tick();
        if self.broadcasts.is_quiet() || self.broadcasts_due > now {
            return;
        }
        self.broadcasts_due = now.after(REPORT_INTERVAL);
        for report in self.broadcasts.reports(self.authenticated as u64) {
            self.report(report);
        }
    }

    /// The shard ends, and has told whomever it could: whoever is still there and was not told has missed it.
    pub(super) fn end_broadcasts(&mut self) {
        if let Some(telling) = self.broadcasts.first() {
            telling.reached.missed += telling.left;
        }
        while let Some(report) = self.broadcasts.end_first(0) {
            self.report(report);
        }
    }

    /// In the name of the broadcast's sender, of no session: [`SessionKey::of_shard`].
    fn report(&mut self, report: Report) {
        let Report { sender, number, report } = report;
        let session =
            SessionRef { node: self.inbox.node(), session: SessionKey::of_shard(number).to_number() };
        let origin = Origin { user: sender, device: DeviceId::unnamed(), session, source: Source::System };
        let mut command = Command {
            origin,
            deadline: self.clock.wall().plus_ms(proto::limits::COMMAND_DEADLINE_MS),
            epoch: proto::Epoch::default(),
            once: None,
            trace: proto::TraceId(self.random.random()),
            request: Request::Broadcast(BroadcastRequest::Report(report)),
        };
        command.epoch = self.bus.epoch(command.partition());
        // What a busy bus loses is said again in a second.
        let _: Result<(), bus::Busy> = self.bus.send_command(command);
    }

    /// Goes on with what another process was telling.
    pub(super) fn resume_broadcasts(&mut self, carried: Vec<OfBroadcast>) {
        let (mut telling, mut ended) = (Vec::new(), Vec::new());
        for of in carried {
            match of {
                OfBroadcast::Telling { frame, cursor, reached } => {
                    let left = self.sessions_from(cursor);
                    telling.extend(Telling::of(frame, left).map(|new| Telling { cursor, reached, ..new }));
                }
                OfBroadcast::Ended { title, reached, answered } => {
                    ended.push(Ended::carried(title, reached, answered));
                }
            }
        }
        self.broadcasts = Broadcasts::carried(telling, ended);
        self.broadcast_begun.notify_one();
    }

    /// Sessions with a user at the slot and above it.
    fn sessions_from(&self, slot: u32) -> u64 {
        let keys = self.sessions.keys().into_iter().filter(|key| key.slot >= slot);
        let has_user =
            |key: &SessionKey| self.sessions.get(*key).is_some_and(|session| session.user.is_some());
        keys.filter(has_user).count() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn per_second(pace: Pace) -> f64 {
        f64::from(pace.sessions) / pace.pause.as_secs_f64()
    }

    #[test]
    fn shards_have_equal_shares_of_the_rate() {
        for (rate, shards) in [(10_000, 2), (10_000, 64), (1, 1), (3, 8), (1_000_000, 1), (250, 2)] {
            let pace = Pace::of(rate, shards);
            let share = f64::from(rate) / shards as f64;
            assert!((per_second(pace) / share - 1.0).abs() < 0.01, "{rate} over {shards}: {pace:?}");
            assert!(pace.sessions <= SLICE_SESSIONS_MAX);
        }
        assert_eq!(Pace::of(10_000, 2), Pace { sessions: 50, pause: Duration::from_millis(10) });
    }
}
