//! The names of one kind (users, or groups) that are subscribed to, each at a slot that gives the subscription its number.
//!
//! ```text
//! index: hash of a name ─► slot      names[slot]      flags[slot]: wanted, in force, queued
//! ```
//!
//! **Guarantees.** A name has one slot; the slot is its own until it was freed.
//!
//! **Does not** keep a subject: it is spelled anew when the server must hear it.
//!
//! **Limits.** 22 to 46 bytes a name: 16 for the name and 1 for flags in vectors that double, 4 and the table's slack for the
//! index. A name longer than 15 bytes is shared with whoever else holds it. Slots of a crowd that left are given
//! back from the end, or at [`Names::pack`].

use std::hash::{BuildHasher as _, Hash};

use hashbrown::{DefaultHashBuilder, HashTable};

/// Entries that the list of free slots may have beside two for each slot.
const FREE_SLACK: usize = 16;

/// What is known about a slot.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Flags(u8);

impl Flags {
    /// A name is here.
    pub(super) const USED: Self = Self(1);
    /// Someone wants what is published to the name.
    pub(super) const WANTED: Self = Self(2);
    /// The server of this connection was told to send it.
    pub(super) const TOLD: Self = Self(4);
    /// An entry of the queue of changes names the slot.
    pub(super) const QUEUED: Self = Self(8);

    pub(super) fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    pub(super) fn set(&mut self, other: Self) {
        self.0 |= other.0;
    }

    pub(super) fn clear(&mut self, other: Self) {
        self.0 &= !other.0;
    }
}

/// See the module.
pub(super) struct Names<K> {
    names: Vec<K>,
    flags: Vec<Flags>,
    index: HashTable<u32>,
    /// Slots to use again; those at or past the end were given back meanwhile.
    free: Vec<u32>,
    hasher: DefaultHashBuilder,
    /// What stands in a slot without a name.
    nobody: K,
}

impl<K: Clone + Eq + Hash> Names<K> {
    pub(super) fn new(nobody: K) -> Self {
        Self {
            names: Vec::new(),
            flags: Vec::new(),
            index: HashTable::new(),
            free: Vec::new(),
            hasher: DefaultHashBuilder::default(),
            nobody,
        }
    }

    /// Names there are.
    pub(super) fn len(&self) -> usize {
        self.index.len()
    }

    /// Memory of the tables, without that of long names.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.names.capacity() * size_of::<K>()
            + self.flags.capacity()
            + self.free.capacity() * size_of::<u32>()
            + self.index.allocation_size()
    }

    /// Slots there are, with a name or without.
    pub(super) fn slots(&self) -> u32 {
        u32::try_from(self.names.len()).unwrap_or(u32::MAX)
    }

    pub(super) fn find(&self, name: &K) -> Option<u32> {
        let hash = self.hasher.hash_one(name);
        self.index.find(hash, |slot| self.names[*slot as usize] == *name).copied()
    }

    /// The slot of a name, a new one if it has none.
    pub(super) fn find_or_add(&mut self, name: &K) -> u32 {
        if let Some(slot) = self.find(name) {
            return slot;
        }
        let slot = self.unused();
        self.names[slot as usize] = name.clone();
        self.flags[slot as usize] = Flags::USED;
        let (hasher, names) = (&self.hasher, &self.names);
        self.index.insert_unique(hasher.hash_one(name), slot, |slot| hasher.hash_one(&names[*slot as usize]));
        slot
    }

    fn unused(&mut self) -> u32 {
        while let Some(slot) = self.free.pop() {
            if self.flags.get(slot as usize).is_some_and(|flags| !flags.has(Flags::USED)) {
                return slot;
            }
        }
        self.names.push(self.nobody.clone());
        self.flags.push(Flags::default());
        self.slots() - 1
    }

    /// Slots of which the server was told.
    pub(super) fn told(&self) -> impl Iterator<Item = u32> {
        (0..self.slots()).filter(|slot| self.flags(*slot).has(Flags::TOLD))
    }

    pub(super) fn name(&self, slot: u32) -> &K {
        &self.names[slot as usize]
    }

    pub(super) fn flags(&self, slot: u32) -> Flags {
        self.flags.get(slot as usize).copied().unwrap_or_default()
    }

    pub(super) fn flags_mut(&mut self, slot: u32) -> &mut Flags {
        &mut self.flags[slot as usize]
    }

    /// Takes the name out of a slot.
    pub(super) fn free(&mut self, slot: u32) {
        let at = slot as usize;
        let hash = self.hasher.hash_one(&self.names[at]);
        if let Ok(entry) = self.index.find_entry(hash, |other| *other == slot) {
            entry.remove();
        }
        self.names[at] = self.nobody.clone();
        self.flags[at] = Flags::default();
        self.free.push(slot);
        while self.flags.last().is_some_and(|flags| !flags.has(Flags::USED)) {
            self.flags.pop();
            self.names.pop();
        }
        // Most entries are of slots that were given back.
        if self.free.len() > 2 * self.names.len() + FREE_SLACK {
            let unused = |slot: &u32| !self.flags[*slot as usize].has(Flags::USED);
            self.free = (0..self.slots()).filter(unused).collect();
        }
        self.shrink();
    }

    /// Forgets what the server was told, since it is another one now, and with it all that nobody wants.
    pub(super) fn pack(&mut self) {
        let keep = |flags: &Flags| flags.has(Flags::USED) && flags.has(Flags::WANTED);
        let mut flags = std::mem::take(&mut self.flags);
        let mut wanted = flags.iter().map(keep);
        self.names.retain(|_| wanted.next().unwrap_or(false));
        flags.retain(keep);
        for flags in &mut flags {
            flags.clear(Flags::TOLD);
            flags.clear(Flags::QUEUED);
        }
        self.flags = flags;
        self.free.clear();
        self.index.clear();
        let (hasher, names) = (&self.hasher, &self.names);
        let hash = |slot: &u32| hasher.hash_one(&names[*slot as usize]);
        for slot in 0..u32::try_from(names.len()).unwrap_or(u32::MAX) {
            self.index.insert_unique(hash(&slot), slot, hash);
        }
        self.shrink();
    }

    /// A crowd that left must not keep its table.
    fn shrink(&mut self) {
        if self.names.len() * 4 < self.names.capacity() {
            self.names.shrink_to(self.names.len() * 2);
            self.flags.shrink_to(self.flags.len() * 2);
        }
        if self.index.len() * 4 < self.index.capacity() {
            let (hasher, names) = (&self.hasher, &self.names);
            self.index.shrink_to(self.index.len() * 2, |slot| hasher.hash_one(&names[*slot as usize]));
        }
    }
}
