//! Overlays that are told and not yet in the store: laid over what the store has, wherever somebody reads.

use std::collections::BTreeMap;
use std::sync::Arc;

use proto::{ConversationId, Seq};
use store::OverlayRow;

use crate::rules::overlay::{Laid, Pins, State};

/// See the module. Cloning is cheap for the few that there are.
#[derive(Clone, Debug, Default)]
pub struct Fresh {
    states: BTreeMap<Seq, Arc<State>>,
    pins: Option<Arc<Pins>>,
}

impl Fresh {
    /// Takes what an entry made of others.
    pub fn lay(&mut self, laid: Laid) {
        for state in laid.states {
            self.states.insert(state.shown.seq, state);
        }
        self.pins = laid.pins.or(self.pins.take());
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.states.is_empty() && self.pins.is_none()
    }

    /// The state of a message.
    pub fn state(&self, seq: Seq) -> Option<&Arc<State>> {
        self.states.get(&seq)
    }

    /// The states of the messages `from..=to`.
    pub fn states(&self, from: Seq, to: Seq) -> impl Iterator<Item = &Arc<State>> {
        self.states.range(from..=to).map(|(_, state)| state)
    }

    /// The pins.
    pub fn pins(&self) -> Option<&Arc<Pins>> {
        self.pins.as_ref()
    }

    /// For the store.
    pub fn rows(&self, conversation: &ConversationId) -> Vec<OverlayRow> {
        let row =
            |seq, watermark, value| OverlayRow { conversation: conversation.clone(), seq, watermark, value };
        let states =
            self.states.values().map(|state| row(state.shown.seq, state.shown.changed, state.encode()));
        let pins = self.pins.iter().map(|pins| row(Seq::ZERO, pins.watermark, pins.encode()));
        states.chain(pins).collect()
    }

    /// These are in the store now.
    pub fn written(&mut self, rows: &[OverlayRow]) {
        for row in rows {
            let same = |state: &Arc<State>| state.shown.changed == row.watermark;
            if row.seq == Seq::ZERO {
                self.pins = self.pins.take().filter(|pins| pins.watermark != row.watermark);
            } else if self.states.get(&row.seq).is_some_and(same) {
                self.states.remove(&row.seq);
            }
        }
    }
}
