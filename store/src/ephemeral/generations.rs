//! A map that forgets: two generations, so that it is bounded without a search for the oldest. When the young one is full or
//! old it becomes the old one, and what was the old one is forgotten.

use std::hash::Hash;
use std::time::Duration;

use hashbrown::{Equivalent, HashMap};
use tokio::time::Instant;

/// At most `entries_max` entries; each stays for `remember` after its last change, and at most for twice that, when there is
/// room.
pub(super) struct Generations<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    turned: Instant,
    generation_max: usize,
    remember: Duration,
}

impl<K: Hash + Eq, V> Generations<K, V> {
    pub(super) fn new(entries_max: usize, remember: Duration) -> Self {
        let generation_max = (entries_max / 2).max(1);
        Self { young: HashMap::new(), old: HashMap::new(), turned: Instant::now(), generation_max, remember }
    }

    pub(super) fn get<Q: Hash + Equivalent<K> + ?Sized>(&mut self, key: &Q, now: Instant) -> Option<&V> {
        self.forget(now);
        self.young.get(key).or_else(|| self.old.get(key))
    }

    /// The entry as it was, to be put back changed.
    pub(super) fn take<Q: Hash + Equivalent<K> + ?Sized>(&mut self, key: &Q, now: Instant) -> Option<V> {
        self.forget(now);
        let old = self.old.remove(key);
        self.young.remove(key).or(old)
    }

    pub(super) fn put(&mut self, key: K, value: V, now: Instant) {
        self.forget(now);
        if self.young.len() >= self.generation_max {
            self.old = std::mem::take(&mut self.young);
            self.turned = now;
        }
        self.old.remove(&key);
        self.young.insert(key, value);
    }

    fn forget(&mut self, now: Instant) {
        let age = now.duration_since(self.turned);
        if age < self.remember {
            return;
        }
        self.old = std::mem::take(&mut self.young);
        self.turned += self.remember;
        if age >= 2 * self.remember {
            self.old.clear();
            self.turned = now;
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_stays_bounded_and_forgets_in_time() {
        let remember = Duration::from_secs(60);
        let mut map = Generations::new(100, remember);
        for n in 0..10_000 {
            map.put(n, n, Instant::now());
            assert!(map.len() <= 100);
        }
        let get = |map: &mut Generations<_, _>, key| map.get(&key, Instant::now()).copied();
        assert_eq!(get(&mut map, 9_999), Some(9_999));
        tokio::time::advance(remember).await;
        map.put(1, 1, Instant::now());
        assert_eq!(get(&mut map, 9_999), Some(9_999), "remembered once more");
        tokio::time::advance(remember).await;
        assert_eq!((get(&mut map, 9_999), get(&mut map, 1)), (None, Some(1)), "nothing was put meanwhile");
        tokio::time::advance(2 * remember).await;
        map.put(2, 2, Instant::now());
        assert_eq!((get(&mut map, 1), map.len()), (None, 1));
        let mut take = || map.take(&2, Instant::now());
        assert_eq!((take(), take()), (Some(2), None));
    }
}
