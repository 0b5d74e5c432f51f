//! How a shard goes away: each session is told a time of its own to leave and come back, and closed a while after it.
//!
//! ```text
//! goaway to all, in slices ──► session k leaves at k × between ──► is closed `notice` later, if still there
//! ```
//!
//! Whoever takes them in sees no more than `reconnects_per_second` of them in a second, whether they heed the word or come back when
//! they are closed; and each is served until its time. Where all that does not fit into the time for a drain, they leave faster.

use std::time::Duration;

use proto::{CloseCode, ServerFrame};
use tokio::time::{Instant, sleep, sleep_until};

use super::run::Context;
use super::{Shard, SharedShard};
use crate::config::{DrainPlan, GatewayConfig};
use crate::session::SessionKey;

/// Between two slices, and between two looks at whether all have left.
const PACE: Duration = Duration::from_millis(10);
/// Of the reconnects of a second, so many are planned in a hundred: clients that are a little late must not come with the next ones.
const PLANNED_PERCENT: u64 = 90;
const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// What a drain did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DrainReport {
    /// Sessions that were told to reconnect elsewhere.
    pub told: usize,
    /// Sessions that the gateway closed, because they were still there after their time.
    pub closed: usize,
    /// Sessions and requests that had not ended at the end of the drain, and were cut off.
    pub abandoned: usize,
}

/// Ends every session in order. Done when all have left, or at the end of the time for it.
pub(super) async fn drain(shard: &SharedShard, context: &Context) -> DrainReport {
    let until = Instant::now() + context.config.drain.timeout;
    let all = shard.borrow().sessions.keys();
    let mut report =
        send_away(shard, &context.config, &all, until, || shard.borrow().has_ended(context)).await;
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
    config: &GatewayConfig,
    keys: &[SessionKey],
    until: Instant,
    have_left: impl Fn() -> bool,
) -> DrainReport {
    let mut report = DrainReport::default();
    let begun = Instant::now();
    let plan = &config.drain;
    let slots = Slots::of(plan, config.shards, keys.len(), until.saturating_duration_since(begun));
    let sessions = u32::try_from(plan.sessions_per_slice.max(1)).unwrap_or(u32::MAX);
    let mut told = 0;
    for slice in keys.chunks(plan.sessions_per_slice.max(1)) {
        let last = slice.iter().map(|key| key.slot).max().unwrap_or(0);
        while shard.borrow_mut().tell_upto(last, sessions) && Instant::now() < until {
            sleep(PACE).await;
        }
        report.told += shard.borrow_mut().tell_goaway(slice, |at| slots.delay(told + at, begun.elapsed()));
        told += slice.len();
        sleep(PACE).await;
    }
    let mut closed = 0;
    while closed < keys.len() && !have_left() {
        let since_notice = begun.elapsed().checked_sub(plan.notice);
        let due = if Instant::now() >= until { keys.len() } else { slots.past(since_notice).min(keys.len()) };
        report.closed += shard.borrow_mut().close_for_restart(&keys[closed..due.max(closed)]);
        closed = closed.max(due);
        sleep(PACE).await;
    }
    report
}

/// When each session should leave, from the begin of the drain.
struct Slots {
    between: Duration,
}

impl Slots {
    /// Of so many sessions of one of so many shards that have so much time, the notice of the last included.
    fn of(plan: &DrainPlan, shards: usize, sessions: usize, time: Duration) -> Self {
        let count = u32::try_from(sessions).unwrap_or(u32::MAX).max(1);
        let planned = u64::from(plan.reconnects_per_second.max(1)) * PLANNED_PERCENT;
        let as_configured = Duration::from_nanos(shards.max(1) as u64 * 100 * NANOS_PER_SECOND / planned);
        Self { between: as_configured.min(time.saturating_sub(plan.notice) / count) }
    }

    /// How long from now session `number` may stay.
    fn delay(&self, number: usize, elapsed: Duration) -> Duration {
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        self.between.saturating_mul(number).saturating_sub(elapsed)
    }

    /// How many sessions should have left after this time.
    fn past(&self, elapsed: Option<Duration>) -> usize {
        let Some(elapsed) = elapsed else { return 0 };
        let past = elapsed.as_nanos().checked_div(self.between.as_nanos());
        past.map_or(usize::MAX, |past| usize::try_from(past).unwrap_or(usize::MAX).saturating_add(1))
    }
}

impl Shard {
    fn has_ended(&self, context: &Context) -> bool {
        self.connections(context) == 0
    }

    /// Tells these when to come back: the session at that place of them after `delay`.
    fn tell_goaway(&mut self, keys: &[SessionKey], delay: impl Fn(usize) -> Duration) -> usize {
        self.clock.read();
        let mut told = 0;
        for (at, key) in keys.iter().enumerate() {
            let delay_ms = u32::try_from(delay(at).as_millis()).unwrap_or(u32::MAX);
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

#[cfg(test)]
mod tests {
    use super::*;

    const PLAN: DrainPlan = DrainPlan {
        reconnects_per_second: 10_000,
        sessions_per_slice: 64,
        notice: Duration::from_secs(1),
        timeout: Duration::from_secs(15),
    };

    /// Each of them sends one away in a millisecond.
    const SHARDS: usize = 9;

    #[test]
    fn each_session_has_a_time_of_its_own_whenever_it_is_told() {
        let slots = Slots::of(&PLAN, SHARDS, 5_000, PLAN.timeout);
        let (second, ms) = (Duration::from_secs(1), Duration::from_millis(1));
        assert_eq!(
            [0, 1, 4_999].map(|number| slots.delay(number, Duration::ZERO)),
            [0, 1, 4_999].map(|n| ms * n)
        );
        assert_eq!(slots.delay(2_500, second), ms * 1_500);
        assert_eq!(slots.delay(10, second), Duration::ZERO);
        assert_eq!(slots.past(None), 0, "the notice of the first has not ended");
        assert_eq!([Duration::ZERO, second].map(|elapsed| slots.past(Some(elapsed))), [1, 1_001]);
    }

    #[test]
    fn more_than_there_is_time_for_leave_faster() {
        let slots = Slots::of(&PLAN, SHARDS, 28_000, PLAN.timeout);
        assert_eq!(slots.delay(14_000, Duration::ZERO), Duration::from_secs(7));
        let slots = Slots::of(&PLAN, SHARDS, 10, PLAN.notice);
        assert_eq!(
            (slots.delay(9, Duration::ZERO), slots.past(Some(Duration::ZERO))),
            (Duration::ZERO, usize::MAX)
        );
    }
}
