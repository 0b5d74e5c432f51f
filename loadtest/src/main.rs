//! The program `loadtest`.

use std::process::ExitCode;

use clap::Parser as _;
use loadtest::arguments::Arguments;
use loadtest::verdict::Verdict;
use loadtest::{report, scenario};
use serde_json::json;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // The code 2 that clap would choose for mistakes on the command line has another meaning here.
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // A terminal that is gone needs no message.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::FAILURE } else { ExitCode::SUCCESS };
        }
    };
    match run(&arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("loadtest: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let common = &arguments.common;
    let (figures, verdict) = scenario::run(&arguments.scenario, common)?;
    let verdict = verdict.and(Verdict::of_requirements(&common.require, &figures));
    print!("{}", report::text(&figures, &verdict));
    if let Some(path) = &common.json {
        let settings = json!({
            "scenario": arguments.scenario,
            "encoding": common.encoding,
            "opening": common.opening,
            "sockets_per_address": common.sockets_per_address,
        });
        report::write_json(path, &command(), &settings, &figures, &verdict)?;
    }
    Ok(ExitCode::from(verdict.exit_code()))
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
