//! Switches that break one rule each, so that a test can show that it would notice. Without the test build they are
//! constants and cost nothing.

/// A rule to be broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutation {
    /// O1: claim without fencing the old owner.
    UnfencedClaim,
    /// A4: append whatever misses the ring.
    SkippedLookUp,
    /// Append without the predecessor.
    LostOrder,
    /// Answer from memory after a sleep, without having heard that somebody took over.
    AnswersAsleep,
}

#[cfg(test)]
thread_local! {
    static BROKEN: std::cell::Cell<Option<Mutation>> = const { std::cell::Cell::new(None) };
}

/// Breaks a rule on this thread, or none.
#[cfg(test)]
pub fn break_rule(mutation: Option<Mutation>) {
    BROKEN.set(mutation);
}

/// Whether a rule is broken.
#[cfg(test)]
pub fn is(mutation: Mutation) -> bool {
    BROKEN.get() == Some(mutation)
}

/// Whether a rule is broken: never.
#[cfg(not(test))]
pub const fn is(_mutation: Mutation) -> bool {
    false
}
