//! Timers of conversations: a wheel of ticks, one insertion and one removal per conversation and second at most.

/// Milliseconds of one tick.
pub const TICK_MS: u64 = 50;
/// Ticks of one turn of the wheel: 12.8 s. What is due later is put in again on the way.
const TICKS: usize = 256;

/// Keys by the tick at which they are due.
pub struct Wheel<K> {
    slots: Vec<Vec<K>>,
    /// Everything before this tick was taken.
    next: u64,
}

impl<K> Wheel<K> {
    /// A wheel that begins now.
    pub fn new(now_ms: u64) -> Self {
        let slots = std::iter::repeat_with(Vec::new).take(TICKS).collect();
        Self { slots, next: now_ms / TICK_MS }
    }

    /// Puts a key in; it comes out at the tick that is returned, at or after `due_ms` but for what is far away.
    pub fn insert(&mut self, key: K, due_ms: u64) -> u64 {
        let tick = due_ms.div_ceil(TICK_MS).clamp(self.next, self.next + TICKS as u64 - 1);
        self.slots[slot(tick)].push(key);
        tick
    }

    /// Takes out everything that is due, with its tick.
    pub fn advance(&mut self, now_ms: u64, mut due: impl FnMut(u64, K)) {
        let now = now_ms / TICK_MS;
        let last = now.min(self.next + TICKS as u64 - 1);
        while self.next <= last {
            let tick = self.next;
            self.next += 1;
            for key in self.slots[slot(tick)].drain(..) {
                due(tick, key);
            }
        }
        self.next = self.next.max(now + 1);
    }
}

fn slot(tick: u64) -> usize {
    usize::try_from(tick % TICKS as u64).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due(wheel: &mut Wheel<u32>, now_ms: u64) -> Vec<u32> {
        let mut out = Vec::new();
        wheel.advance(now_ms, |_, key| out.push(key));
        out
    }

    #[test]
    fn keys_come_out_at_their_time_and_once() {
        let mut wheel = Wheel::new(1_000);
        wheel.insert(1, 1_100);
        wheel.insert(2, 1_120);
        assert!(due(&mut wheel, 1_090).is_empty());
        assert_eq!(due(&mut wheel, 1_100), [1]);
        assert!(due(&mut wheel, 1_149).is_empty());
        assert_eq!(due(&mut wheel, 1_150), [2]);
        assert!(due(&mut wheel, 100_000).is_empty());
    }

    #[test]
    fn what_is_overdue_comes_out_next() {
        let mut wheel = Wheel::new(1_000);
        assert!(due(&mut wheel, 1_000).is_empty());
        wheel.insert(1, 0);
        assert_eq!(due(&mut wheel, 1_050), [1]);
    }

    #[test]
    fn a_long_pause_loses_nothing() {
        let mut wheel = Wheel::new(0);
        wheel.insert(1, 3_000);
        wheel.insert(2, 60_000);
        assert_eq!(due(&mut wheel, 1_000_000), [1, 2]);
    }
}
