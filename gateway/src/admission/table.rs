//! What is counted by a name: places taken, or rates used, until there is nothing left to remember.

use std::sync::{Mutex, MutexGuard, PoisonError};

use hashbrown::HashMap;

/// By a keyed 64-bit hash, so that a name costs 8 bytes; two names meet in one entry with the chance 2⁻⁶⁴.
pub(super) struct Table<V>(Mutex<Entries<V>>);

struct Entries<V> {
    by_key: HashMap<Key, V>,
    /// With so many entries it is time to look for those that say nothing any more.
    sweep_at: usize,
    /// A full table is not looked through again before this moment.
    full_until_us: u64,
}

/// The two halves, so that what is counted in 4 bytes takes 12 with its key.
type Key = [u32; 2];

/// A table smaller than this is not swept.
const SWEEP_MIN: usize = 1_024;
/// Between two looks through a table that is full: a crowd that finds no room must not pay for one each.
const FULL_PAUSE_US: u64 = 1_000_000;

/// Something that can be forgotten.
pub(super) trait Forgettable: Default {
    /// It is as if it had never been.
    fn says_nothing(&self, now_us: u64) -> bool;
}

impl<V> Default for Table<V> {
    fn default() -> Self {
        Self(Mutex::new(Entries { by_key: HashMap::default(), sweep_at: SWEEP_MIN, full_until_us: 0 }))
    }
}

impl<V: Forgettable> Table<V> {
    /// Looks at the entry of a name, or at a new one.
    pub(super) fn with<R>(&self, key: u64, now_us: u64, look: impl FnOnce(&mut V) -> R) -> R {
        #[expect(clippy::cast_possible_truncation, reason = "the two halves")]
        let key = [(key >> 32) as u32, key as u32];
        let mut entries = self.lock();
        if entries.by_key.len() >= entries.sweep_at {
            entries.sweep(now_us);
        }
        let entry = entries.by_key.entry(key).or_default();
        let result = look(entry);
        if entry.says_nothing(now_us) {
            entries.by_key.remove(&key);
            // A crowd that left must not keep its table.
            if entries.by_key.len() * 8 < entries.by_key.capacity() {
                let target = entries.by_key.len() * 2;
                entries.by_key.shrink_to(target);
            }
        }
        result
    }

    /// Whether fewer names than these are known. Where they are not, those that say nothing any more are forgotten first.
    pub(super) fn has_room(&self, names_max: usize, now_us: u64) -> bool {
        let mut entries = self.lock();
        if entries.by_key.len() >= names_max && now_us >= entries.full_until_us {
            entries.sweep(now_us);
            entries.full_until_us = now_us.saturating_add(FULL_PAUSE_US);
        }
        entries.by_key.len() < names_max
    }

    /// How many names are known.
    pub(super) fn len(&self) -> usize {
        self.lock().by_key.len()
    }

    fn lock(&self) -> MutexGuard<'_, Entries<V>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<V: Forgettable> Entries<V> {
    /// Its cost is spread over the entries that came since the last one.
    fn sweep(&mut self, now_us: u64) {
        self.by_key.retain(|_, entry| !entry.says_nothing(now_us));
        self.sweep_at = (2 * self.by_key.len()).max(SWEEP_MIN);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Says something until its time.
    #[derive(Default)]
    struct Until(u64);

    impl Forgettable for Until {
        fn says_nothing(&self, now_us: u64) -> bool {
            self.0 <= now_us
        }
    }

    #[test]
    fn what_says_nothing_is_not_kept() {
        let table = Table::<Until>::default();
        table.with(1, 5, |_| ());
        assert_eq!(table.len(), 0);
        table.with(1, 5, |entry| entry.0 = 10);
        table.with(1, 10, |_| ());
        assert_eq!(table.len(), 0);
    }

    #[test]
    fn names_that_nobody_asks_for_again_are_found() {
        let table = Table::<Until>::default();
        for key in 0..SWEEP_MIN as u64 {
            table.with(key, 0, |entry| entry.0 = 10);
        }
        assert_eq!(table.len(), SWEEP_MIN);
        table.with(u64::MAX, 10, |entry| entry.0 = 20);
        assert_eq!(table.len(), 1);
    }
}
