//! The dedupe ring: the client message ids of the log's tail, by id and by seq (FENCE A4, DESIGN §6.6).

use std::collections::VecDeque;
use std::hash::BuildHasher as _;

use hashbrown::{DefaultHashBuilder, HashTable};
use proto::{ClientMessageId, Seq};

use super::lost::{Lost, hash_of};

/// The fewest entries it keeps, if the log has them (FENCE W).
const ENTRIES_MIN: usize = proto::limits::APPEND_ENTRIES_MAX;
/// The most: a minute at a thousand messages a second. Older ones go to the set of the lost.
const ENTRIES_MAX: usize = 65_536;
/// How long an entry is kept at least, in seconds.
const SECONDS: u32 = 60;

/// Ids of a contiguous run of entries that ends at the newest one. 30 bytes an entry.
#[derive(Debug, Default)]
pub struct Ring {
    first: u64,
    ids: VecDeque<(ClientMessageId, u32)>,
    places: HashTable<u32>,
    hasher: DefaultHashBuilder,
    lost: Lost,
}

impl Ring {
    /// A ring whose first entry will be `next`. `lost` says what of this epoch is already missing.
    pub fn new(next: Seq, lost: Lost) -> Self {
        Self { first: next.0, lost, ..Self::default() }
    }

    /// The seq of an id that it holds.
    pub fn get(&self, id: ClientMessageId) -> Option<Seq> {
        let found = self.places.find(self.hasher.hash_one(id.0), |place| self.id_at(*place) == Some(id))?;
        Some(Seq(self.first + u64::from(found.wrapping_sub(low(self.first)))))
    }

    /// Adds the entry after the newest, at a time in seconds of a steady clock; lets old ones go.
    pub fn push(&mut self, id: ClientMessageId, now_s: u32) {
        let place = low(self.first + self.ids.len() as u64);
        self.ids.push_back((id, now_s));
        let (ids, first, hasher) = (&self.ids, low(self.first), &self.hasher);
        let hash = |place: &u32| hasher.hash_one(ids[place.wrapping_sub(first) as usize].0.0);
        self.places.insert_unique(hasher.hash_one(id.0), place, hash);
        while self.ids.len() > ENTRIES_MAX
            || (self.ids.len() > ENTRIES_MIN
                && self.ids.front().is_some_and(|(_, at)| now_s.saturating_sub(*at) > SECONDS))
        {
            self.lose_first();
        }
    }

    /// Whether the id may be one that this ring held or should have held since its epoch's load.
    pub fn may_have_lost(&self, id: ClientMessageId) -> bool {
        self.lost.may_contain(hash_of(id))
    }

    /// The lowest seq it holds.
    pub fn first(&self) -> Seq {
        Seq(self.first)
    }

    fn lose_first(&mut self) {
        let Some((id, _)) = self.ids.front().copied() else { return };
        let place = low(self.first);
        if let Ok(found) = self.places.find_entry(self.hasher.hash_one(id.0), |other| *other == place) {
            found.remove();
        }
        self.ids.pop_front();
        self.first += 1;
        self.lost.insert(hash_of(id));
    }

    fn id_at(&self, place: u32) -> Option<ClientMessageId> {
        self.ids.get(place.wrapping_sub(low(self.first)) as usize).map(|(id, _)| *id)
    }
}

/// Places are seqs modulo 2^32; a ring is far shorter than that.
fn low(seq: u64) -> u32 {
    (seq & u64::from(u32::MAX)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u64) -> ClientMessageId {
        ClientMessageId(u128::from(number).to_be_bytes())
    }

    #[test]
    fn holds_at_least_w_entries_and_a_minute() {
        let mut ring = Ring::new(Seq(1), Lost::default());
        (1..=100).for_each(|seq| ring.push(id(seq), 0));
        ring.push(id(101), 60);
        assert_eq!(ring.get(id(1)), Some(Seq(1)), "a minute is kept whole");
        ring.push(id(102), 61);
        assert_eq!(ring.get(id(38)), None);
        assert_eq!(ring.get(id(39)), Some(Seq(39)), "the last 64 stay whatever their age");
        assert_eq!(ring.first(), Seq(39));
    }

    #[test]
    fn what_it_lost_is_not_forgotten() {
        let mut ring = Ring::new(Seq(1), Lost::default());
        (1..=100).for_each(|seq| ring.push(id(seq), 0));
        assert!(!ring.may_have_lost(id(1)));
        ring.push(id(101), 100);
        assert!(ring.may_have_lost(id(1)));
        assert!(!ring.may_have_lost(id(5_000)));
    }

    #[test]
    fn seqs_cross_the_end_of_thirty_two_bits() {
        let start = u64::from(u32::MAX) - 100;
        let mut ring = Ring::new(Seq(start), Lost::default());
        (0..300).for_each(|n| ring.push(id(n), u32::try_from(n).unwrap()));
        assert_eq!(ring.get(id(299)), Some(Seq(start + 299)));
        assert_eq!(ring.get(id(250)), Some(Seq(start + 250)));
    }
}
