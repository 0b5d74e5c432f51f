//! What is kept: runs of entries, 16 seqs to a block, the least used given up first.

use std::ops::RangeInclusive;

use hashbrown::HashMap;
use proto::{ConversationId, Entry, Seq};

/// Seqs in a block.
pub(super) const BLOCK_SEQS: u64 = 16;
/// What an entry takes besides its body, about.
const ENTRY_BYTES: usize = 160;
/// What a block takes besides its entries, about.
const BLOCK_BYTES: usize = 160;

/// Which block: of which log, and its number.
pub(super) type Key = (ConversationId, u64);

/// Every entry that there is in an interval of seqs. Some of the interval's first seqs may be gone: old buckets are
/// dropped whole.
#[derive(Debug)]
struct Block {
    from: Seq,
    to: Seq,
    entries: Vec<Entry>,
    bytes: usize,
}

/// Blocks by use: what is used is young; when the young fill half of the room, they are the old ones, and the old ones
/// that nobody used in all that time are given up.
pub(super) struct Blocks {
    young: HashMap<Key, Block>,
    old: HashMap<Key, Block>,
    young_bytes: usize,
    old_bytes: usize,
    bytes_max: usize,
}

/// The number of the block that a seq is in; seqs begin with 1.
pub(super) fn number_of(seq: Seq) -> u64 {
    seq.0.saturating_sub(1) / BLOCK_SEQS
}

/// The first seq of a block.
pub(super) fn first_of(number: u64) -> Seq {
    Seq(number * BLOCK_SEQS + 1)
}

/// The last seq of a block.
pub(super) fn last_of(number: u64) -> Seq {
    Seq((number + 1) * BLOCK_SEQS)
}

impl Blocks {
    pub(super) fn new(bytes_max: usize) -> Self {
        let (young, old) = (HashMap::new(), HashMap::new());
        Self { young, old, young_bytes: 0, old_bytes: 0, bytes_max }
    }

    /// How much is kept, about.
    pub(super) fn bytes(&self) -> usize {
        self.young_bytes + self.old_bytes
    }

    /// Adds the entries of an interval to `found`, or says which seq is the first that is not kept.
    pub(super) fn gather(
        &mut self,
        conversation: &ConversationId,
        (from, to): (Seq, Seq),
        found: &mut Vec<Entry>,
    ) -> Result<(), Seq> {
        for number in number_of(from)..=number_of(to) {
            let part = (from.max(first_of(number)), to.min(last_of(number)));
            let block = self.used(&(conversation.clone(), number)).ok_or(first_of(number))?;
            if block.from > part.0 {
                return Err(first_of(number));
            }
            let start = block.entries.partition_point(|entry| entry.seq < part.0);
            let end = block.entries.partition_point(|entry| entry.seq <= part.1);
            found.extend_from_slice(&block.entries[start..end]);
            if block.to < part.1 {
                return Err(block.to.next());
            }
        }
        Ok(())
    }

    /// Keeps everything that there is in an interval.
    pub(super) fn insert(
        &mut self,
        conversation: &ConversationId,
        (from, to): (Seq, Seq),
        entries: &[Entry],
    ) {
        for number in number_of(from)..=number_of(to) {
            let (from, to) = (from.max(first_of(number)), to.min(last_of(number)));
            let start = entries.partition_point(|entry| entry.seq < from);
            let end = entries.partition_point(|entry| entry.seq <= to);
            self.put((conversation.clone(), number), from, to, &entries[start..end]);
        }
    }

    /// Whether the entry before `seq` is kept, so that one more can follow it.
    pub(super) fn ends_before(&mut self, conversation: &ConversationId, seq: Seq) -> bool {
        let before = Seq(seq.0.saturating_sub(1));
        let block = self.used(&(conversation.clone(), number_of(before)));
        before > Seq::ZERO && block.is_some_and(|block| block.to == before)
    }

    /// Gives up what has any of these seqs.
    pub(super) fn forget(&mut self, conversation: &ConversationId, seqs: RangeInclusive<Seq>) {
        for number in number_of(*seqs.start())..=number_of(*seqs.end()) {
            self.take(&(conversation.clone(), number));
        }
    }

    fn used(&mut self, key: &Key) -> Option<&mut Block> {
        if let Some(block) = self.old.remove(key) {
            self.old_bytes -= block.bytes;
            self.young_bytes += block.bytes;
            self.young.insert(key.clone(), block);
            self.age();
        }
        // It may just have become old again, by its own weight.
        if self.young.contains_key(key) { self.young.get_mut(key) } else { self.old.get_mut(key) }
    }

    fn put(&mut self, key: Key, from: Seq, to: Seq, entries: &[Entry]) {
        let before = self.take(&key);
        let block = match before {
            // What follows what is kept, or overlaps it, is added to it; anything else replaces it.
            Some(mut block) if block.from <= from && from.0 <= block.to.0 + 1 => {
                let new = entries.partition_point(|entry| entry.seq <= block.to);
                block.entries.extend_from_slice(&entries[new..]);
                block.bytes += bytes_of(&entries[new..]);
                block.to = block.to.max(to);
                block
            }
            _ => Block { from, to, entries: entries.to_vec(), bytes: bytes_of(entries) + BLOCK_BYTES },
        };
        self.young_bytes += block.bytes;
        self.young.insert(key, block);
        self.age();
    }

    fn take(&mut self, key: &Key) -> Option<Block> {
        if let Some(block) = self.young.remove(key) {
            self.young_bytes -= block.bytes;
            return Some(block);
        }
        let block = self.old.remove(key)?;
        self.old_bytes -= block.bytes;
        Some(block)
    }

    fn age(&mut self) {
        if self.young_bytes > self.bytes_max / 2 {
            self.old = std::mem::take(&mut self.young);
            self.old_bytes = std::mem::take(&mut self.young_bytes);
        }
    }
}

fn bytes_of(entries: &[Entry]) -> usize {
    entries.iter().map(|entry| ENTRY_BYTES + entry.body.encoded().len()).sum()
}
