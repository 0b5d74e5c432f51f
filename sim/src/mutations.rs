//! Shows that the checks can fail: breaks one rule after the other and looks for a world that notices.

use std::ops::Range;

use store::mutation::Mutation;
use tokio::time::Instant;

use crate::campaign::{self, Until};

/// What became of one broken rule.
#[derive(Clone, Debug)]
pub struct Noticed {
    /// The rule.
    pub mutation: Mutation,
    /// Worlds until then.
    pub worlds: u64,
    /// The seed and the violation; `None` if no world noticed.
    pub by: Option<(u64, String)>,
    /// Seconds.
    pub seconds: f64,
}

/// Looks for a world that notices, among those of `seeds`. Only what was told wrongly counts, not what is stuck.
pub fn look(
    mutation: Mutation,
    seeds: Range<u64>,
    threads: usize,
    progress: impl Fn(&str) + Sync,
) -> Noticed {
    let began = Instant::now();
    let summary = campaign::run(seeds, Some(mutation), threads, Until::Unsafe, progress);
    let by = summary.failures.iter().find(|failure| !failure.is_stuck());
    let by = by.map(|failure| (failure.seed, failure.violation.clone()));
    Noticed { mutation, worlds: summary.worlds, by, seconds: began.elapsed().as_secs_f64() }
}
