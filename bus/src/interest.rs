//! Who wants what: users, groups and what is for everyone to sets of nodes of this process.

use std::hash::{BuildHasher, Hash};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

use hashbrown::{DefaultHashBuilder, HashMap};
use proto::{GroupId, UserId};

/// A set of nodes of one process, by index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NodeSet(u64);

impl NodeSet {
    pub(crate) const EMPTY: Self = Self(0);
    pub(crate) const MAX: usize = 64;

    pub(crate) fn one(index: usize) -> Self {
        Self(1 << index)
    }

    /// Takes one node out.
    pub(crate) fn pop(&mut self) -> Option<usize> {
        let index = self.0.trailing_zeros() as usize;
        if index == Self::MAX {
            return None;
        }
        self.0 &= self.0 - 1;
        Some(index)
    }
}

/// Shards of a table: enough that the gateway shards and router workers of one machine rarely meet.
const SHARDS: usize = 64;

/// From a name to the nodes that want it; 24 bytes an entry and the table's slack.
struct Table<K> {
    shards: Vec<RwLock<HashMap<K, NodeSet>>>,
    hasher: DefaultHashBuilder,
}

impl<K> Default for Table<K> {
    fn default() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| RwLock::default()).collect(),
            hasher: DefaultHashBuilder::default(),
        }
    }
}

impl<K: Hash + Eq + Clone> Table<K> {
    fn shard(&self, key: &K) -> &RwLock<HashMap<K, NodeSet>> {
        // The high half: the tables inside use the low bits of their own hash.
        let hash = self.hasher.hash_one(key) >> 32;
        &self.shards[usize::try_from(hash).unwrap_or(0) % SHARDS]
    }

    fn get(&self, key: &K) -> NodeSet {
        let shard = self.shard(key).read().unwrap_or_else(PoisonError::into_inner);
        shard.get(key).copied().unwrap_or(NodeSet::EMPTY)
    }

    fn add(&self, key: &K, index: usize) {
        let mut shard = self.shard(key).write().unwrap_or_else(PoisonError::into_inner);
        shard.entry_ref(key).or_insert(NodeSet::EMPTY).0 |= 1 << index;
    }

    fn remove(&self, key: &K, index: usize) {
        let mut shard = self.shard(key).write().unwrap_or_else(PoisonError::into_inner);
        if let Some(nodes) = shard.get_mut(key) {
            nodes.0 &= !(1 << index);
            if *nodes == NodeSet::EMPTY {
                shard.remove(key);
                // A crowd that left must not keep its table.
                if shard.len() * 4 < shard.capacity() {
                    let target = shard.len() * 2;
                    shard.shrink_to(target);
                }
            }
        }
    }

    fn forget(&self, index: usize) {
        for shard in &self.shards {
            shard.write().unwrap_or_else(PoisonError::into_inner).retain(|_, nodes| {
                nodes.0 &= !(1 << index);
                *nodes != NodeSet::EMPTY
            });
        }
    }
}

/// The interest of every node of this process.
#[derive(Default)]
pub(crate) struct Interest {
    users: Table<UserId>,
    groups: Table<GroupId>,
    presence: Table<UserId>,
    everyone: AtomicU64,
}

impl Interest {
    pub(crate) fn of_user(&self, user: &UserId) -> NodeSet {
        self.users.get(user)
    }

    pub(crate) fn of_group(&self, group: &GroupId) -> NodeSet {
        self.groups.get(group)
    }

    pub(crate) fn of_presence(&self, user: &UserId) -> NodeSet {
        self.presence.get(user)
    }

    pub(crate) fn of_everyone(&self) -> NodeSet {
        NodeSet(self.everyone.load(Ordering::Acquire))
    }

    pub(crate) fn add_everyone(&self, index: usize) {
        self.everyone.fetch_or(1 << index, Ordering::AcqRel);
    }

    pub(crate) fn add_user(&self, user: &UserId, index: usize) {
        self.users.add(user, index);
    }

    pub(crate) fn remove_user(&self, user: &UserId, index: usize) {
        self.users.remove(user, index);
    }

    pub(crate) fn add_group(&self, group: &GroupId, index: usize) {
        self.groups.add(group, index);
    }

    pub(crate) fn remove_group(&self, group: &GroupId, index: usize) {
        self.groups.remove(group, index);
    }

    pub(crate) fn add_presence(&self, user: &UserId, index: usize) {
        self.presence.add(user, index);
    }

    pub(crate) fn remove_presence(&self, user: &UserId, index: usize) {
        self.presence.remove(user, index);
    }

    pub(crate) fn forget_node(&self, index: usize) {
        self.presence.forget(index);
        self.everyone.fetch_and(!(1 << index), Ordering::AcqRel);
        self.users.forget(index);
        self.groups.forget(index);
    }
}
