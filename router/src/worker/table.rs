//! The conversations in memory: found by id with one hash, or by key with none.

use hashbrown::HashMap;
use proto::ConversationId;
use slab::Slab;

use crate::conversation::Conversation;
use crate::turn::Rules;

/// Names a conversation in memory; of one that was evicted it names nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    index: usize,
    generation: u64,
}

/// A conversation and what the worker notes about it.
pub struct Slot {
    pub conversation: Conversation,
    /// The tick of its entry in the wheel; `None` when it has none.
    pub armed: Option<u64>,
    /// It is in this turn's list of those that changed.
    pub changed: bool,
    /// It counts among the loads under way.
    pub loading: bool,
    /// It waits for its projections to be written.
    pub flush_queued: bool,
    generation: u64,
}

impl Slot {
    /// When its timer is to fire. What waits for its projections to be written is not woken for that: when the store is slow these
    /// are nearly all conversations, and their time has come already, at every tick.
    pub fn next_due(&self, rules: &Rules) -> Option<u64> {
        if self.flush_queued {
            self.conversation.next_due_but_owed()
        } else {
            self.conversation.next_due(rules)
        }
    }
}

/// All of them.
#[derive(Default)]
pub struct Table {
    slots: Slab<Slot>,
    keys: HashMap<ConversationId, usize>,
    generation: u64,
    hand: usize,
}

impl Table {
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    pub fn find(&self, id: &ConversationId) -> Option<Key> {
        let index = *self.keys.get(id)?;
        self.slots.get(index).map(|slot| Key { index, generation: slot.generation })
    }

    pub fn get(&self, key: Key) -> Option<&Slot> {
        self.slots.get(key.index).filter(|slot| slot.generation == key.generation)
    }

    pub fn get_mut(&mut self, key: Key) -> Option<&mut Slot> {
        self.slots.get_mut(key.index).filter(|slot| slot.generation == key.generation)
    }

    pub fn insert(&mut self, conversation: Conversation) -> Key {
        self.generation += 1;
        let generation = self.generation;
        let id = conversation.id().clone();
        let slot = Slot {
            conversation,
            armed: None,
            changed: false,
            loading: false,
            flush_queued: false,
            generation,
        };
        let index = self.slots.insert(slot);
        self.keys.insert(id, index);
        Key { index, generation }
    }

    pub fn remove(&mut self, key: Key) -> Option<Conversation> {
        self.get(key)?;
        let slot = self.slots.remove(key.index);
        self.keys.remove(slot.conversation.id());
        Some(slot.conversation)
    }

    /// All conversations for which this holds.
    pub fn keys_where(&self, holds: impl Fn(&Conversation) -> bool) -> Vec<Key> {
        let found = self.slots.iter().filter(|(_, slot)| holds(&slot.conversation));
        found.map(|(index, slot)| Key { index, generation: slot.generation }).collect()
    }

    /// Looks at the next `count` places, in turn over all calls, for conversations that may go.
    pub fn sweep(&mut self, count: usize, may_go: impl Fn(&Conversation) -> bool) -> Vec<Key> {
        let places = self.slots.capacity().max(1);
        let mut found = Vec::new();
        for _ in 0..count.min(places) {
            self.hand = (self.hand + 1) % places;
            if let Some(slot) = self.slots.get(self.hand)
                && !slot.changed
                && may_go(&slot.conversation)
            {
                found.push(Key { index: self.hand, generation: slot.generation });
            }
        }
        found
    }
}
