//! Switches that break one rule of FENCE each, so that a test can show that it would notice. Without the feature `sim`
//! they are constants and cost nothing.

macro_rules! mutations {
    ($($name:ident = $text:literal, $rule:literal;)+) => {
        /// A rule to be broken.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Mutation { $(#[doc = $rule] $name,)+ }

        impl Mutation {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// How it is called on a command line.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }

            /// What is done instead of the rule.
            pub const fn rule(self) -> &'static str {
                match self { $(Self::$name => $rule,)+ }
            }
        }
    };
}

mutations! {
    NoVerify = "no-verify", "A3: tell what is durable without reading the own fence.";
    VerifyTooEarly = "verify-too-early", "A3: a check that began before the append was durable counts for it.";
    UnfencedClaim = "no-fence", "O1: claim without fencing the old owner.";
    NoRewrite = "no-rewrite", "L3: do not write the tail again.";
    RewriteOfOne = "rewrite-of-one", "L3: write one entry again instead of W.";
    RewriteWithoutDedupe = "rewrite-without-dedupe", "L3: write the tail again without its dedupe rows.";
    MoveBeforeRewrite = "cas-before-rewrite", "L3, L4: do not wait for the rewrite before the register is moved.";
    NoVersionCheck = "no-version-check", "L4: move the register whatever its version is.";
    NewerEpochUnchecked = "newer-epoch-unchecked", "L1: go on though the register has a higher epoch.";
    UnknownIsApplied = "unknown-cas-is-success", "L4: take an unknown conditional write for applied.";
    ToldBeforeMove = "tell-before-cas", "L4: tell what was loaded before the register is moved.";
    AnyEpochCounts = "any-epoch-from-start", "L2: from the start of the segment, count entries of any epoch.";
    NoVerifyAfterLoad = "no-verify-after-load", "L5: serve after a load without a check.";
    RollWithoutBarrier = "roll-without-barrier", "R1: leave a bucket with a batch in flight.";
    OldBucketAfterUnknown = "old-bucket-after-unknown", "R3: go on in the old bucket after an unknown roll-over.";
    IndexNotAwaited = "index-not-awaited", "R1: do not wait for the index row of the bucket that is left.";
    EvictInFlight = "evict-in-flight", "L5: forget a conversation with a batch in flight.";
    ToldOutOfOrder = "acks-out-of-order", "A3: tell a batch once its last entry is durable, whatever the others are.";
    UnboundedReader = "reader-not-bounded", "D1: read past the told head.";
    LowestEpochWins = "no-highest-epoch", "D1: of several rows of a seq, take the one with the lowest epoch.";
    DedupeApart = "dedupe-outside-batch", "S5: write dedupe rows on their own, and do not wait for them.";
    DirtyRelease = "dirty-release", "O2: give a partition back with writes in flight.";
    ServingAfterRelease = "serving-after-release", "O2: go on serving when the answer to a release is unknown.";
    PeriodicSync = "periodic-sync", "S1: replicas answer before they have synced, and lose that in a crash.";
    QuorumOfOne = "quorum-of-one", "S1: one replica is enough for a plain read or write.";
    SkippedLookUp = "no-look-up", "A4: append whatever misses the ring.";
    ShortSlack = "short-slack", "A4: look up no further back than the age and ten minutes, though clocks are further apart.";
    AnswersAsleep = "answers-asleep", "DESIGN 6: after a sleep, answer from memory without having heard that nobody took over.";
    WakesUnasked = "wakes-unasked", "DESIGN 6: after a sleep, answer from memory once it hears itself, without a check of the own fence.";
    OtherBytes = "other-bytes", "A2: after a failed append, append something else under the same seq.";
    NoRecovery = "no-recovery", "DESIGN 6.11: do not run again what a dead owner left of projections.";
    DroppedEarly = "dropped-early", "DESIGN 7: drop buckets whose entries are not old.";
    RetentionForgotten = "retention-forgotten", "a load forgets for how long its users want a conversation to keep its entries.";
    ExpiredShown = "expired-shown", "what has expired is shown as it was.";
    LostOrder = "no-predecessor-check", "DESIGN 6.9: append without the predecessor.";
    LateAppended = "late-appended", "DESIGN 6.7: append what waited past its deadline.";
    UnknownRefused = "unknown-refused", "DESIGN 6.7: refuse as not stored what was written with an unknown outcome.";
    QuietLoad = "no-head-on-load", "DESIGN 6.8: tell no head after a load, neither at once nor by probes.";
    NoProbe = "no-probe", "DESIGN 6.8: do not tell the head again after an entry.";
    ClearedUntold = "cleared-untold", "DESIGN 6.8: take the touched mark away though the head is still to be told again.";
    ClearedHeldBack = "cleared-held-back", "DESIGN 6.8: take the touched mark away though the head that was told has not left.";
    AckedFirst = "ack-before-publish", "DESIGN 6.8: acknowledge before the event is published.";
    RepeatUnpublished = "repeat-unpublished", "DESIGN 6.8: acknowledge what is stored already without publishing it again.";
    BlockUnheard = "block-unheard", "Contacts: a conversation in memory does not hear what its two users are to each other now.";
    BlockEndUnheard = "block-end-unheard", "Contacts: a conversation in memory does not hear that a block has ended.";
    OneSided = "one-sided", "Contacts: what two users are to each other is written on one side.";
    EverythingCounts = "everything-counts", "DESIGN 6.10: every entry raises `counted`.";
    UnloggedChange = "unlogged-change", "DESIGN 6.10: answer a change of a group without an entry.";
}

impl Mutation {
    /// Whether what it breaks is told at the end only: lists and counts that do not become right, however long one waits.
    pub const fn is_of_lists(self) -> bool {
        matches!(self, Self::NoRecovery | Self::EverythingCounts)
    }
}

#[cfg(feature = "sim")]
thread_local! {
    static BROKEN: std::cell::Cell<Option<Mutation>> = const { std::cell::Cell::new(None) };
}

/// Breaks a rule on this thread, or none.
#[cfg(feature = "sim")]
pub fn break_rule(mutation: Option<Mutation>) {
    BROKEN.set(mutation);
}

/// Whether a rule is broken.
#[cfg(feature = "sim")]
pub fn is(mutation: Mutation) -> bool {
    BROKEN.get() == Some(mutation)
}

/// Whether a rule is broken: never.
#[cfg(not(feature = "sim"))]
pub const fn is(_mutation: Mutation) -> bool {
    false
}
