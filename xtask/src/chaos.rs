//! `cargo xtask chaos`: a real cluster under load, while things break on a schedule; at the end, everything must be there.
//!
//! ```text
//! loadtest endure ─► front ─► gateway-1, gateway-2, api-1 ┐
//!                                                        ├─ a proxy for each pair ─► NATS, CQL, Redis
//!                                  router-1, router-2 ───┘
//! a seed ─► faults: kill, pause, cut, hold, delay, stop, flush, step the clock ─► repair ─► calm ─► the next
//! then, alone: one process with the embedded store, on a disk that fills up
//! ```
//!
//! **Guarantees.** Good only if every acknowledged message was shown to each of its recipients once and in order, and is in
//! the history once, at its seq; and if nothing that anybody was shown has changed. The same seed makes the same faults in
//! the same order.
//!
//! **Does not** break two things at a time on purpose, and cannot repeat the moments exactly: the machine has its own.
//!
//! **Limits.** Linux; one node of each service, so that its stop is an outage of all. Of CQL `--cql-nodes` makes several, with as
//! many copies of every row: then single ones are killed and paused, too.

mod clock;
mod disk;
mod disturbance;
mod fault;
mod page;
mod schedule;
mod stand;
mod world;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use serde_json::{Value, json};

use crate::programs::{Generator, Profile, Programs};
use crate::record;
use crate::stop::Stop;
use crate::stopwatch::Stopwatch;
pub use clock::FakeClock;
use disturbance::Series;
use fault::Happened;
use schedule::Schedule;
use world::World;

/// After the last fault, before the generator stops sending.
const CALM_AT_THE_END: Duration = Duration::from_secs(15);
/// Before the first fault: connections, loads, warm code.
const CALM_AT_THE_START: Duration = Duration::from_secs(10);
/// How long the generator waits for what is on its way at the end.
const GRACE: &str = "120s";
/// Longer than grace and audit take.
const END_MAX: Duration = Duration::from_secs(900);

/// The command line of a run.
#[derive(Args, Clone, Debug)]
pub struct Arguments {
    /// How long things break
    #[arg(long, default_value_t = 30.0)]
    pub minutes: f64,
    /// Chooses the faults; without it, the clock does
    #[arg(long)]
    pub seed: Option<u64>,
    /// Messages a second
    #[arg(long, default_value_t = 200)]
    pub rate: u32,
    /// Clients
    #[arg(long, default_value_t = 100)]
    pub clients: u32,
    /// Nodes of CQL, each with a copy of every row; of 3, one may be away
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=5))]
    pub cql_nodes: u8,
    /// Only faults whose name contains this; may be repeated
    #[arg(long)]
    pub only: Vec<String>,
    /// Programs as the tests have them, which are built sooner; figures then say little
    #[arg(long)]
    pub dev: bool,
    /// Builds nothing: the programs are in this folder
    #[arg(long, value_name = "FOLDER")]
    pub programs: Option<PathBuf>,
    /// What the folder in bench-results is called, after the date
    #[arg(long, default_value = "chaos")]
    pub name: String,
    /// The folder itself, instead
    #[arg(long, value_name = "FOLDER")]
    pub out: Option<PathBuf>,
}

/// What a run found.
#[derive(Debug)]
struct Outcome {
    seed: u64,
    /// `None`: it was not asked for.
    cluster: Option<Broken>,
    disk: Option<disk::Found>,
    /// What could not be done here.
    remarks: Vec<String>,
}

/// What was found in the cluster.
#[derive(Debug)]
struct Broken {
    happened: Vec<Happened>,
    /// Processes that ended by themselves, and when.
    deaths: Vec<String>,
    code: i32,
    report: Value,
}

