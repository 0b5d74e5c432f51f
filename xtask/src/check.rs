//! `cargo xtask test`: the steps in order, each with a heading, none hidden by the failure of another.
//!
//! The cargo tests come last, so that a good run ends with cargo's own summary lines. What was started for them is ended
//! without a word, however the run ends.

use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::Context;

use crate::machine::in_ci;
use crate::services::{Services, Starter, Terms};
use crate::{browser, tree};

/// How a step ended when it could be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It did what it should.
    Passed,
    /// It found something; its own output says what. This much of it is said again after the output of later steps.
    Failed(String),
    /// It was not run, for the reason given.
    Skipped(String),
}

type Step = (&'static str, fn(&mut Surroundings) -> anyhow::Result<Outcome>);

/// What steps leave for those after them.
#[derive(Default)]
struct Surroundings {
    services: Option<Services>,
    variables: Vec<(&'static str, String)>,
}

impl Drop for Surroundings {
    fn drop(&mut self) {
        if let Some(services) = &self.services {
            // What is left runs until the next take-down; this run has been told how it ended.
            let _ = services.down(Starter::Test);
        }
    }
}

const STEPS: &[Step] = &[
    ("format: cargo fmt --all --check", |with| cargo(with, &["fmt", "--all", "--check"])),
    ("lints: cargo clippy --workspace --all-targets", |with| {
        cargo(with, &["clippy", "--workspace", "--all-targets", "--locked", "--", "--deny", "warnings"])
    }),
    ("build: cargo test --workspace --no-run", |with| {
        cargo(with, &["test", "--workspace", "--locked", "--no-run"])
    }),
    ("page: node --test in web/tests", |_| browser::run()),
    ("services: cargo xtask services up", bring_up),
    ("tests: cargo test --workspace, with doc tests and tidy tests", |with| {
        cargo(with, &["test", "--workspace", "--locked", "--no-fail-fast"])
    }),
];

/// Runs every step. Success only if none failed; what was skipped is told last.
pub fn run() -> anyhow::Result<ExitCode> {
    let mut surroundings = Surroundings::default();
    let mut failed = Vec::new();
    let mut skipped = Vec::new();
    for (index, (name, step)) in STEPS.iter().enumerate() {
        println!("\n=== {}/{} {name}", index + 1, STEPS.len());
        let (outcome, took) = timed(*step, &mut surroundings)?;
        let last = index + 1 == STEPS.len();
        match outcome {
            Outcome::Passed if last => {}
            Outcome::Passed => println!("--- passed in {}", spell(took)),
            Outcome::Skipped(why) => {
                println!("--- SKIPPED: {why}");
                skipped.push(why);
            }
            Outcome::Failed(found) => {
                println!("--- FAILED after {}", spell(took));
                failed.push((*name, found));
            }
        }
    }
    // Said again where it is seen: far below, after the output of the last step.
    for why in skipped {
        println!("\nskipped: {why}");
    }
    if failed.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    for (name, found) in failed {
        println!("\nfailed: {name}");
        found.lines().for_each(|line| println!("  {line}"));
    }
    Ok(ExitCode::FAILURE)
}

/// Runs a program with its output shown, in the workspace's root.
pub fn show(command: &mut Command) -> anyhow::Result<Outcome> {
    let status = command.status().with_context(|| format!("could not start {command:?}"))?;
    Ok(if status.success() { Outcome::Passed } else { Outcome::Failed(String::new()) })
}

fn cargo(with: &Surroundings, arguments: &[&str]) -> anyhow::Result<Outcome> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let variables = with.variables.iter().map(|(name, value)| (name, value));
    show(Command::new(cargo).args(arguments).envs(variables).current_dir(tree::root()))
}

/// Starts what the tests of bus and store talk to, unless it runs already. What cannot be had fails the run in CI;
/// elsewhere the tests that need it say that they did nothing.
fn bring_up(with: &mut Surroundings) -> anyhow::Result<Outcome> {
    let services = with.services.insert(Services::of_this_checkout()?);
    let failures = services.up(&Terms::of_the_tests())?;
    with.variables = services.variables();
    services.shown().iter().for_each(|shown| println!("{shown}"));
    if failures.is_empty() {
        return Ok(Outcome::Passed);
    }
    if in_ci() {
        failures.iter().for_each(|failure| println!("{failure}"));
        let again: Vec<String> = failures.iter().map(ToString::to_string).collect();
        return Ok(Outcome::Failed(again.join("\n")));
    }
    let missing: Vec<String> = failures
        .iter()
        .map(|failure| format!("the suites on a real {} server: {failure}", failure.kind))
        .collect();
    let how = "cargo xtask services up says more, and gets what it can";
    Ok(Outcome::Skipped(format!("{}. To run them: {how}", missing.join("\nskipped: "))))
}

#[expect(clippy::disallowed_types, reason = "times a child process; no test pauses this clock")]
fn timed(
    step: fn(&mut Surroundings) -> anyhow::Result<Outcome>,
    with: &mut Surroundings,
) -> anyhow::Result<(Outcome, Duration)> {
    let started = std::time::Instant::now();
    Ok((step(with)?, started.elapsed()))
}

fn spell(took: Duration) -> String {
    format!("{}m {:02}s", took.as_secs() / 60, took.as_secs() % 60)
}
