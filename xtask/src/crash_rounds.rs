//! `cargo xtask crash-rounds`: kills the real server under load, again and again, and looks for what it acknowledged.
//!
//! ```text
//! start tidegate ─► loadtest dm --journal ─► SIGKILL at a random moment ─► start it on the same data
//!      ▲                                                                        │
//!      └───────────── next round ◄── loadtest verify: all there, once, in order ┘
//! ```
//!
//! **Guarantees.** Ends with success only if after every kill every message that any client was told to be stored was in
//! the history at its seq, once, and no sender's messages had changed their order. A round in which nothing was
//! acknowledged does not count and ends the series as a failure.
//!
//! **Does not** pull the plug: what the kernel had taken survives a SIGKILL, so this proves order and honesty of the
//! program, not of the disk.
//!
//! **Limits.** Linux; one server process at a time.

mod round;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use serde_json::{Value, json};

use crate::programs::{Profile, Programs};
use crate::random::Random;
use crate::stopwatch::Stopwatch;
use round::{Journal, Round};

/// Rounds that share one set of users: their conversations go through that many crashes.
const ROUNDS_PER_GENERATION: u32 = 10;
/// The shortest that the server works before it is killed.
const LOAD_MIN: Duration = Duration::from_millis(200);

/// The command line of a series.
#[derive(Args, Clone, Debug)]
pub struct Arguments {
    /// How often, and how.
    #[command(flatten)]
    pub settings: Settings,
    /// Writes what each round found, with machine and commit
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

/// How often, and how.
#[derive(Args, Clone, Debug)]
pub struct Settings {
    /// Kills
    #[arg(long, default_value_t = 100)]
    pub rounds: u32,
    /// Chooses the moments; without it, the clock does
    #[arg(long)]
    pub seed: Option<u64>,
    /// Messages a second
    #[arg(long, default_value_t = 2000)]
    pub rate: u32,
    /// Connections that send them
    #[arg(long, default_value_t = 100)]
    pub connections: u32,
    /// The longest that the server works before it is killed, milliseconds; the shortest is 200
    #[arg(long, default_value_t = 2000)]
    pub load_max_ms: u64,
}

/// What a round, or a whole series, found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Messages acknowledged before a kill and looked for after it.
    pub acknowledged: u64,
    /// Not in the history at their seq.
    pub lost: u64,
    /// In the history twice.
    pub duplicated: u64,
    /// Out of order, or a hole in the seqs.
    pub reordered: u64,
}

/// A whole series.
#[derive(Clone, Debug)]
pub struct Series {
    /// Of all rounds.
    pub total: Found,
    /// Kills.
    pub rounds: u32,
    /// Seed, rounds, machine and commit.
    pub report: Value,
}

impl Found {
    /// Whether everything was there, once, in order.
    pub fn is_clean(&self) -> bool {
        self.lost == 0 && self.duplicated == 0 && self.reordered == 0
    }

    fn add(&mut self, other: &Self) {
        self.acknowledged += other.acknowledged;
        self.lost += other.lost;
        self.duplicated += other.duplicated;
        self.reordered += other.reordered;
    }

    fn shown(&self) -> String {
        let Self { acknowledged, lost, duplicated, reordered } = self;
        format!("{acknowledged:>6} acknowledged, lost {lost}, duplicated {duplicated}, reordered {reordered}")
    }

    fn to_json(self) -> Value {
        let Self { acknowledged, lost, duplicated, reordered } = self;
        json!({ "acknowledged": acknowledged, "lost": lost, "duplicated": duplicated, "reordered": reordered })
    }
}

/// Builds the programs as they are shipped and runs the series with them.
pub fn main(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let programs = Programs::build(Profile::Release)?;
    let folder = tempfile::tempdir()?;
    let series = run(&programs, &arguments.settings, folder.path());
    if let (Ok(series), Some(path)) = (&series, &arguments.json) {
        let text = serde_json::to_string_pretty(&series.report)? + "\n";
        std::fs::write(path, text).with_context(|| path.display().to_string())?;
    }
    if series.as_ref().is_ok_and(|series| series.total.is_clean()) {
        return Ok(ExitCode::SUCCESS);
    }
    println!("the data is kept in {}", folder.keep().display());
    series.map(|_| ExitCode::FAILURE)
}

/// Runs the series in `folder`, printing a line for each round. It ends with the first round that finds something.
pub fn run(programs: &Programs, settings: &Settings, folder: &Path) -> anyhow::Result<Series> {
    let clock = std::time::UNIX_EPOCH.elapsed().map_or(1, |since| since.as_secs());
    let seed = settings.seed.unwrap_or(clock);
    println!("crash-rounds: {} rounds, seed {seed}", settings.rounds);
    let began = Stopwatch::start();
    let mut random = Random::of_seed(seed);
    let mut total = Found::default();
    let (mut rounds, mut last) = (Vec::new(), Value::Null);
    for number in 1..=settings.rounds {
        let journal = Journal::of_generation(folder, (number - 1) / ROUNDS_PER_GENERATION);
        let load = random.between(LOAD_MIN, Duration::from_millis(settings.load_max_ms));
        let round = Round { programs, settings, folder, load };
        let (found, report) = round.run(&journal).with_context(|| format!("round {number}"))?;
        total.add(&found);
        let (load, seconds) = (load.as_millis() as u64, began.elapsed().as_secs());
        println!(
            "round {number:>3}/{}: killed after {load:>4} ms, {}  ({seconds} s)",
            settings.rounds,
            found.shown()
        );
        rounds.push(json!({ "killed_after_ms": load, "found": found.to_json() }));
        last = report;
        if found.acknowledged == 0 {
            bail!("round {number}: nothing was acknowledged before the kill, so nothing was shown");
        }
        if !total.is_clean() {
            break;
        }
    }
    let kills = rounds.len();
    println!("crash-rounds: {kills} kills, {}, in {} s", total.shown(), began.elapsed().as_secs());
    let report = json!({
        "command": format!(
            "cargo xtask crash-rounds --rounds {} --seed {seed} --rate {} --connections {} --load-max-ms {}",
            settings.rounds, settings.rate, settings.connections, settings.load_max_ms,
        ),
        "unix_time_ms": last["unix_time_ms"],
        "machine": last["machine"],
        "kills": kills,
        "total": total.to_json(),
        "rounds": rounds,
    });
    Ok(Series { total, rounds: kills as u32, report })
}
