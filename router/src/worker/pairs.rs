//! From pairs to the direct conversations of the same two users. Both are of one partition, so both are here.

use proto::{ConversationId, ConversationKind};
use store::StoreError;
use store::mutation::{self, Mutation};

use super::incarnation::Incarnation;
use super::ops;
use super::table::Key;
use crate::turn::{Outcome, Work};

impl Incarnation<'_> {
    /// A pair was loaded, or has changed: its direct conversation goes by that from now on.
    pub(super) fn pass_on_news(&mut self, key: Key) {
        let Some(slot) = self.table.get_mut(key) else { return };
        let Some(regard) = slot.conversation.take_news() else { return };
        let ConversationKind::Pair(one, other) = slot.conversation.id().kind() else { return };
        let has_ended = regard.blocks == [false; 2];
        if mutation::is(Mutation::BlockUnheard) || (has_ended && mutation::is(Mutation::BlockEndUnheard)) {
            return;
        }
        if let Some(direct) = self.table.find(&ConversationId::direct(&one, &other)) {
            self.with(direct, |conversation, turn| conversation.outcome(Outcome::Pair(Ok(regard)), turn));
        }
    }

    /// Answers direct conversations: from the pair where it is in memory, otherwise from the store, where everything is
    /// that was told of it. A pair whose projections may lack something is loaded first; its news is the answer.
    pub(super) fn answer_pair_asks(&mut self) {
        while let Some(key) = self.pair_asks.pop() {
            let Some(slot) = self.table.get_mut(key) else { continue };
            let id = slot.conversation.id().clone();
            let ConversationKind::Direct(one, other) = id.kind() else { continue };
            let pair = ConversationId::pair(&one, &other);
            if let Some(loaded) = self.table.find(&pair) {
                let regard = self.table.get_mut(loaded).and_then(|slot| slot.conversation.regard());
                if let Some(regard) = regard {
                    self.answer_pair_ask(key, Ok(regard));
                }
            } else if !self.touched.contains(&pair) {
                self.ops.push(ops::perform(self.store, key, &id, Work::ReadPair));
            } else if let Some(loading) = self.remember(pair) {
                self.load_queue.push_back(loading);
            } else {
                let full = StoreError::Unavailable("too many conversations are in use".to_owned());
                self.answer_pair_ask(key, Err(full));
            }
            self.settle_changed();
        }
    }

    fn answer_pair_ask(&mut self, key: Key, answer: Result<crate::rules::contacts::Regard, StoreError>) {
        self.with(key, |conversation, turn| conversation.outcome(Outcome::Pair(answer), turn));
    }
}
