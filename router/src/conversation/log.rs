//! What is held in memory of the log: where it ends, its last entries, and the ids of its tail.

use std::collections::VecDeque;

use proto::body::MessageTarget;
use proto::{Entry, Seq, Timestamp};
use store::mutation::{self, Mutation};
use store::{Bucket, Register};

use crate::rules::body::is_countable;
use crate::rules::ring::Ring;
use crate::turn::{Now, Rules};

/// Entries kept whole, for fetches and repeated acks.
const TAIL_ENTRIES: usize = 32;
/// Bytes of bodies kept.
const TAIL_BYTES: usize = 64 * 1024;

/// The told log, and the ids of what is in flight.
pub struct Log {
    /// The register as this owner last moved it.
    pub register: Register,
    /// The newest told seq.
    pub head: Seq,
    /// Countable entries up to `head`.
    pub counted: u64,
    /// Ids of the tail, told or in flight.
    pub ring: Ring,
    tail: VecDeque<Entry>,
    tail_bytes: usize,
    bucket_bytes: u64,
}

impl Default for Log {
    fn default() -> Self {
        let register = Register {
            version: 0,
            epoch: proto::Epoch(0),
            start: Seq(1),
            bucket: Bucket(0),
            bucket_first: Seq(1),
            window: 0,
            counted: 0,
        };
        Self {
            register,
            head: Seq::ZERO,
            counted: 0,
            ring: Ring::default(),
            tail: VecDeque::new(),
            tail_bytes: 0,
            bucket_bytes: 0,
        }
    }
}

impl Log {
    /// A log as a load found it. `ring` is empty and begins where `entries` begin.
    pub fn loaded(
        register: Register,
        head: Seq,
        counted: u64,
        entries: Vec<Entry>,
        ring: Ring,
        now: Now,
    ) -> Self {
        let mut log = Self { register, head, counted, ring, ..Self::default() };
        let bytes: usize = entries.iter().map(|entry| entry.body.encoded().len()).sum();
        // The rest of the bucket is as large as what was read, on average.
        let estimate = (bytes as u64).saturating_mul(log.bucket_entries());
        log.bucket_bytes = estimate.checked_div(entries.len() as u64).unwrap_or(0);
        for entry in entries {
            log.ring.push(entry.client_message_id, seconds(now));
            log.keep(entry);
        }
        log
    }

    /// Entries in the present bucket.
    pub fn bucket_entries(&self) -> u64 {
        (self.head.0 + 1).saturating_sub(self.register.bucket_first.0)
    }

    /// How many more entries the present bucket takes now; none means that it is left first. An empty bucket is
    /// never left (R1).
    pub fn room(&self, now: Timestamp, rules: &Rules) -> u64 {
        let entries = self.bucket_entries();
        if entries == 0 {
            return rules.bucket_entries_max.max(1);
        }
        let outdated = Bucket::at(now).window() > self.register.bucket.window();
        if outdated || self.bucket_bytes >= rules.bucket_bytes_max {
            return 0;
        }
        rules.bucket_entries_max.saturating_sub(entries)
    }

    /// Appended and verified: it is the head now.
    pub fn advance(&mut self, entry: Entry) {
        self.head = entry.seq;
        self.counted = entry.counted;
        self.bucket_bytes += entry.body.encoded().len() as u64;
        self.keep(entry);
    }

    /// The newest entry, for a log whose present bucket is still empty.
    pub fn seed(&mut self, entry: Entry) {
        if self.tail.is_empty() && entry.seq == self.head {
            self.keep(entry);
        }
    }

    /// The register was moved to a new, empty bucket.
    pub fn rolled_over(&mut self, register: Register) {
        self.register = register;
        self.bucket_bytes = 0;
    }

    /// A told entry, if it is still in memory.
    pub fn entry(&self, seq: Seq) -> Option<&Entry> {
        let first = self.tail.front()?.seq;
        self.tail.get(usize::try_from(seq.0.checked_sub(first.0)?).ok()?)
    }

    /// The told message that is meant, if it is still in memory.
    pub fn find(&self, target: MessageTarget) -> Option<&Entry> {
        match target.message_id {
            Some(id) if target.seq == Seq::ZERO => self.tail.iter().find(|entry| entry.message_id == id),
            _ => self.entry(target.seq),
        }
    }

    /// The newest entries, as far as they are in memory.
    pub fn newest(&self) -> impl Iterator<Item = &Entry> {
        self.tail.iter()
    }

    /// The newest entry.
    pub fn last(&self) -> Option<&Entry> {
        self.tail.back()
    }

    /// The told entries `from..=to`, if all are in memory.
    pub fn entries(&self, from: Seq, to: Seq) -> Option<impl DoubleEndedIterator<Item = &Entry>> {
        let first = self.tail.front()?.seq;
        let start = usize::try_from(from.0.checked_sub(first.0)?).ok()?;
        let count = usize::try_from((to.0 + 1).checked_sub(from.0)?).ok()?;
        (start + count <= self.tail.len()).then(|| self.tail.range(start..start + count))
    }

    fn keep(&mut self, entry: Entry) {
        self.tail_bytes += entry.body.encoded().len();
        self.tail.push_back(entry);
        while self.tail.len() > TAIL_ENTRIES || (self.tail_bytes > TAIL_BYTES && self.tail.len() > 1) {
            if let Some(gone) = self.tail.pop_front() {
                self.tail_bytes -= gone.body.encoded().len();
            }
        }
    }
}

/// `counted` after an entry with this body.
pub fn counted_after(before: u64, body: &proto::Body) -> u64 {
    before + u64::from(is_countable(body) || mutation::is(Mutation::EverythingCounts))
}

/// The steady clock in the unit of the ring.
pub fn seconds(now: Now) -> u32 {
    u32::try_from(now.steady_ms / 1_000).unwrap_or(u32::MAX)
}
