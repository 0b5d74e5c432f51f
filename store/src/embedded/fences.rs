//! The incarnations of this process, and which of them are fenced.

use std::sync::{PoisonError, RwLock};

use hashbrown::HashMap;

use crate::IncarnationId;

/// Known incarnations. Few: one for each life of a router within one process.
#[derive(Default)]
pub(super) struct Fences(RwLock<HashMap<IncarnationId, bool>>);

impl Fences {
    /// Makes an incarnation known; never lifts a fence.
    pub(super) fn announce(&self, me: IncarnationId) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).entry(me).or_insert(false);
    }

    /// Fences one, known or not.
    pub(super) fn fence(&self, other: IncarnationId) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(other, true);
    }

    /// One that is not known is fenced: it belongs to a process that is gone.
    pub(super) fn is_fenced(&self, me: IncarnationId) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(&me).copied().unwrap_or(true)
    }
}
