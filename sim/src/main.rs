//! `sim`: runs worlds, shrinks those that fail, and shows that the checks can fail.

mod command_line;

use std::process::ExitCode;

use clap::Parser as _;
use command_line::Arguments;
use sim::campaign::{self, Until};
use sim::mutations;
use sim::plan::{Less, Plan};
use sim::shrink::shrink;
use store::mutation::Mutation;

/// Failures after which a run ends.
const FAILURES_MAX: usize = 10;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if arguments.mutations || arguments.only.is_some() {
        return break_rules(&arguments);
    }
    match arguments.seed {
        Some(seed) => replay(seed, &arguments),
        None => many(&arguments),
    }
}

fn many(arguments: &Arguments) -> ExitCode {
    let seeds = arguments.from..arguments.from.saturating_add(arguments.seeds);
    let until = Until::Failures(FAILURES_MAX);
    let summary = campaign::run(seeds, None, arguments.threads(), until, |line| eprintln!("{line}"));
    let hours = summary.elapsed_ms / 3_600_000;
    println!(
        "{} worlds, {} messages acknowledged, {hours} hours of their clocks, {} failed",
        summary.worlds,
        summary.acknowledged,
        summary.failures.len()
    );
    for failure in &summary.failures {
        println!("seed {}: {}", failure.seed, failure.violation);
    }
    match summary.failures.first() {
        None => ExitCode::SUCCESS,
        Some(first) => {
            show_smallest(first.seed, first.violation.clone(), None);
            ExitCode::FAILURE
        }
    }
}

fn replay(seed: u64, arguments: &Arguments) -> ExitCode {
    let less = arguments.less();
    match run_traced(seed, &less, arguments.broken, arguments.trace) {
        Ok(()) => ExitCode::SUCCESS,
        Err(violation) => {
            if arguments.shrink {
                show_smallest(seed, violation, arguments.broken);
            }
            ExitCode::FAILURE
        }
    }
}

fn run_traced(seed: u64, less: &Less, broken: Option<Mutation>, trace: bool) -> Result<(), String> {
    if trace {
        sim::words::listen();
        lifecycle::sim::begin_trace();
        println!("{:#?}", Plan::draw(seed, less));
    }
    let ran = campaign::run_one(seed, less, broken);
    for line in lifecycle::sim::end_trace() {
        println!("{line}");
    }
    match ran {
        Ok(done) => {
            let (acknowledged, elapsed_ms) = (done.acknowledged, done.elapsed_ms);
            println!("seed {seed}: held, {acknowledged} acknowledged in {elapsed_ms} ms");
            Ok(())
        }
        Err(violation) => {
            println!("seed {seed}: {violation}");
            Err(violation)
        }
    }
}

fn show_smallest(seed: u64, violation: String, broken: Option<Mutation>) {
    eprintln!("making the world of seed {seed} smaller");
    let shrunk = shrink(seed, violation, broken);
    println!("\nsmallest after {} tries; again with:", shrunk.tries);
    println!("  sim --seed {seed}{} --trace\n", command_line::spell(&shrunk.less, broken));
    // It fails: that is what it is.
    let _ = run_traced(seed, &shrunk.less, broken, true);
}

/// Prints the table of docs/SIMULATION.md.
fn break_rules(arguments: &Arguments) -> ExitCode {
    let all = Mutation::ALL.iter().copied();
    let chosen: Vec<Mutation> = all.filter(|m| arguments.only.is_none_or(|only| only == *m)).collect();
    let mut unnoticed = 0;
    println!("{}", mutations::TABLE_HEAD);
    for mutation in chosen {
        let seeds = arguments.from..arguments.from.saturating_add(arguments.seeds);
        let noticed = mutations::look(mutation, seeds, arguments.threads(), |line| eprintln!("{line}"));
        eprintln!("{}: {} worlds, {:.1} s", mutation.name(), noticed.worlds, noticed.seconds);
        unnoticed += usize::from(noticed.by.is_none());
        println!("{}", noticed.row());
    }
    if unnoticed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
