//! Who wants what: users, groups and what is for everyone to sets of nodes of this process.

use std::hash::{BuildHasher, Hash};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

use dense::{DenseTable, Named};
use hashbrown::DefaultHashBuilder;
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

/// From a name to the nodes that want it; 24 bytes a name, and its place in a [`DenseTable`].
struct Table<K> {
    shards: Vec<RwLock<DenseTable<Wanted<K>>>>,
    hasher: DefaultHashBuilder,
}

/// A name that some node wants.
struct Wanted<K> {
    name: K,
    nodes: NodeSet,
}

impl<K: Hash + Eq> Named for Wanted<K> {
    type Name = K;

    fn name(&self) -> &K {
        &self.name
    }
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
    fn shard(&self, key: &K) -> &RwLock<DenseTable<Wanted<K>>> {
        // The high half: the tables inside use the low bits of their own hash.
        let hash = self.hasher.hash_one(key) >> 32;
        &self.shards[usize::try_from(hash).unwrap_or(0) % SHARDS]
    }

    fn get(&self, key: &K) -> NodeSet {
        let shard = self.shard(key).read().unwrap_or_else(PoisonError::into_inner);
        shard.get(key).map_or(NodeSet::EMPTY, |wanted| wanted.nodes)
    }

    fn add(&self, key: &K, index: usize) {
        let mut shard = self.shard(key).write().unwrap_or_else(PoisonError::into_inner);
        match shard.get_mut(key) {
            Some(wanted) => wanted.nodes.0 |= 1 << index,
            None => {
                shard.insert(Wanted { name: key.clone(), nodes: NodeSet::one(index) });
            }
        }
    }

    fn remove(&self, key: &K, index: usize) {
        let mut shard = self.shard(key).write().unwrap_or_else(PoisonError::into_inner);
        if let Some(wanted) = shard.get_mut(key) {
            wanted.nodes.0 &= !(1 << index);
            shard.remove(key, |wanted| wanted.nodes == NodeSet::EMPTY);
        }
    }

    fn forget(&self, index: usize) {
        for shard in &self.shards {
            let names: Vec<K> = {
                let shard = shard.read().unwrap_or_else(PoisonError::into_inner);
                let wanted = shard.iter().filter(|wanted| wanted.nodes.0 & (1 << index) != 0);
                wanted.map(|wanted| wanted.name.clone()).collect()
            };
            names.iter().for_each(|name| self.remove(name, index));
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
