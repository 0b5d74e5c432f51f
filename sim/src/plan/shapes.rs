//! Worlds that are unlike the others, so that they reach what those hardly ever do.

use std::time::Duration;

use lifecycle::sim::Random;

use super::Plan;

/// What becomes of a message that is said when all is at rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LastWord {
    /// Its events are lost.
    EventsLost,
    /// Everything that is told to users and groups is lost for this long.
    AllLost(Duration),
    /// Its events are lost, and after a while its router dies, after so many more effects.
    RouterDies(Duration, u64),
    /// The same, and the router is stopped in order: it dies while it gives back what it has.
    RouterStops(Duration, u64),
}

impl LastWord {
    /// Whether the router that has it is gone soon after.
    pub fn ends_its_router(self) -> bool {
        matches!(self, Self::RouterDies(..) | Self::RouterStops(..))
    }
}

/// In a fifth of the worlds entries are kept for a few seconds and old buckets dropped; in half of these a user sets for how
/// long.
pub(super) fn retain(plan: &mut Plan, mut random: Random) -> bool {
    let retains = random.per_mille(200);
    if retains {
        plan.retention = Duration::from_millis(random.between(4_000..12_000));
        plan.retention_sweep = Duration::from_millis(random.between(50..1_000));
        plan.settings = if random.per_mille(500) { random.between(2..12) } else { 0 };
    }
    retains
}

/// In a third some messages expire.
pub(super) fn expire(plan: &mut Plan, mut random: Random) {
    if random.per_mille(300) {
        plan.expiring = random.between(50..500);
    }
}

/// In some hardly anybody says anything, many read, and routers sleep long: what one does not know is not found out by an
/// append.
pub(super) fn quiet(plan: &mut Plan, mut random: Random) -> bool {
    let is_quiet = random.per_mille(80);
    if is_quiet {
        plan.talk = Duration::from_millis(random.between(15_000..30_000));
        plan.eagerness = random.between(1..6);
        plan.reads = 150;
    }
    is_quiet
}

/// In some there are few conversations with short buckets, commands come twice and to the wrong router, and answers of the
/// store are lost, while routers are stopped and do not hear each other: several serve a partition at once, and one of them
/// has perhaps given it back without knowing.
pub(super) fn besiege(plan: &mut Plan, mut random: Random) -> bool {
    let is_siege = random.per_mille(50);
    if is_siege {
        plan.routers = 3;
        plan.users = 1;
        plan.eagerness = random.between(20..100);
        plan.bucket_entries = random.between(2..4);
        plan.steady_after = Duration::from_millis(random.below(300));
        plan.listen = Duration::from_millis(random.below(200));
        plan.suspect_after = Duration::from_millis(random.between(180..400));
        plan.conditions.doubled = random.between(100..300);
        plan.conditions.misrouted = random.between(50..300);
        plan.weather.unanswered = random.below(300);
    }
    is_siege
}

/// In most worlds programs call the API now and then.
pub(super) fn call(plan: &mut Plan, mut random: Random) {
    let calls = random.between(1..12);
    plan.calls = if random.per_mille(700) { calls } else { 0 };
}

/// In a quarter one more message is said after all.
pub(super) fn last_word(plan: &mut Plan, mut random: Random) {
    if random.per_mille(250) {
        plan.last_word = Some(match random.below(6) {
            0 | 1 => LastWord::EventsLost,
            // Longer than until the first probe, and less than until the last.
            2 => LastWord::AllLost(Duration::from_millis(random.between(1_200..4_500))),
            // Before anything of it is written, or told.
            3 => LastWord::RouterDies(Duration::ZERO, random.below(4)),
            // Before the first probe: what is owed to projections is written by then.
            4 => LastWord::RouterDies(Duration::from_millis(random.between(50..1_000)), random.below(4)),
            _ => LastWord::RouterStops(Duration::from_millis(random.below(1_000)), random.below(60)),
        });
    }
}
