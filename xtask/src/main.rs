//! The command line of the chores.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

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
    /// Prints docs/METRICS.md as the sources say it should be: cargo xtask metrics > docs/METRICS.md
    Metrics,
}

fn main() -> anyhow::Result<ExitCode> {
    match Arguments::parse().chore {
        Chore::Test => xtask::check::run(),
        Chore::Metrics => {
            print!("{}", xtask::inventory::document(&xtask::inventory::read()?));
            Ok(ExitCode::SUCCESS)
        }
    }
}
