//! Which seqs of one conversation one device has, in a few bytes: everything up to a floor, and a bitmap above it.

/// See the module. Seqs at or below the baseline are older than the run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    baseline: u64,
    /// Everything from the baseline to here is there.
    floor: u64,
    /// Bit `i` stands for `floor + 1 + i`; bit 0 is never set.
    above: u64,
    /// What is further ahead; empty unless much is missing.
    far: Vec<u64>,
    /// What was fetched and may still be pushed, the newest last; at most [`FETCHED_MAX`].
    fetched: Vec<u64>,
    /// The newest seq heard of.
    head: u64,
    /// The newest seq that was pushed.
    pushed: u64,
}

/// Of what was fetched, so much is remembered: a push that was overtaken by a page comes right behind it.
const FETCHED_MAX: usize = 64;

/// What marking a seq found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// It was missing.
    New,
    /// It was there already.
    Again,
    /// It was fetched a moment ago, and only now the push comes that the page overtook.
    Fetched,
    /// It is older than the run.
    Old,
}

impl Ledger {
    /// Everything up to `baseline` is older than the run.
    pub fn begin(&mut self, baseline: u64) {
        *self = Self { baseline, floor: baseline, head: baseline, pushed: baseline, ..Self::default() };
    }

    /// The device has `seq`.
    pub fn mark(&mut self, seq: u64) -> Mark {
        if seq <= self.baseline {
            return Mark::Old;
        }
        self.head = self.head.max(seq);
        if seq <= self.floor {
            return Mark::Again;
        }
        let ahead = seq - self.floor - 1;
        if ahead >= 64 {
            if self.far.contains(&seq) {
                return Mark::Again;
            }
            self.far.push(seq);
            return Mark::New;
        }
        if self.above & (1 << ahead) != 0 {
            return Mark::Again;
        }
        self.above |= 1 << ahead;
        if ahead == 0 {
            self.raise();
        }
        Mark::New
    }

    /// As [`Self::mark`], for an event that was pushed; says also whether an event behind it was pushed before.
    pub fn push(&mut self, seq: u64) -> (Mark, bool) {
        let mut mark = self.mark(seq);
        if mark == Mark::Again
            && let Some(place) = self.fetched.iter().position(|fetched| *fetched == seq)
        {
            self.fetched.remove(place);
            mark = Mark::Fetched;
        }
        let in_order = mark != Mark::New || seq > self.pushed;
        self.pushed = self.pushed.max(seq);
        (mark, in_order)
    }

    /// As [`Self::mark`], for an entry of a page.
    pub fn fetch(&mut self, seq: u64) -> Mark {
        let mark = self.mark(seq);
        if mark == Mark::New {
            if self.fetched.len() == FETCHED_MAX {
                self.fetched.remove(0);
            }
            self.fetched.push(seq);
        }
        mark
    }

    /// Somebody said what the newest seq is.
    pub fn head(&mut self, head: u64) {
        self.head = self.head.max(head);
    }

    /// The first missing seq, if something up to the newest known one is missing.
    pub fn gap(&self) -> Option<u64> {
        (self.head > self.floor).then_some(self.floor + 1)
    }

    /// The newest seq heard of.
    pub fn newest(&self) -> u64 {
        self.head
    }

    /// Seqs up to here are older than the run.
    pub fn baseline(&self) -> u64 {
        self.baseline
    }

    /// Up to here nothing is missing.
    pub fn floor(&self) -> u64 {
        self.floor
    }

    /// A page covered everything up to `to`: what it did not show is not for this device.
    pub fn cover(&mut self, to: u64) {
        while self.floor < to {
            self.above |= 1;
            self.raise();
        }
        self.head = self.head.max(to);
    }

    fn raise(&mut self) {
        loop {
            let run = self.above.trailing_ones();
            if run == 0 {
                return;
            }
            self.floor += u64::from(run);
            self.above = self.above.checked_shr(run).unwrap_or(0);
            let floor = self.floor;
            let above = &mut self.above;
            self.far.retain(|seq| match seq.checked_sub(floor + 1) {
                Some(ahead) if ahead < 64 => {
                    *above |= 1 << ahead;
                    false
                }
                Some(_) => true,
                None => false,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rand::{RngExt as _, SeedableRng as _};

    use super::*;

    #[test]
    fn tells_new_from_again_from_old_like_a_plain_set() {
        for seed in 0..100 {
            let mut random = rand::rngs::StdRng::seed_from_u64(seed);
            let mut ledger = Ledger::default();
            ledger.begin(10);
            let mut set = BTreeSet::new();
            for _ in 0..2000 {
                let seq = random.random_range(5..400);
                let expected = match seq {
                    ..=10 => Mark::Old,
                    _ if set.insert(seq) => Mark::New,
                    _ => Mark::Again,
                };
                assert_eq!(ledger.mark(seq), expected, "seed {seed} seq {seq}");
                let floor = (11..).find(|seq| !set.contains(seq)).unwrap_or(0) - 1;
                assert_eq!(ledger.floor(), floor, "seed {seed}");
                assert_eq!(ledger.gap(), set.last().filter(|last| **last > floor).map(|_| floor + 1));
            }
        }
    }

    #[test]
    fn sees_a_push_behind_a_later_one() {
        let mut ledger = Ledger::default();
        assert_eq!(ledger.push(1), (Mark::New, true));
        assert_eq!(ledger.push(3), (Mark::New, true));
        assert_eq!(ledger.push(2), (Mark::New, false));
        assert_eq!(ledger.push(2), (Mark::Again, true));
    }

    #[test]
    fn a_push_that_a_page_overtook_is_no_second_one_but_the_next_is() {
        let mut ledger = Ledger::default();
        ledger.push(1);
        assert_eq!(ledger.fetch(2), Mark::New);
        assert_eq!(ledger.push(2).0, Mark::Fetched);
        assert_eq!(ledger.push(2).0, Mark::Again);
        assert_eq!((ledger.fetch(2), ledger.push(1).0), (Mark::Again, Mark::Again));
    }

    #[test]
    fn a_head_or_a_page_reveals_and_closes_gaps() {
        let mut ledger = Ledger::default();
        ledger.head(200);
        assert_eq!(ledger.gap(), Some(1));
        ledger.mark(150);
        ledger.cover(149);
        assert_eq!((ledger.floor(), ledger.gap()), (150, Some(151)));
        ledger.cover(200);
        assert_eq!(ledger.gap(), None);
    }
}
