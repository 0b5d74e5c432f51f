//! What the dedupe ring has let go since the load, as a set that never forgets: a chain of Bloom filters.
//!
//! FENCE A4 lets a first attempt pass without a look-up only while the ring "has lost nothing". A ring of a minute
//! loses something every minute; this set keeps the rule cheap and exact: what is not in it was not lost, and what
//! seems to be in it (1 % of the others do) is looked up. When it is full, everything is.
//!
//! **Limits.** [`FILTERS_MAX`] filters, 63 KiB together, room for 43,000 ids.

use proto::ClientMessageId;

/// Bytes of the first filter; each following has twice as many.
const FIRST_BYTES: usize = 1024;
/// How many filters there may be.
const FILTERS_MAX: usize = 6;
/// Bits of a filter for each id in it: below 0.4 % of others seem to be in it.
const BITS_PER_ID: usize = 12;
/// Bits that one id sets.
const PROBES: u64 = 6;

/// The set; empty it takes 32 bytes.
#[derive(Debug, Default)]
pub struct Lost {
    filters: Vec<Filter>,
    everything: bool,
}

#[derive(Debug)]
struct Filter {
    bits: Vec<u64>,
    room: usize,
}

impl Lost {
    /// The set that contains everything: of a ring about whose past nothing is known.
    pub fn everything() -> Self {
        Self { filters: Vec::new(), everything: true }
    }

    /// Adds an id; `hash` is any well-mixed hash of it, always the same.
    pub fn insert(&mut self, hash: u64) {
        if self.everything {
            return;
        }
        if self.filters.last().is_none_or(|filter| filter.room == 0) {
            if self.filters.len() == FILTERS_MAX {
                *self = Self::everything();
                return;
            }
            let bytes = FIRST_BYTES << self.filters.len();
            self.filters.push(Filter { bits: vec![0; bytes / 8], room: bytes * 8 / BITS_PER_ID });
        }
        if let Some(filter) = self.filters.last_mut() {
            filter.room -= 1;
            for bit in bits(hash, filter.bits.len()) {
                filter.bits[bit / 64] |= 1 << (bit % 64);
            }
        }
    }

    /// Whether the id may have been added. `false` is certain.
    pub fn may_contain(&self, hash: u64) -> bool {
        self.everything
            || self.filters.iter().any(|filter| {
                bits(hash, filter.bits.len()).all(|bit| filter.bits[bit / 64] >> (bit % 64) & 1 == 1)
            })
    }
}

/// Double hashing (Kirsch and Mitzenmacher 2006): the bits of one id in a filter of `words` words.
fn bits(hash: u64, words: usize) -> impl Iterator<Item = usize> {
    let size = (words * 64) as u64;
    let step = (hash >> 32) | 1;
    (0..PROBES)
        .map(move |probe| usize::try_from(hash.wrapping_add(probe.wrapping_mul(step)) % size).unwrap_or(0))
}

/// A hash of an id for this set. Which bits an attacker can choose does not matter: the worst is a look-up.
pub fn hash_of(id: ClientMessageId) -> u64 {
    let number = u128::from_le_bytes(id.0);
    let (low, high) = ((number & u128::from(u64::MAX)) as u64, (number >> 64) as u64);
    let mixed = (low ^ high.rotate_left(29)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed ^ (mixed >> 29)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u128) -> ClientMessageId {
        ClientMessageId((number.wrapping_mul(0x2545_f491_4f6c_dd1d_9e37_79b9_7f4a_7c15)).to_le_bytes())
    }

    #[test]
    fn what_was_added_is_always_found() {
        let mut lost = Lost::default();
        (0..40_000).for_each(|number| lost.insert(hash_of(id(number))));
        assert!((0..40_000).all(|number| lost.may_contain(hash_of(id(number)))));
    }

    #[test]
    fn few_others_seem_to_be_in_it() {
        let mut lost = Lost::default();
        (0..40_000).for_each(|number| lost.insert(hash_of(id(number))));
        let wrong = (100_000..110_000).filter(|number| lost.may_contain(hash_of(id(*number)))).count();
        assert!(wrong < 300, "{wrong} of 10,000");
    }

    #[test]
    fn full_means_everything() {
        let mut lost = Lost::default();
        (0..100_000).for_each(|number| lost.insert(hash_of(id(number))));
        assert!(lost.may_contain(hash_of(id(1 << 80))));
    }
}
