//! A smaller world that fails in the same way: parts are taken away one by one, as long as it still fails.

use store::mutation::Mutation;

use crate::campaign::{is_stuck, run_one};
use crate::plan::{Fault, Less, Plan};

/// Worlds that are tried at most.
const TRIES_MAX: usize = 300;

/// A failing world without what it does not need.
pub struct Shrunk {
    /// What is left out.
    pub less: Less,
    /// What is violated.
    pub violation: String,
    /// How many worlds were tried.
    pub tries: usize,
}

/// Takes away as much as possible.
pub fn shrink(seed: u64, violation: String, broken: Option<Mutation>) -> Shrunk {
    let mut shrunk = Shrunk { less: Less::default(), violation, tries: 0 };
    let mut smaller = true;
    while smaller {
        smaller = false;
        for less in candidates(seed, &shrunk.less) {
            if shrunk.tries >= TRIES_MAX {
                return shrunk;
            }
            shrunk.tries += 1;
            if let Err(violation) = run_one(seed, &less, broken)
                && is_stuck(&violation) == is_stuck(&shrunk.violation)
            {
                (shrunk.less, shrunk.violation) = (less, violation);
                smaller = true;
                break;
            }
        }
    }
    shrunk
}

/// Worlds with one part less, the largest parts first.
fn candidates(seed: u64, less: &Less) -> Vec<Less> {
    let plan = Plan::draw(seed, less);
    let talk_ms = u64::try_from(plan.talk.as_millis()).unwrap_or(u64::MAX);
    let mut candidates = Vec::new();
    for talk_ms in [talk_ms / 2, talk_ms * 3 / 4] {
        if talk_ms >= 100 {
            candidates.push(Less { talk_ms: Some(talk_ms), ..less.clone() });
        }
    }
    for fault in Fault::ALL.iter().filter(|fault| !less.without.contains(fault)) {
        let mut without = less.without.clone();
        without.insert(*fault);
        candidates.push(Less { without, ..less.clone() });
    }
    if plan.users > 1 {
        candidates.push(Less { users: Some(plan.users - 1), ..less.clone() });
    }
    if plan.routers > 1 {
        candidates.push(Less { routers: Some(plan.routers - 1), ..less.clone() });
    }
    let incidents = plan.incidents.len();
    for fewer in [incidents / 2, incidents.saturating_sub(1)] {
        if fewer < incidents {
            candidates.push(Less { incidents: Some(fewer), ..less.clone() });
        }
    }
    candidates
}
