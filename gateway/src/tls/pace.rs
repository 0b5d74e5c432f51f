//! When handshakes get their turn: one after the other, and together a part of a thread's time, so that a storm of them
//! leaves the rest to whoever is connected already.
//!
//! ```text
//! window │▓▓▓▓▓▓░░░░░░│▓▓▓▓▓▓░░░░░░│      ▓ handshakes, others between any two   ░ others alone
//! ```
//!
//! **Limits.** What waits for a turn is bounded by the permits for handshakes (`handshakes_max`).

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, sleep_until};

/// Handshakes have their part of each of these.
const WINDOW: Duration = Duration::from_millis(10);

/// The turns of one thread.
#[derive(Debug)]
pub struct Pace {
    /// Who has it, works; first come, first served.
    turn: Semaphore,
    /// What handshakes may take of a window.
    part: Duration,
    spent: Mutex<Spent>,
    busy: metrics::Counter,
}

#[derive(Debug)]
struct Spent {
    window_ends: Instant,
    time: Duration,
}

/// One turn; it ends when it is dropped.
pub(super) struct Turn<'a> {
    pace: &'a Pace,
    began: Instant,
    _permit: SemaphorePermit<'a>,
}

impl Pace {
    /// Handshakes may take `percent` of the time.
    pub fn new(percent: u8) -> Self {
        Self {
            turn: Semaphore::new(1),
            part: WINDOW * u32::from(percent.clamp(1, 100)) / 100,
            spent: Mutex::new(Spent { window_ends: Instant::now(), time: Duration::ZERO }),
            busy: metrics::counter!("gateway_tls_handshake_busy_microseconds_total"),
        }
    }

    /// Waits for its turn.
    pub(super) async fn turn(&self) -> Turn<'_> {
        let Ok(permit) = self.turn.acquire().await else { unreachable!("the semaphore is never closed") };
        let wait = self.spent().wait(Instant::now(), self.part);
        if let Some(until) = wait {
            sleep_until(until).await;
        }
        Turn { pace: self, began: Instant::now(), _permit: permit }
    }

    fn spent(&self) -> MutexGuard<'_, Spent> {
        self.spent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Spent {
    /// Begins a window when the last one is over; until when to wait, if this one's part is used up.
    fn wait(&mut self, now: Instant, part: Duration) -> Option<Instant> {
        if now < self.window_ends {
            return (self.time >= part).then_some(self.window_ends);
        }
        // One long turn uses up what later windows would have had, and idle ones save nothing.
        let windows = u32::try_from((now - self.window_ends).as_nanos() / WINDOW.as_nanos() + 1);
        self.time = self.time.saturating_sub(part * windows.unwrap_or(u32::MAX));
        self.window_ends = now + WINDOW;
        (self.time >= part).then_some(self.window_ends)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let took = self.began.elapsed();
        self.pace.spent().time += took;
        self.pace.busy.increment(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_window_gives_its_part_and_the_next_one_pays_for_what_was_more() {
        let start = Instant::now();
        let mut spent = Spent { window_ends: start, time: Duration::ZERO };
        assert_eq!(spent.wait(start, 5 * MS), None);
        spent.time += 4 * MS;
        assert_eq!(spent.wait(start + 4 * MS, 5 * MS), None);
        spent.time += 8 * MS;
        assert_eq!(spent.wait(start + 9 * MS, 5 * MS), Some(start + WINDOW));
        // 12 ms were spent: 5 of the first window, 5 of the second, 2 of the third.
        assert_eq!(spent.wait(start + WINDOW, 5 * MS), Some(start + 2 * WINDOW));
        assert_eq!(spent.wait(start + 2 * WINDOW, 5 * MS), None);
        spent.time += 100 * MS;
        assert_eq!(spent.wait(start + 100 * WINDOW, 5 * MS), None, "long ago is forgotten");
    }

    #[tokio::test(start_paused = true)]
    async fn turns_are_given_one_at_a_time_and_never_more_than_the_part() {
        let pace = Pace::new(50);
        let began = Instant::now();
        let mut busy = Duration::ZERO;
        while began.elapsed() < Duration::from_secs(1) {
            let turn = pace.turn().await;
            tokio::time::advance(2 * MS).await;
            drop(turn);
            busy += 2 * MS;
        }
        let share = busy.as_secs_f64() / began.elapsed().as_secs_f64();
        assert!((0.35..=0.55).contains(&share), "{share}");
    }
}
