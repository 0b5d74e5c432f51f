//! A pause before a busy thread sleeps, so that work gathers.
//!
//! A thread that serves thousands of sockets is woken for each that has something to say, and each wake-up interrupts, on a busy
//! machine, the very thread that was about to give it more. Network cards moderate their interrupts for the same reason.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// So many wake-ups in a row, each within two intervals of the one before: the thread is busy.
const BUSY: u32 = 16;

/// When one thread was woken. Only that thread reads and writes it; atomics, because hooks of a runtime are shared.
#[derive(Debug)]
pub(crate) struct Breath {
    interval: Duration,
    began: Instant,
    woken_us: AtomicU64,
    in_a_row: AtomicU32,
}

impl Breath {
    /// While the thread is busy, it looks for work every `interval` at most.
    pub(crate) fn new(interval: Duration) -> Self {
        Self { interval, began: Instant::now(), woken_us: AtomicU64::new(0), in_a_row: AtomicU32::new(0) }
    }

    /// The thread woke up.
    pub(crate) fn woken(&self) {
        let now = self.now_us();
        let before = self.woken_us.swap(now, Ordering::Relaxed);
        let soon = Duration::from_micros(now - before) < 2 * self.interval;
        let in_a_row = if soon { self.in_a_row.load(Ordering::Relaxed).saturating_add(1) } else { 0 };
        self.in_a_row.store(in_a_row, Ordering::Relaxed);
    }

    /// For how long a thread that has nothing to do need not look.
    pub(crate) fn rest(&self) -> Duration {
        if self.in_a_row.load(Ordering::Relaxed) < BUSY {
            return Duration::ZERO;
        }
        let awake = Duration::from_micros(self.now_us() - self.woken_us.load(Ordering::Relaxed));
        self.interval.saturating_sub(awake)
    }

    fn now_us(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    const INTERVAL: Duration = Duration::from_millis(1);

    /// Woken so often, so far apart.
    async fn woken(breath: &Breath, times: u32, apart: Duration) {
        for _ in 0..times {
            advance(apart).await;
            breath.woken();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn only_a_busy_thread_rests_and_only_for_what_is_left_of_the_interval() {
        let breath = Breath::new(INTERVAL);
        woken(&breath, BUSY - 1, INTERVAL / 4).await;
        assert_eq!(breath.rest(), Duration::ZERO);
        woken(&breath, 1, INTERVAL / 4).await;
        assert_eq!(breath.rest(), INTERVAL);
        advance(INTERVAL / 4).await;
        assert_eq!(breath.rest(), INTERVAL * 3 / 4, "what it worked is part of the interval");
        advance(INTERVAL).await;
        assert_eq!(breath.rest(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_thread_that_rests_stays_busy_until_nothing_comes_for_two_intervals() {
        let breath = Breath::new(INTERVAL);
        woken(&breath, BUSY, INTERVAL / 4).await;
        woken(&breath, 10, INTERVAL * 3 / 2).await;
        assert_eq!(breath.rest(), INTERVAL);
        woken(&breath, 1, INTERVAL * 2).await;
        assert_eq!(breath.rest(), Duration::ZERO);
    }
}
