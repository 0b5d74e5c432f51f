//! What was made durable, and what may be told: types that only the store can make.

use proto::{ConversationId, Epoch, Seq};

use super::Register;

/// Everything of one epoch in one conversation up to a seq is at rest on disk (or at a quorum of disks).
///
/// Durable is not enough to tell anyone: [`crate::Store::verify`] makes a [`Verified`] of it.
///
/// ```compile_fail,E0624
/// use proto::{ConversationId, Epoch, Seq};
/// // Only an engine knows what is durable.
/// let durable = |log: ConversationId| store::Durable::appended(log, Epoch(1), Seq(1));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Durable {
    conversation: ConversationId,
    epoch: Epoch,
    upto: Seq,
}

/// Durable, and a check of the own fence that started afterwards found none. Only this may be told: acknowledged,
/// published, given as a head.
///
/// ```compile_fail,E0423
/// // Nobody else can make one.
/// let told = store::Verified(Vec::new());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Verified(Vec<Durable>);

impl Durable {
    /// For engines, once an append is durable.
    pub(crate) fn appended(conversation: ConversationId, epoch: Epoch, upto: Seq) -> Self {
        Self { conversation, epoch, upto }
    }

    /// What a load found settled: everything below `register.start`.
    ///
    /// `register` must be the one that [`crate::Cas::Applied`] gave (L4), or that a read showed to have the own epoch.
    pub fn settled(conversation: &ConversationId, register: &Register) -> Self {
        Self::appended(conversation.clone(), register.epoch, Seq(register.start.0.saturating_sub(1)))
    }

    /// What a reload under the same epoch found (L2, "it is mine"): the contiguous run of the own epoch from
    /// `register.start` ends at `run_end`. True because a conversation is evicted only with nothing in flight.
    pub fn reloaded(conversation: &ConversationId, register: &Register, run_end: Seq) -> Self {
        Self::appended(conversation.clone(), register.epoch, run_end)
    }

    /// Whose log.
    pub fn conversation(&self) -> &ConversationId {
        &self.conversation
    }

    /// Written under this epoch.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Everything up to here.
    pub fn upto(&self) -> Seq {
        self.upto
    }
}

impl Verified {
    /// For engines, once a check has passed that started after all of these were durable.
    pub(crate) fn checked(durable: Vec<Durable>) -> Self {
        Self(durable)
    }

    /// Each conversation, its epoch, and up to where it may be told.
    pub fn iter(&self) -> impl Iterator<Item = (&ConversationId, Epoch, Seq)> {
        self.0.iter().map(|durable| (&durable.conversation, durable.epoch, durable.upto))
    }

    /// How many conversations.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it allows nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
