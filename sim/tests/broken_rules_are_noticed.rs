//! The checks can fail: rules that few worlds need to be noticed, one test; `sim --mutations` breaks all of them.

use sim::mutations::look;
use sim::shrink::shrink;
use store::mutation::Mutation;

/// Each with seeds enough, ten times over where it is cheap.
const CHEAP: &[Mutation] = &[
    Mutation::NoVerify,
    Mutation::UnfencedClaim,
    Mutation::NoRewrite,
    Mutation::NoVersionCheck,
    Mutation::UnknownIsApplied,
    Mutation::UnboundedReader,
    Mutation::LowestEpochWins,
    Mutation::PeriodicSync,
    Mutation::LostOrder,
    Mutation::OtherBytes,
    Mutation::NoRecovery,
    Mutation::DirtyRelease,
    Mutation::SkippedLookUp,
    Mutation::LateAppended,
    Mutation::QuietLoad,
    Mutation::NoProbe,
    Mutation::ClearedUntold,
    Mutation::AckedFirst,
    Mutation::RepeatUnpublished,
    Mutation::OneSided,
    Mutation::EverythingCounts,
    Mutation::UnloggedChange,
    // Only quiet worlds, and worlds that drop or let expire: a few of the three hundred.
    Mutation::AnswersAsleep,
    Mutation::DroppedEarly,
    Mutation::RetentionForgotten,
    Mutation::ExpiredShown,
];

#[test]
fn a_broken_rule_is_noticed_within_a_few_worlds() {
    let is_unnoticed = |mutation: &&Mutation| look(**mutation, 0..300, 2, |_| {}).by.is_none();
    let unnoticed: Vec<&str> = CHEAP.iter().filter(is_unnoticed).map(|mutation| mutation.name()).collect();
    assert_eq!(unnoticed, [""; 0]);
}

#[test]
fn a_world_that_fails_is_made_smaller() {
    let noticed = look(Mutation::UnfencedClaim, 0..100, 2, |_| {});
    let (seed, violation) = noticed.by.unwrap_or_default();
    let shrunk = shrink(seed, violation, Some(Mutation::UnfencedClaim));
    assert!(shrunk.less.without.len() > 8, "few faults are needed: {:?}", shrunk.less);
    assert!(sim::campaign::run_one(seed, &shrunk.less, Some(Mutation::UnfencedClaim)).is_err());
    assert!(sim::campaign::run_one(seed, &shrunk.less, None).is_ok(), "it is the rule that makes it fail");
}

/// Worlds that `--mutations` found. After a change of the router the same seeds may be other worlds: then it finds others.
const RARE: &[(Mutation, u64)] = &[
    (Mutation::ServingAfterRelease, 468_119),
    (Mutation::UnknownRefused, 109),
    (Mutation::DedupeApart, 1_418),
    (Mutation::ShortSlack, 1_153),
    (Mutation::WakesUnasked, 156_511),
    (Mutation::ClearedHeldBack, 10_887),
    (Mutation::BlockEndUnheard, 4_224),
];

#[test]
fn a_rule_that_few_worlds_need_is_noticed() {
    for (rule, seed) in RARE {
        let (rule, seed) = (*rule, *seed);
        assert!(look(rule, seed..seed + 1, 1, |_| {}).by.is_some(), "{}: {seed}", rule.name());
        assert!(sim::campaign::run_one(seed, &sim::plan::Less::default(), None).is_ok(), "{seed}");
    }
}
