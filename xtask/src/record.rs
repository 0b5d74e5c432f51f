//! `cargo xtask record`: every figure that the project claims, measured in one run and written down under `bench-results/`.
//!
//! ```text
//! build ─► for each step: fresh data, fresh tidegate ◄── loadtest ─► <step>.json ─► README.md, record.json
//! ```
//!
//! **Guarantees.** A step never meets the data, the memory or the caches of another one. What is written down names the
//! machine, the commit and the commands. A folder of an earlier run is never written to.
//!
//! **Does not** use a second machine: server and generator share this one, so that the figures are those of both.
//!
//! **Limits.** Linux. What else runs on the machine is not known, only its load at the beginning, which is noted.

mod bench;
mod calendar;
mod ladder;
mod page;
mod plan;
mod summary;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};

use crate::crash_rounds;
use crate::programs::{Profile, Programs};
use crate::tree;
use bench::Bench;
use plan::Plan;
use summary::Summary;

/// The command line of a record.
#[derive(Args, Clone, Debug)]
pub struct Arguments {
    /// Only these parts; may be repeated
    #[arg(long, value_enum)]
    pub only: Vec<Part>,
    /// A few seconds of each, with few connections: does the command work? Its figures are no record
    #[arg(long)]
    pub quick: bool,
    /// What the folder is called, after the date
    #[arg(long, default_value = "record")]
    pub name: String,
    /// The folder itself, instead of bench-results/<date>-<name>
    #[arg(long, value_name = "FOLDER")]
    pub out: Option<PathBuf>,
    /// The rates of `dm` instead of the usual ones, in messages a second: 20000,25000
    #[arg(long, value_delimiter = ',')]
    pub dm_rates: Vec<u32>,
    /// The rates of `group` instead of the usual ones, in deliveries a second: 400000,500000
    #[arg(long, value_delimiter = ',')]
    pub group_rates: Vec<u32>,
    /// Kills of `crash`, instead of 100
    #[arg(long)]
    pub rounds: Option<u32>,
    /// How frames are written
    #[arg(long, value_enum, default_value = "json")]
    pub encoding: Encoding,
}

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// Memory of idle connections
    Idle,
    /// Direct messages: the highest rate that holds
    Dm,
    /// One large group: the highest rate that holds
    Group,
    /// SIGKILL under load
    Crash,
}

/// How frames are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Encoding {
    /// proto3 JSON in text frames
    Json,
    /// protobuf in binary frames
    Proto,
}

impl Encoding {
    fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Proto => "proto",
        }
    }
}

/// Measures, writes it all down and says what was missed.
pub fn main(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let plan = Plan::of(arguments);
    let folder = folder(&arguments.name, arguments.out.as_deref())?;
    println!("record: building");
    let programs = Programs::build(Profile::Release)?;
    let mut summary = Summary::begin(typed(), arguments.quick);
    std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    println!("record: into {}", folder.display());
    let bench = Bench { programs: &programs, folder: &folder };
    let wanted = |part| arguments.only.is_empty() || arguments.only.contains(&part);
    // After each part, so that a run which ends early has not been for nothing.
    if wanted(Part::Idle) {
        summary.idle = Some(plan.idle.run(&bench)?);
        summary.write(&folder)?;
    }
    if wanted(Part::Dm) {
        summary.dm = Some(plan.dm.climb(&bench)?);
        summary.write(&folder)?;
    }
    if wanted(Part::Group) {
        summary.group = Some(plan.group.climb(&bench)?);
        summary.write(&folder)?;
    }
    if wanted(Part::Crash) {
        let scratch = tempfile::tempdir()?;
        let series = crash_rounds::run(&programs, &plan.crash, scratch.path())?;
        bench.keep("crash-rounds", &series.report)?;
        summary.crash = Some(series);
        summary.write(&folder)?;
    }
    println!("\n{}", page::targets(&summary));
    println!("record: written to {}", folder.display());
    Ok(if summary.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A folder for a record that is not there yet: `out`, or one in bench-results with today's date and a name.
pub fn folder(name: &str, out: Option<&Path>) -> anyhow::Result<PathBuf> {
    let folder = match out {
        Some(folder) => folder.to_owned(),
        None => {
            let name = format!("{}-{name}", calendar::today());
            tree::root().join("bench-results").join(name)
        }
    };
    if folder.exists() {
        bail!("{} is there already; records are never written over: choose another --name", folder.display());
    }
    Ok(folder)
}

/// The command that repeats this run.
fn typed() -> String {
    let words: Vec<String> = std::env::args().skip(1).collect();
    format!("cargo xtask {}", words.join(" "))
}
