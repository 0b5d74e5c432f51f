//! Partitions of conversations, their epochs, and `seq`.

use super::{ConversationId, UserId};

/// How many partitions conversations fall into. Never changes: the mapping is part of the stored data.
pub const PARTITIONS: u16 = 1024;

/// The unit of router ownership: `hash(conversation) % 1024`.
///
/// The hash is 64-bit FNV-1a (draft-eastlake-fnv) with its two halves folded together, so that any backend in any
/// language can compute it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Partition(u16);

impl Partition {
    /// Its owner sees to broadcasts.
    pub const OF_BROADCASTS: Self = Self(0);

    /// Of a conversation. What two users are to each other belongs to the partition of their direct conversation.
    pub fn of(conversation: &ConversationId) -> Self {
        if let Some(users) = conversation.as_str().strip_prefix("p.") {
            return Self::of_hash(stable_hash(&format!("d.{users}")));
        }
        Self::of_hash(stable_hash(conversation.as_str()))
    }

    /// Of a user, for commands that concern no conversation (`sync`, `connected`).
    pub fn of_user(user: &UserId) -> Self {
        Self::of_hash(stable_hash(user.as_str()))
    }

    /// `None` when `number` is 1,024 or more.
    pub fn new(number: u16) -> Option<Self> {
        (number < PARTITIONS).then_some(Self(number))
    }

    /// 0 to 1023.
    pub fn number(self) -> u16 {
        self.0
    }

    /// All 1,024.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..PARTITIONS).map(Self)
    }

    fn of_hash(hash: u32) -> Self {
        Self(u16::try_from(hash & u32::from(PARTITIONS - 1)).unwrap_or(0))
    }
}

/// A hash that never changes, of which [`Partition`] is the lowest bits: 64-bit FNV-1a, its halves folded together.
pub fn stable_hash(id: &str) -> u32 {
    let hash = id.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    #[expect(clippy::cast_possible_truncation, reason = "the lower half of the folded hash is the result")]
    let folded = ((hash >> 32) ^ hash) as u32;
    folded
}

impl std::fmt::Display for Partition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// Number of one ownership of one partition; grows with every claim.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Epoch(pub u64);

/// Contiguous number of an entry in its conversation, from 1. The only order, cursor and gap detector.
///
/// `Seq(0)` means "before the first".
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Seq(pub u64);

impl Seq {
    /// Before the first entry.
    pub const ZERO: Self = Self(0);

    /// The one after this.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl std::fmt::Display for Seq {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}
