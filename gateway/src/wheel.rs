//! A timer wheel: one entry per session instead of one timer per connection.
//!
//! **Guarantees.** An item comes out at the first [`Wheel::advance`] to its tick or later, never before.
//!
//! **Does not** cancel: the owner of an item ignores one that comes out when it no longer matters.
//!
//! **Limits.** A tick is [`TICK`]; inserting is O(1); an item farther than the wheel's round is looked at once per
//! round.

use std::time::Duration;

/// The length of a tick.
pub(crate) const TICK: Duration = Duration::from_millis(100);
const SLOTS: u32 = 512;

/// Ticks since the shard started. Lasts 13 years.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Tick(pub u32);

impl Tick {
    /// Never comes.
    pub(crate) const NEVER: Self = Self(u32::MAX);

    /// Later by at least `duration`.
    pub(crate) fn after(self, duration: Duration) -> Self {
        Self(u32::try_from(duration.as_millis().div_ceil(TICK.as_millis())).map_or(u32::MAX, |ticks| {
            // One more, because the present tick has partly passed.
            self.0.saturating_add(ticks).saturating_add(1)
        }))
    }
}

/// See the module.
pub(crate) struct Wheel<T> {
    slots: Vec<Vec<(Tick, T)>>,
    now: Tick,
}

impl<T> Wheel<T> {
    pub(crate) fn new() -> Self {
        Self { slots: (0..SLOTS).map(|_| Vec::new()).collect(), now: Tick(0) }
    }

    /// Lets `item` come out at `due`, or at the next tick when that is past.
    pub(crate) fn insert(&mut self, due: Tick, item: T) {
        let visit = due.0.clamp(self.now.0.saturating_add(1), self.now.0.saturating_add(SLOTS - 1));
        self.slots[(visit % SLOTS) as usize].push((due, item));
    }

    /// Moves to `now` and appends what is due to `fired`, with the tick it was due at.
    pub(crate) fn advance(&mut self, now: Tick, fired: &mut Vec<(Tick, T)>) {
        while self.now < now {
            self.now.0 += 1;
            let slot = std::mem::take(&mut self.slots[(self.now.0 % SLOTS) as usize]);
            for (due, item) in slot {
                if due <= self.now {
                    fired.push((due, item));
                } else {
                    self.insert(due, item);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fired(wheel: &mut Wheel<&'static str>, now: u32) -> Vec<&'static str> {
        let mut out = Vec::new();
        wheel.advance(Tick(now), &mut out);
        out.into_iter().map(|(_, item)| item).collect()
    }

    #[test]
    fn an_item_comes_out_at_its_tick_and_once() {
        let mut wheel = Wheel::new();
        wheel.insert(Tick(3), "three");
        wheel.insert(Tick(1), "one");
        assert_eq!(fired(&mut wheel, 2), ["one"]);
        assert_eq!(fired(&mut wheel, 3), ["three"]);
        assert!(fired(&mut wheel, 2_000).is_empty());
    }

    #[test]
    fn an_item_farther_than_a_round_waits_its_rounds() {
        let mut wheel = Wheel::new();
        wheel.insert(Tick(SLOTS * 3 + 7), "far");
        assert!(fired(&mut wheel, SLOTS * 3 + 6).is_empty());
        assert_eq!(fired(&mut wheel, SLOTS * 3 + 7), ["far"]);
    }

    #[test]
    fn a_past_tick_comes_out_at_the_next() {
        let mut wheel = Wheel::new();
        assert!(fired(&mut wheel, 10).is_empty());
        wheel.insert(Tick(4), "late");
        assert_eq!(fired(&mut wheel, 11), ["late"]);
    }

    #[test]
    fn never_is_never_early() {
        assert_eq!(Tick(5).after(Duration::MAX), Tick::NEVER);
        assert!(Tick(5).after(TICK) > Tick(6));
    }
}