/// Breaks things for a while, and says what came of it.
pub fn main(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let folder = record::folder(&arguments.name, arguments.out.as_deref())?;
    let clock = std::time::UNIX_EPOCH.elapsed().map_or(1, |since| since.as_secs());
    let seed = arguments.seed.unwrap_or(clock);
    println!("chaos: {} minutes, seed {seed}", arguments.minutes);
    let profile = if arguments.dev { Profile::Dev } else { Profile::Release };
    let programs = Programs::find_or_build(arguments.programs.as_deref(), profile)?;
    let mut stop = Stop::install()?;
    let scratch = tempfile::Builder::new().prefix("tidegate-chaos-").tempdir()?;
    let outcome = run(arguments, seed, &programs, scratch.path(), &mut stop);
    if !outcome.as_ref().is_ok_and(Outcome::is_good) {
        println!("chaos: logs and data are kept in {}", scratch.keep().display());
    }
    let outcome = outcome?;
    write(&folder, arguments, &outcome)?;
    println!("\n{}\nchaos: written to {}", page::verdict(&outcome), folder.display());
    Ok(if outcome.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn run(
    arguments: &Arguments,
    seed: u64,
    programs: &Programs,
    scratch: &Path,
    stop: &mut Stop,
) -> anyhow::Result<Outcome> {
    let is_wanted = |name: &str| {
        arguments.only.is_empty() || arguments.only.iter().any(|part| name.contains(part.as_str()))
    };
    let sorts = schedule::sorts(is_wanted);
    ensure!(!sorts.is_empty() || is_wanted(disk::SORT), "no fault is called like that");
    let mut remarks = Vec::new();
    let cluster = match sorts.is_empty() {
        true => None,
        false => Some(run_cluster(arguments, (seed, sorts), programs, scratch, &mut remarks, stop)?),
    };
    let mut disk = None;
    if is_wanted(disk::SORT) {
        match disk::run(programs, scratch, stop) {
            Ok(found) => disk = Some(found),
            Err(error) => remarks.push(format!("{}: not shown: {error:#}", disk::SORT)),
        }
    }
    Ok(Outcome { seed, cluster, disk, remarks })
}

fn run_cluster(
    arguments: &Arguments,
    (seed, mut sorts): (u64, Vec<schedule::Sort>),
    programs: &Programs,
    scratch: &Path,
    remarks: &mut Vec<String>,
    stop: &mut Stop,
) -> anyhow::Result<Broken> {
    let mut world = World::start(programs, scratch, arguments.cql_nodes)?;
    remarks.extend(world.remarks());
    let length = Duration::from_secs_f64(arguments.minutes * 60.0);
    let series = scratch.join("series.json");
    let mut generator = generator(arguments, programs, &world, scratch, length, &series)?;
    sorts.retain(|sort| world.has_clock() || sort.name != schedule::CLOCK);
    sorts.retain(|sort| world.has_several_nodes() || !schedule::OF_SEVERAL.contains(&sort.name));
    ensure!(!sorts.is_empty(), "{}", remarks.join("; "));
    let mut schedule = Schedule::new(seed, sorts, world.targets());
    let began = Stopwatch::start();
    stop.sleep(CALM_AT_THE_START)?;
    let mut happened = Vec::new();
    let mut deaths = Vec::new();
    while began.elapsed() + CALM_AT_THE_END < length {
        let fault = schedule.next_fault();
        if !generator.is_running()? {
            bail!("loadtest ended early: {}", generator.last_words());
        }
        println!("chaos: {:>5} s  {fault}", began.elapsed().as_secs());
        happened.push(world.suffer(fault, stop)?);
        deaths.extend(world.revive_the_dead()?);
        stop.sleep(schedule.calm())?;
    }
    let figures = generator.wait(END_MAX).context("loadtest endure")?;
    println!("{}", generator.last_words());
    disturbance::judge(&mut happened, &Series::read(&series)?);
    world.end();
    Ok(Broken { happened, deaths, code: figures.code, report: figures.report })
}

fn generator(
    arguments: &Arguments,
    programs: &Programs,
    world: &World,
    scratch: &Path,
    length: Duration,
    series: &Path,
) -> anyhow::Result<Generator> {
    let url = format!("ws://{}/ws", world.front());
    let (seconds, series) = (format!("{}s", length.as_secs()), series.display().to_string());
    let (rate, clients) = (arguments.rate.to_string(), arguments.clients.to_string());
    let words = [
        "endure",
        "--clients",
        &clients,
        "--rate",
        &rate,
        "--seconds",
        &seconds,
        "--grace",
        GRACE,
        "--series",
        &series,
    ];
    programs.generator_at(&url, world.key_file(), scratch, "endure", &words)
}

impl Outcome {
    /// Whether all that was asked for was shown, and nothing was found.
    fn is_good(&self) -> bool {
        self.cluster.as_ref().is_none_or(|cluster| cluster.code == 0)
            && self.disk.as_ref().is_none_or(|disk| disk.code == 0)
    }
}

fn write(folder: &Path, arguments: &Arguments, outcome: &Outcome) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    let keep = |name: &str, value: &Value| -> anyhow::Result<()> {
        let text = serde_json::to_string_pretty(value)? + "\n";
        std::fs::write(folder.join(name), text).with_context(|| folder.display().to_string())
    };
    if let Some(cluster) = &outcome.cluster {
        keep("endure.json", &cluster.report)?;
    }
    if let Some(disk) = &outcome.disk {
        keep("disk-full.json", &disk.report)?;
    }
    let command = command(arguments, outcome.seed);
    keep(
        "chaos.json",
        &json!({
            "command": command,
            "seed": outcome.seed,
            "good": outcome.is_good(),
            "faults": outcome.cluster.as_ref().map(|cluster| &cluster.happened),
            "ended_by_themselves": outcome.cluster.as_ref().map(|cluster| &cluster.deaths),
            "remarks": outcome.remarks,
        }),
    )?;
    std::fs::write(folder.join("README.md"), page::text(&command, arguments.cql_nodes, outcome))
        .context("README.md")
}

fn command(arguments: &Arguments, seed: u64) -> String {
    let Arguments { minutes, rate, clients, cql_nodes, only, dev, .. } = arguments;
    let mut command =
        format!("cargo xtask chaos --minutes {minutes} --seed {seed} --rate {rate} --clients {clients}");
    if *cql_nodes > 1 {
        command += &format!(" --cql-nodes {cql_nodes}");
    }
    only.iter().for_each(|one| command += &format!(" --only {one:?}"));
    if *dev {
        command += " --dev";
    }
    command
}
