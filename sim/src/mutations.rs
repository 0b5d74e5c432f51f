//! Shows that the checks can fail: breaks one rule after the other and looks for a world that notices.

use std::ops::Range;

use store::mutation::Mutation;
use tokio::time::Instant;

use crate::campaign::{self, Until};
use crate::plan::{LastWord, Less, Plan};

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

/// Above the rows of [`Noticed::row`].
pub const TABLE_HEAD: &str =
    "| rule | what is done instead | seed of a world that notices | what it saw |\n|---|---|--:|---|";

impl Noticed {
    /// A row of the table in docs/SIMULATION.md.
    pub fn row(&self) -> String {
        let (name, rule) = (self.mutation.name(), self.mutation.rule());
        match &self.by {
            Some((seed, what)) => format!("| `{name}` | {rule} | {seed} | {what} |"),
            None => format!("| `{name}` | {rule} | – | **not noticed** in {} worlds |", self.worlds),
        }
    }
}

/// Whether a world has in it what a rule is for. Other worlds need not be run.
pub fn concerns(mutation: Mutation, seed: u64) -> bool {
    let plan = Plan::draw(seed, &Less::default());
    match mutation {
        Mutation::NoVerifyAfterLoad | Mutation::ServingAfterRelease => plan.is_siege,
        Mutation::AnswersAsleep | Mutation::WakesUnasked => plan.is_quiet,
        Mutation::ShortSlack => plan.has_clocks_in_the_next_window(),
        Mutation::LateAppended => plan.calls > 0,
        Mutation::UnknownRefused => plan.calls > 0 && plan.has_right_clocks(),
        Mutation::BlockUnheard | Mutation::OneSided => plan.has_contacts,
        Mutation::BlockEndUnheard => {
            plan.has_contacts && plan.retention.is_zero() && !plan.has_deaf_routers()
        }
        Mutation::QuietLoad | Mutation::NoProbe => plan.last_word.is_some(),
        Mutation::ClearedUntold | Mutation::ClearedHeldBack => {
            plan.last_word.is_some_and(LastWord::ends_its_router)
        }
        Mutation::DroppedEarly => !plan.retention.is_zero(),
        Mutation::RetentionForgotten => plan.settings > 0 && !plan.has_deaf_routers(),
        Mutation::ExpiredShown => plan.expiring > 0,
        _ => true,
    }
}

/// Looks for a world that notices, among those of `seeds`. Only what was told wrongly counts, not what is stuck; but for lists
/// and counts that do not become right.
pub fn look(
    mutation: Mutation,
    seeds: Range<u64>,
    threads: usize,
    progress: impl Fn(&str) + Sync,
) -> Noticed {
    let began = Instant::now();
    let until = if mutation.is_of_lists() { Until::Failures(1) } else { Until::Unsafe };
    let summary = campaign::run(seeds, Some(mutation), threads, until, progress);
    let by = summary.failures.iter().find(|failure| mutation.is_of_lists() || !failure.is_stuck());
    let by = by.map(|failure| (failure.seed, failure.violation.clone()));
    Noticed { mutation, worlds: summary.worlds, by, seconds: began.elapsed().as_secs_f64() }
}
