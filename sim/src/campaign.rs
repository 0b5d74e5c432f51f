//! Many worlds, on as many threads as there are: seeds in order, progress now and then, what failed at the end.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use store::mutation::{Mutation, break_rule};
use tokio::time::Instant;

use crate::mutations;
use crate::plan::{Less, Plan};
use crate::world::{self, Done};

/// A world that did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Its seed.
    pub seed: u64,
    /// What was violated.
    pub violation: String,
}

impl Failure {
    /// Nothing wrong was ever told, but something was not told at all.
    pub fn is_stuck(&self) -> bool {
        is_stuck(&self.violation)
    }
}

/// Whether a violation is one of liveness.
pub fn is_stuck(violation: &str) -> bool {
    violation.starts_with(world::STUCK)
}

/// What many worlds did.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Worlds that were run.
    pub worlds: u64,
    /// Messages that were acknowledged in them.
    pub acknowledged: u64,
    /// Hours of their clocks, in milliseconds.
    pub elapsed_ms: u64,
    /// Those that failed, in order of their seeds.
    pub failures: Vec<Failure>,
}

/// When to stop before the last seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// Never.
    TheEnd,
    /// At this many failures.
    Failures(usize),
    /// At the first failure of safety, whatever is stuck.
    Unsafe,
}

/// Between two lines of progress.
const PROGRESS_EVERY: Duration = Duration::from_secs(10);

/// Runs one world with a rule broken, or none. A panic of what is simulated is a violation.
pub fn run_one(seed: u64, less: &Less, broken: Option<Mutation>) -> Result<Done, String> {
    break_rule(broken);
    let ran = catch_unwind(AssertUnwindSafe(|| world::run(&Plan::draw(seed, less))));
    break_rule(None);
    ran.unwrap_or_else(|panic| {
        let message = panic.downcast_ref::<String>().map(String::as_str);
        let message = message.or_else(|| panic.downcast_ref::<&str>().copied());
        Err(format!("panicked: {}", message.unwrap_or("without a word")))
    })
}

/// Runs the worlds of `seeds`; `progress` gets a line now and then.
pub fn run(
    seeds: std::ops::Range<u64>,
    broken: Option<Mutation>,
    threads: usize,
    until: Until,
    progress: impl Fn(&str) + Sync,
) -> Summary {
    let next = AtomicU64::new(seeds.start);
    let stop = AtomicBool::new(false);
    let summary = Mutex::new(Summary::default());
    let began = Instant::now();
    let last_line = Mutex::new(began);
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    if broken.is_some_and(|broken| !mutations::concerns(broken, seed)) {
                        continue;
                    }
                    let ran = run_one(seed, &Less::default(), broken);
                    let mut summary = summary.lock().unwrap_or_else(PoisonError::into_inner);
                    summary.count(seed, ran);
                    if summary.is_enough(until) {
                        stop.store(true, Ordering::Relaxed);
                    }
                    let mut last_line = last_line.lock().unwrap_or_else(PoisonError::into_inner);
                    if last_line.elapsed() >= PROGRESS_EVERY {
                        *last_line = Instant::now();
                        progress(&summary.line(began.elapsed(), seeds.end - seeds.start));
                    }
                }
            });
        }
    });
    let mut summary = summary.into_inner().unwrap_or_else(PoisonError::into_inner);
    summary.failures.sort_by_key(|failure| failure.seed);
    summary
}

impl Summary {
    fn count(&mut self, seed: u64, ran: Result<Done, String>) {
        self.worlds += 1;
        match ran {
            Ok(done) => {
                self.acknowledged += done.acknowledged;
                self.elapsed_ms += done.elapsed_ms;
            }
            Err(violation) => self.failures.push(Failure { seed, violation }),
        }
    }

    fn is_enough(&self, until: Until) -> bool {
        match until {
            Until::TheEnd => false,
            Until::Failures(most) => self.failures.len() >= most,
            Until::Unsafe => self.failures.last().is_some_and(|failure| !failure.is_stuck()),
        }
    }

    fn line(&self, took: Duration, of: u64) -> String {
        #[expect(clippy::cast_precision_loss, reason = "for people")]
        let rate = self.worlds as f64 / took.as_secs_f64().max(0.001);
        let (worlds, acknowledged, failed) = (self.worlds, self.acknowledged, self.failures.len());
        format!("{worlds} of {of} worlds, {acknowledged} acknowledged, {failed} failed, {rate:.0} worlds/s")
    }
}
