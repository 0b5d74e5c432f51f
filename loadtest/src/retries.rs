//! What the server refused for now, and when it is asked again: not before the time that it advised, and not everybody at once, as
//! the reference client does.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;

use client::Backoff;

use crate::clock::Nanos;

/// See the module. `K` names what was refused.
#[derive(Clone, Debug)]
pub struct Retries<K> {
    refused: HashMap<K, Refused>,
    due: BTreeSet<(Nanos, K)>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Refused {
    times: u32,
    /// When it is asked again; `None`: it was, and has no answer yet.
    due: Option<Nanos>,
}

impl<K> Default for Retries<K> {
    fn default() -> Self {
        Self { refused: HashMap::new(), due: BTreeSet::new() }
    }
}

impl<K: Copy + Eq + Hash + Ord> Retries<K> {
    /// It was refused at this time, with this advice.
    pub fn refused(&mut self, what: K, at: Nanos, retry_after_ms: u32) {
        let refused = self.refused.entry(what).or_default();
        let wait = Backoff::USUAL.after_refusal(retry_after_ms, refused.times, &mut rand::rng());
        let due = at.saturating_add(u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX));
        refused.times = refused.times.saturating_add(1);
        if let Some(before) = refused.due.replace(due) {
            self.due.remove(&(before, what));
        }
        self.due.insert((due, what));
    }

    /// One whose time has come by `now`: it is to be asked again.
    pub fn take_due(&mut self, now: Nanos) -> Option<K> {
        let (due, what) = self.due.first().copied().filter(|(due, _)| *due <= now)?;
        self.due.remove(&(due, what));
        if let Some(refused) = self.refused.get_mut(&what) {
            refused.due = None;
        }
        Some(what)
    }

    /// Whether it waits for its time.
    pub fn waits(&self, what: K) -> bool {
        self.refused.get(&what).is_some_and(|refused| refused.due.is_some())
    }

    /// It was answered, or nobody waits for that any more.
    pub fn settled(&mut self, what: K) {
        if let Some(Refused { due: Some(due), .. }) = self.refused.remove(&what) {
            self.due.remove(&(due, what));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{MILLISECOND, SECOND};

    #[test]
    fn who_is_refused_waits_as_advised_and_longer_each_time() {
        let mut retries = Retries::default();
        for times in 0..20_u64 {
            retries.refused(7, times * 60 * SECOND, 500);
            assert!(retries.waits(7));
            assert_eq!(retries.take_due(times * 60 * SECOND + 499 * MILLISECOND), None);
            let ceiling = (100 << times.min(10)).min(10_000);
            let due = times * 60 * SECOND + (500 + ceiling) * MILLISECOND;
            assert_eq!((retries.take_due(due), retries.waits(7)), (Some(7), false));
        }
    }

    #[test]
    fn what_was_answered_is_not_asked_again_and_begins_anew() {
        let mut retries = Retries::default();
        for _ in 0..9 {
            retries.refused("a", 0, 10);
        }
        retries.refused("b", 0, 10);
        retries.settled("a");
        assert_eq!((retries.take_due(SECOND), retries.take_due(u64::MAX)), (Some("b"), None));
        retries.refused("a", 0, 10);
        assert_eq!(retries.take_due(110 * MILLISECOND), Some("a"));
    }
}
