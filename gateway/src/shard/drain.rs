//! How a shard goes away: tells, waits, closes, in slices, so that the clients do not come back all at once.

use std::time::Duration;

use proto::{CloseCode, ServerFrame};
use rand::RngExt as _;
use tokio::time::{Instant, sleep, sleep_until};

use super::run::Context;
use super::{Shard, SharedShard};
use crate::config::DrainPlan;
use crate::session::SessionKey;

/// Between two slices, and between two looks at whether all have left.
const PACE: Duration = Duration::from_millis(10);

/// What a drain did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DrainReport {
    /// Sessions that were told to reconnect elsewhere.
    pub told: usize,
    /// Sessions that the gateway closed, because they were still there after that.
    pub closed: usize,
    /// Sessions and requests that had not ended at the end of the drain, and were cut off.
    pub abandoned: usize,
}

/// Ends every session in order. Done when all have left, or at the end of the time for it.
pub(super) async fn drain(shard: &SharedShard, context: &Context) -> DrainReport {
    let plan = &context.config.drain;
    let until = Instant::now() + plan.timeout;
    let all = shard.borrow().sessions.keys();
    let mut report = send_away(shard, plan, &all, until, || shard.borrow().has_ended(context)).await;
    // Handshakes that were under way when the drain began.
    let late = shard.borrow().sessions.keys();
    report.closed += shard.borrow_mut().close_for_restart(&late);
    while !shard.borrow().has_ended(context) && Instant::now() < until {
        sleep_until((Instant::now() + PACE).min(until)).await;
    }
    let mut shard = shard.borrow_mut();
    shard.end_broadcasts();
    report.abandoned = shard.abandon() + context.requests.get();
    shard.tally.drain_told += report.told as u64;
    shard.tally.drain_closed += report.closed as u64;
    shard.tally.drain_abandoned += report.abandoned as u64;
    shard.on_tick();
    report
}

/// Tells sessions to leave, waits until they have or the notice ends, and closes those still there. What everybody is being told
/// they hear first, sooner than it would have been their turn: who knows whether where they go is somebody who tells them.
pub(super) async fn send_away(
    shard: &SharedShard,
    plan: &DrainPlan,
    keys: &[SessionKey],
    until: Instant,
    have_left: impl Fn() -> bool,
) -> DrainReport {
    let mut report = DrainReport::default();
    let sessions = u32::try_from(plan.sessions_per_slice.max(1)).unwrap_or(u32::MAX);
    for slice in keys.chunks(plan.sessions_per_slice.max(1)) {
        let last = slice.iter().map(|key| key.slot).max().unwrap_or(0);
        while shard.borrow_mut().tell_upto(last, sessions) && Instant::now() < until {
            sleep(PACE).await;
        }
        report.told += shard.borrow_mut().tell_goaway(slice, plan.reconnect_window);
        sleep(PACE).await;
    }
    let notice_ends = (Instant::now() + plan.notice).min(until);
    while !have_left() && Instant::now() < notice_ends {
        sleep(PACE).await;
    }
    for slice in keys.chunks(plan.sessions_per_slice.max(1)) {
        let closed = shard.borrow_mut().close_for_restart(slice);
        report.closed += closed;
        if closed > 0 {
            sleep(PACE).await;
        }
    }
    report
}

impl Shard {
    fn has_ended(&self, context: &Context) -> bool {
        self.sessions.len() == 0 && context.requests.get() == 0
    }

    fn tell_goaway(&mut self, keys: &[SessionKey], window: Duration) -> usize {
        self.clock.read();
        let window_ms = u32::try_from(window.as_millis()).unwrap_or(u32::MAX);
        let mut told = 0;
        for key in keys {
            let delay_ms = self.random.random_range(0..=window_ms);
            let Some(session) = self.sessions.get(*key) else { continue };
            if session.user.is_some() {
                let frame = ServerFrame::Goaway(delay_ms).encode_message(session.encoding);
                self.tell(*key, frame);
                told += 1;
            }
        }
        self.flush_dirty();
        told
    }

    pub(super) fn close_for_restart(&mut self, keys: &[SessionKey]) -> usize {
        self.clock.read();
        let mut closed = 0;
        for key in keys {
            if self.sessions.get(*key).is_some_and(|session| !session.is_closing()) {
                self.close(*key, CloseCode::Restart, "the server restarts");
                closed += 1;
            }
        }
        self.flush_dirty();
        closed
    }

    fn abandon(&mut self) -> usize {
        let left = self.sessions.keys();
        left.iter().for_each(|key| self.remove(*key));
        left.len()
    }
}
