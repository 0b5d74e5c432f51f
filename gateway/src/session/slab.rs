//! The sessions of a shard by slot. A generation tells a session from the one that had its slot before.

use slab::Slab;

use super::Session;

/// Names a session on its shard; never used for another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct SessionKey {
    pub(crate) slot: u32,
    pub(crate) generation: u32,
}

impl SessionKey {
    /// As `SessionRef::session` has it.
    pub(crate) fn to_number(self) -> u64 {
        u64::from(self.generation) << 32 | u64::from(self.slot)
    }

    /// Names no session: what the shard itself has asked is answered there.
    pub(crate) fn of_shard(number: u32) -> Self {
        Self { slot: number, generation: 0 }
    }

    /// See [`Self::of_shard`].
    pub(crate) fn is_of_shard(self) -> bool {
        self.generation == 0
    }

    pub(crate) fn from_number(number: u64) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "the two halves")]
        let (generation, slot) = ((number >> 32) as u32, number as u32);
        Self { slot, generation }
    }
}

/// See the module.
#[derive(Default)]
pub(crate) struct Sessions {
    slab: Slab<Entry>,
    next_generation: u32,
}

struct Entry {
    generation: u32,
    session: Session,
}

impl Sessions {
    pub(crate) fn insert(&mut self, session: Session) -> SessionKey {
        self.next_generation = self.next_generation.wrapping_add(1).max(1);
        let generation = self.next_generation;
        let slot = self.slab.insert(Entry { generation, session });
        SessionKey { slot: u32::try_from(slot).unwrap_or(u32::MAX), generation }
    }

    /// Sessions that had their keys in another process, and keep them.
    pub(crate) fn carried(sessions: Vec<(SessionKey, Session)>, next_generation: u32) -> Self {
        let entries = sessions.into_iter().map(|(key, session)| {
            let entry = Entry { generation: key.generation, session };
            (key.slot as usize, entry)
        });
        Self { slab: entries.collect(), next_generation }
    }

    /// The generation of the last session.
    pub(crate) fn generation(&self) -> u32 {
        self.next_generation
    }

    pub(crate) fn get(&self, key: SessionKey) -> Option<&Session> {
        let entry = self.slab.get(key.slot as usize)?;
        (entry.generation == key.generation).then_some(&entry.session)
    }

    pub(crate) fn get_mut(&mut self, key: SessionKey) -> Option<&mut Session> {
        let entry = self.slab.get_mut(key.slot as usize)?;
        (entry.generation == key.generation).then_some(&mut entry.session)
    }

    /// By slot alone, for tables that never hold a slot longer than its session lives.
    pub(crate) fn at(&mut self, slot: u32) -> Option<&mut Session> {
        self.slab.get_mut(slot as usize).map(|entry| &mut entry.session)
    }

    /// The key of the session in a slot.
    pub(crate) fn key_at(&self, slot: u32) -> Option<SessionKey> {
        self.slab.get(slot as usize).map(|entry| SessionKey { slot, generation: entry.generation })
    }

    pub(crate) fn remove(&mut self, key: SessionKey) -> Option<Session> {
        self.get(key)?;
        let entry = self.slab.remove(key.slot as usize);
        if self.slab.is_empty() {
            self.slab.shrink_to_fit();
        }
        Some(entry.session)
    }

    /// Bytes of all places, free ones included.
    pub(crate) fn bytes(&self) -> usize {
        self.slab.capacity() * size_of::<Entry>()
    }

    pub(crate) fn len(&self) -> usize {
        self.slab.len()
    }

    /// No session is at this slot, or above it.
    pub(crate) fn slots_end(&self) -> u32 {
        u32::try_from(self.slab.capacity()).unwrap_or(u32::MAX)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Session> {
        self.slab.iter().map(|(_, entry)| &entry.session)
    }

    pub(crate) fn keys(&self) -> Vec<SessionKey> {
        self.slab
            .iter()
            .map(|(slot, entry)| SessionKey {
                slot: u32::try_from(slot).unwrap_or(u32::MAX),
                generation: entry.generation,
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_survives_the_way_over_the_bus() {
        let key = SessionKey { slot: 7, generation: u32::MAX };
        assert_eq!(SessionKey::from_number(key.to_number()), key);
        assert!(!key.is_of_shard() && SessionKey::of_shard(7).is_of_shard());
    }
}
