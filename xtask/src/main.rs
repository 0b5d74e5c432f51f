//! The command line of the chores.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use xtask::check::Outcome;
use xtask::{autobahn, bench, chaos, cluster, crash_rounds, drain, million, record, schemathesis, services};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Chores of the Tidegate workspace")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Everything that must hold before a change lands: format, clippy, page in a browser, all tests
    Test,
    /// The page in a browser alone; fails where `test` would skip it
    Page,
    /// Prints docs/METRICS.md as the sources say it should be: cargo xtask metrics > docs/METRICS.md
    Metrics,
    /// NATS, Redis and a CQL server, for tests and for playing
    #[command(subcommand)]
    Services(services::Action),
    /// A cluster of the real program on this machine, until Ctrl-C
    Cluster(cluster::Arguments),
    /// Autobahn's fuzzing client against the WebSocket codec; keeps docs/autobahn.json
    Autobahn(autobahn::Arguments),
    /// Requests made up from the document of the API, as a service and as a user; every answer is judged by it
    Schemathesis(schemathesis::Arguments),
    /// Kills the server under load again and again, and looks for every acknowledged message
    CrashRounds(crash_rounds::Arguments),
    /// Breaks a cluster under load, thing by thing, and looks for every acknowledged message
    Chaos(chaos::Arguments),
    /// Stops and starts one of two gateways under load: everybody comes back in their turn, and nothing is lost
    Drain(drain::Arguments),
    /// Measures everything that the project claims, into bench-results/<date>-<name>
    Record(record::Arguments),
    /// Measures rows of the table in bench-results/README.md, against each server that is there
    Bench(bench::Arguments),
    /// Holds a million sockets on this machine
    Million(million::Arguments),
    /// Writes bench-results/README.md from the records
    Table,
}

fn main() -> anyhow::Result<ExitCode> {
    match Arguments::parse().chore {
        Chore::Test => xtask::check::run(),
        Chore::Page => match xtask::browser::build_and_run()? {
            Outcome::Passed => Ok(ExitCode::SUCCESS),
            Outcome::Failed(_) => Ok(ExitCode::FAILURE),
            Outcome::Skipped(why) => {
                println!("not run: {why}");
                Ok(ExitCode::FAILURE)
            }
        },
        Chore::Metrics => {
            print!("{}", xtask::inventory::document(&xtask::inventory::read()?));
            Ok(ExitCode::SUCCESS)
        }
        Chore::Services(action) => services::main(&action),
        Chore::Cluster(arguments) => cluster::main(&arguments),
        Chore::Autobahn(arguments) => autobahn::main(&arguments),
        Chore::Schemathesis(arguments) => schemathesis::main(&arguments),
        Chore::CrashRounds(arguments) => crash_rounds::main(&arguments),
        Chore::Chaos(arguments) => chaos::main(&arguments),
        Chore::Drain(arguments) => drain::main(&arguments),
        Chore::Record(arguments) => record::main(&arguments),
        Chore::Bench(arguments) => bench::main(&arguments),
        Chore::Million(arguments) => million::main(&arguments),
        Chore::Table => xtask::table::main(),
    }
}
