//! `cargo xtask test`: the steps in order, each with a heading, none hidden by the failure of another.
//!
//! The cargo tests come last, so that a good run ends with cargo's own summary lines.

use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::Context;

use crate::{browser, tree};

/// How a step ended when it could be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It did what it should.
    Passed,
    /// It found something; its own output says what.
    Failed,
    /// It was not run, for the reason given.
    Skipped(String),
}

type Step = (&'static str, fn() -> anyhow::Result<Outcome>);

const STEPS: &[Step] = &[
    ("format: cargo fmt --all --check", || cargo(&["fmt", "--all", "--check"])),
    ("lints: cargo clippy --workspace --all-targets", || {
        cargo(&["clippy", "--workspace", "--all-targets", "--locked", "--", "--deny", "warnings"])
    }),
    ("build: cargo test --workspace --no-run", || cargo(&["test", "--workspace", "--locked", "--no-run"])),
    ("page: node --test in web/tests", browser::run),
    ("tests: cargo test --workspace, with doc tests and tidy tests", || {
        cargo(&["test", "--workspace", "--locked", "--no-fail-fast"])
    }),
];

/// Runs every step. Success only if none failed; what was skipped is told last.
pub fn run() -> anyhow::Result<ExitCode> {
    let mut failed = Vec::new();
    let mut skipped = Vec::new();
    for (index, (name, step)) in STEPS.iter().enumerate() {
        println!("\n=== {}/{} {name}", index + 1, STEPS.len());
        let (outcome, took) = timed(step)?;
        let last = index + 1 == STEPS.len();
        match outcome {
            Outcome::Passed if last => {}
            Outcome::Passed => println!("--- passed in {}", spell(took)),
            Outcome::Skipped(why) => {
                println!("--- SKIPPED: {why}");
                skipped.push(why);
            }
            Outcome::Failed => {
                println!("--- FAILED after {}", spell(took));
                failed.push(*name);
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
    println!("\nfailed: {}", failed.join("; "));
    Ok(ExitCode::FAILURE)
}

/// Runs a program with its output shown, in the workspace's root.
pub fn show(command: &mut Command) -> anyhow::Result<Outcome> {
    let status = command.status().with_context(|| format!("could not start {command:?}"))?;
    Ok(if status.success() { Outcome::Passed } else { Outcome::Failed })
}

fn cargo(arguments: &[&str]) -> anyhow::Result<Outcome> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    show(Command::new(cargo).args(arguments).current_dir(tree::root()))
}

#[expect(clippy::disallowed_types, reason = "times a child process; no test pauses this clock")]
fn timed(step: &fn() -> anyhow::Result<Outcome>) -> anyhow::Result<(Outcome, Duration)> {
    let started = std::time::Instant::now();
    Ok((step()?, started.elapsed()))
}

fn spell(took: Duration) -> String {
    format!("{}m {:02}s", took.as_secs() / 60, took.as_secs() % 60)
}
