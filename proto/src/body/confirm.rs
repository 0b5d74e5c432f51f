//! Messages that are to be confirmed.

use crate::{Body, wire};

/// The field number of `must_confirm` in `Body` (body.proto).
const MUST_CONFIRM: u32 = 60;

impl Body {
    /// Until when and by whom it is to be confirmed, if it is. Cheap where it is not.
    pub fn must_confirm(&self) -> Option<wire::MustConfirm> {
        self.may_have(|field| field == MUST_CONFIRM).then(|| self.to_wire().must_confirm).flatten()
    }

    /// The same, to be confirmed so.
    #[must_use]
    pub fn with_must_confirm(&self, must_confirm: Option<wire::MustConfirm>) -> Self {
        if self.must_confirm() == must_confirm {
            return self.clone();
        }
        Self::from_wire(&wire::Body { must_confirm, ..self.to_wire() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_found_set_and_taken_away() {
        let plain = Body::text("hi");
        assert_eq!(plain.must_confirm(), None);
        let wanted = wire::MustConfirm { until: 7, numbers: 3 };
        let marked = plain.with_must_confirm(Some(wanted));
        assert_eq!(marked.must_confirm(), Some(wanted));
        assert_eq!(marked.with_must_confirm(None), plain);
    }
}
