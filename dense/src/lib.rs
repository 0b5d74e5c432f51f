//! A table for crowds: its entries lie side by side, and each is found by the name that it holds.
//!
//! ```text
//! places: hash of a name ─► place      entries[place]
//! ```
//!
//! A hash map is half empty on average when it has just grown, and each of its empty places is as large as an entry. Here an
//! empty place is 5 bytes, and a name is not kept beside the entry that has it already.
//!
//! **Guarantees.** Memory follows the number of entries down as well as up: a crowd that left does not keep its table.
//!
//! **Does not** keep an order, or see to it that a name has one entry: whoever inserts decides that.
//!
//! **Limits.** 2³² entries. Beside the entries, in a vector that doubles, 6 to 11 bytes for each.

use std::hash::{BuildHasher as _, Hash};

use hashbrown::{DefaultHashBuilder, HashTable};

/// What has a name to be found by, which does not change while it is in a table.
pub trait Named {
    /// The name.
    type Name: Hash + Eq;

    /// See the trait.
    fn name(&self) -> &Self::Name;
}

/// See the crate.
pub struct DenseTable<T> {
    entries: Vec<T>,
    places: HashTable<u32>,
    /// Keyed: names are chosen by strangers.
    hasher: DefaultHashBuilder,
}

/// A table is shrunk when it has room for so many times its entries.
const SLACK: usize = 8;

impl<T> Default for DenseTable<T> {
    fn default() -> Self {
        Self { entries: Vec::new(), places: HashTable::new(), hasher: DefaultHashBuilder::default() }
    }
}

impl<T: Named> DenseTable<T> {
    /// The entry of a name; one of them if there are several.
    pub fn get(&self, name: &T::Name) -> Option<&T> {
        let place = self.places.find(self.hasher.hash_one(name), |place| self.has_name(*place, name))?;
        self.entries.get(*place as usize)
    }

    /// The same to be changed, but for its name.
    pub fn get_mut(&mut self, name: &T::Name) -> Option<&mut T> {
        self.find_mut(name, |_| true)
    }

    /// All entries of a name.
    pub fn all_of<'a>(&'a self, name: &'a T::Name) -> impl Iterator<Item = &'a T> {
        let places = self.places.iter_hash(self.hasher.hash_one(name));
        places.map(|place| &self.entries[*place as usize]).filter(move |entry| entry.name() == name)
    }

    /// The entry of a name which `is` the one, to be changed but for its name.
    pub fn find_mut(&mut self, name: &T::Name, is: impl Fn(&T) -> bool) -> Option<&mut T> {
        let hash = self.hasher.hash_one(name);
        let entries = &self.entries;
        let is = |place: &u32| is_the_one(&entries[*place as usize], name, &is);
        let place = *self.places.find(hash, is)?;
        self.entries.get_mut(place as usize)
    }

    /// Adds an entry, whether or not there is another of its name.
    ///
    /// # Panics
    /// With 2³² entries.
    pub fn insert(&mut self, entry: T) -> &mut T {
        let place = self.entries.len();
        let (hash, number) = (self.hasher.hash_one(entry.name()), u32::try_from(place));
        self.entries.push(entry);
        let (entries, hasher) = (&self.entries, &self.hasher);
        let number = number.expect("a table has fewer than 2^32 entries");
        self.places.insert_unique(hash, number, |place| hasher.hash_one(entries[*place as usize].name()));
        &mut self.entries[place]
    }

    /// Takes out the entry of a name which `is` the one.
    pub fn remove(&mut self, name: &T::Name, is: impl Fn(&T) -> bool) -> Option<T> {
        let hash = self.hasher.hash_one(name);
        let entries = &self.entries;
        let is = |place: &u32| is_the_one(&entries[*place as usize], name, &is);
        let (place, _) = self.places.find_entry(hash, is).ok()?.remove();
        let removed = self.entries.swap_remove(place as usize);
        // The last one stands in its place now.
        if let Some(moved) = self.entries.get(place as usize) {
            let hash = self.hasher.hash_one(moved.name());
            let before = self.entries.len();
            if let Some(known) = self.places.find_mut(hash, |known| *known as usize == before) {
                *known = place;
            }
        }
        self.shrink();
        Some(removed)
    }

    /// All entries, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.entries.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// There is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Bytes of the table, room for more included, without what entries point to.
    pub fn bytes(&self) -> usize {
        self.entries.capacity() * size_of::<T>() + self.places.allocation_size()
    }

    fn has_name(&self, place: u32, name: &T::Name) -> bool {
        self.entries[place as usize].name() == name
    }

    fn shrink(&mut self) {
        let room = self.entries.len() * 2;
        if self.entries.len() * SLACK < self.entries.capacity() {
            self.entries.shrink_to(room);
        }
        if self.places.len() * SLACK < self.places.capacity() {
            let (entries, hasher) = (&self.entries, &self.hasher);
            self.places.shrink_to(room, |place| hasher.hash_one(entries[*place as usize].name()));
        }
    }
}

fn is_the_one<T: Named>(entry: &T, name: &T::Name, is: impl Fn(&T) -> bool) -> bool {
    entry.name() == name && is(entry)
}

#[cfg(test)]
mod tests;
