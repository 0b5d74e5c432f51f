//! Leave to tell: the only key that opens acks, events and heads.

use proto::{ConversationId, Epoch, Seq};
use store::Verified;

/// "Everything of this conversation up to `upto`, under this epoch, may be told." Only [`each`] makes one, and only out
/// of a [`Verified`] (FENCE A3).
#[derive(Debug)]
pub struct Told<'a> {
    conversation: &'a ConversationId,
    epoch: Epoch,
    upto: Seq,
}

/// What a passed check allows, in the order in which it was asked.
pub fn each(verified: &Verified) -> impl Iterator<Item = Told<'_>> {
    verified.iter().map(|(conversation, epoch, upto)| Told { conversation, epoch, upto })
}

impl Told<'_> {
    /// Whether it is for this conversation under this epoch.
    pub fn is_for(&self, conversation: &ConversationId, epoch: Epoch) -> bool {
        self.epoch == epoch && self.conversation == conversation
    }

    /// Up to where.
    pub fn upto(&self) -> Seq {
        self.upto
    }
}
