//! The program `loadtest`.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::{CommandFactory as _, FromArgMatches as _};
use loadtest::arguments::{Arguments, Command, Common, Compare, Coordinate, Led};
use loadtest::report::compare::Comparison;
use loadtest::scenario::Measured;
use loadtest::verdict::Verdict;
use loadtest::{catalogue, find, parts, plan, rawserver, report, scenario, scenario_file};
use serde_json::{Value, json};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // The code 2 that clap would choose for mistakes on the command line has another meaning here.
    let parsed = Arguments::command().try_get_matches();
    let parsed = parsed.and_then(|matches| Ok((Arguments::from_arg_matches(&matches)?, matches)));
    let (arguments, matches) = match parsed {
        Ok(parsed) => parsed,
        Err(error) => {
            // A terminal that is gone needs no message.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::FAILURE } else { ExitCode::SUCCESS };
        }
    };
    match run(&arguments, &scenario_file::given(&matches)) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("loadtest: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// `given`: flags that a preset or a file of the arguments takes as well.
fn run(arguments: &Arguments, given: &[String]) -> anyhow::Result<ExitCode> {
    let common = &arguments.common;
    match &arguments.command {
        Command::Scenario(scenario) => {
            let measured = scenario::run(scenario, common)?;
            finish(measured, &json!(scenario), common)
        }
        Command::Find(search) => {
            let mut settings = json!(search);
            settings["target"] = json!(search.target.iter().map(ToString::to_string).collect::<Vec<_>>());
            finish(find::run(search, common)?, &settings, common)
        }
        Command::Plan(settings) => {
            print!("{}", plan::text(&plan::needs(settings)));
            Ok(ExitCode::SUCCESS)
        }
        Command::Rawserver(settings) => rawserver::run(settings).map(|()| ExitCode::SUCCESS),
        Command::Run(named) => run(&scenario_file::read(named, given)?, given),
        Command::List => {
            print!("{}", catalogue::list());
            Ok(ExitCode::SUCCESS)
        }
        Command::Explain(explain) => {
            print!("{}", catalogue::explain(&explain.name)?);
            Ok(ExitCode::SUCCESS)
        }
        Command::Compare(settings) => compare(settings, common),
        Command::Coordinate(settings) => coordinate(settings, common, given),
        Command::Agent(settings) => {
            parts::wait(settings, |assignment, lead| scenario::run_part(assignment, lead, common))?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Part => {
            // Why it could not go on, the lead has been told.
            let served = parts::serve(|assignment, lead| scenario::run_part(assignment, lead, common));
            Ok(if served.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
    }
}

/// Runs what is to be led by agents.
fn coordinate(settings: &Coordinate, common: &Common, given: &[String]) -> anyhow::Result<ExitCode> {
    let mut arguments = match &settings.what {
        Led::Scenario(scenario) => {
            Arguments { command: Command::Scenario(scenario.clone()), common: common.clone() }
        }
        Led::Find(search) => Arguments { command: Command::Find(search.clone()), common: common.clone() },
        Led::Run(named) => scenario_file::read(named, given)?,
    };
    arguments.common.machines = Some(settings.machines.clone());
    run(&arguments, given)
}

/// Judges, prints and writes what was measured.
fn finish(mut measured: Measured, settings: &Value, common: &Common) -> anyhow::Result<ExitCode> {
    measured.verdict = measured.verdict.and(Verdict::of_requirements(&common.require, &measured.figures));
    print!("{}", report::text(&measured.figures, &measured.verdict));
    if common.json.is_some() || common.html.is_some() {
        let mut settings = settings.clone();
        settings["driver"] = json!(common.driver);
        settings["encoding"] = json!(common.encoding);
        settings["opening"] = json!(common.opening);
        settings["processes"] = json!(common.processes);
        settings["agents"] = json!(common.machines.as_ref().map_or(0, |machines| machines.agents));
        settings["sockets_per_address"] = json!(common.sockets_per_address);
        let report = report::json(&command(), &settings, &measured);
        if let Some(path) = &common.json {
            report::write_json(path, &report)?;
        }
        if let Some(path) = &common.html {
            report::write(path, &report::page::page(&report))?;
        }
    }
    Ok(ExitCode::from(measured.verdict.exit_code()))
}

fn compare(settings: &Compare, common: &Common) -> anyhow::Result<ExitCode> {
    let read = |path: &std::path::Path| -> anyhow::Result<Value> {
        let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
        serde_json::from_str(&text).with_context(|| format!("{} is not JSON", path.display()))
    };
    let (before, after) = (read(&settings.before)?, read(&settings.after)?);
    let comparison = Comparison::of(&before, &after, settings.noise)?;
    print!("{}", comparison.text());
    if let Some(path) = &common.html {
        report::write(path, &comparison.page([&settings.before, &settings.after]))?;
    }
    let worse = settings.worse_max.map(|percent| comparison.worse_than(percent)).unwrap_or_default();
    for one in &worse {
        println!("worse than allowed: {one}");
    }
    Ok(if worse.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What was typed, without the secret.
fn command() -> String {
    let mut words: Vec<String> = Vec::new();
    for word in std::env::args() {
        let hidden = words.last().is_some_and(|before| before == "--secret");
        words.push(match word.strip_prefix("--secret=") {
            Some(_) => "--secret=…".to_owned(),
            None if hidden => "…".to_owned(),
            None => word,
        });
    }
    words.join(" ")
}
