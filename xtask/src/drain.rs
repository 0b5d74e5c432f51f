//! `cargo xtask drain`: one of two gateways is stopped and started again under load, and everybody comes back in their turn.
//!
//! ```text
//! loadtest run reconnect-drain ─► gateway-1 (SIGTERM, gone, started again), gateway-2 ─ NATS, CQL, Redis ─ router-1
//! ```
//!
//! **Guarantees.** Good only if nothing was lost or doubled, everybody came back, no second saw more sockets come back than is
//! configured, and the gateway ended by itself.
//!
//! **Limits.** Linux; all on this machine, so that a busy generator may see more in a second than the gateway let go.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use rustix::process::Signal;
use serde_json::json;

use crate::cluster::{Cluster, Links, Node, Plan, Role};
use crate::programs::server::gauge;
use crate::programs::{Figures, Generator, Profile, Programs};
use crate::record;
use crate::services::{Kind, Running, Services, Terms, address_of};
use crate::stop::Stop;
use crate::stopwatch::Stopwatch;

/// The gateway that is stopped, and the one that takes everybody in.
const STOPPED: &str = "gateway-1";
const REMAINING: &str = "gateway-2";
/// What is configured.
const RECONNECTS: &str = "TIDEGATE_GATEWAY__DRAIN_RECONNECTS_PER_SECOND";
/// Traffic before the stop.
const CALM: Duration = Duration::from_secs(15);
/// How long all may take to open their sockets.
const OPENING_MAX: Duration = Duration::from_secs(300);
/// Longer than `drain.timeout`.
const DRAIN_MAX: Duration = Duration::from_secs(60);
/// Longer than the preset and its grace.
const END_MAX: Duration = Duration::from_secs(600);
/// Of the generator, shown at the end.
const FIGURES: [&str; 8] = [
    "acked",
    "lost",
    "duplicated",
    "sent_away",
    "closed_by_server",
    "not_back",
    "most_in_a_second",
    "openings_refused",
];
/// Between two looks.
const LOOK: Duration = Duration::from_millis(200);

/// The command line.
#[derive(Args, Clone, Debug)]
pub struct Arguments {
    /// Sockets, half of them at each gateway
    #[arg(long, default_value_t = 15_000)]
    pub connections: u32,
    /// Messages a second
    #[arg(long, default_value_t = 500)]
    pub rate: u32,
    /// `gateway.drain_reconnects_per_second`
    #[arg(long, value_name = "COUNT", default_value_t = 500)]
    pub reconnects_per_second: u32,
    /// Programs as the tests have them, which are built sooner; figures then say little
    #[arg(long)]
    pub dev: bool,
    /// Builds nothing: the programs are in this folder
    #[arg(long, value_name = "FOLDER")]
    pub programs: Option<PathBuf>,
    /// What the folder in bench-results is called, after the date
    #[arg(long, default_value = "drain")]
    pub name: String,
    /// The folder itself, instead
    #[arg(long, value_name = "FOLDER")]
    pub out: Option<PathBuf>,
}

/// Restarts the gateway, and keeps what the generator found.
pub fn main(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let folder = record::folder(&arguments.name, arguments.out.as_deref())?;
    let profile = if arguments.dev { Profile::Dev } else { Profile::Release };
    let programs = Programs::find_or_build(arguments.programs.as_deref(), profile)?;
    let mut stop = Stop::install()?;
    let services = Services::of_this_checkout()?;
    let failures = services.up(&Terms::of_a_person())?;
    ensure!(failures.is_empty(), "services: {failures:?}");
    let scratch = tempfile::Builder::new().prefix("tidegate-drain-").tempdir()?;
    let links = Links {
        nats: services.url(Kind::Nats)?,
        redis: services.url(Kind::Redis)?,
        cql: vec![address_of(Kind::Cql, &services.url(Kind::Cql)?)?.to_string()],
        environment: BTreeMap::from([(RECONNECTS.to_owned(), arguments.reconnects_per_second.to_string())]),
    };
    let plan = Plan { gateways: 2, routers: 1, apis: 1 };
    let mut cluster = Cluster::start(&programs, scratch.path(), &plan, &|_| Ok(links.clone()))?;
    let found = restart(arguments, &programs, &mut cluster, scratch.path(), &mut stop);
    if found.is_err() {
        println!("drain: the end of its log:\n{}", cluster.last_words(STOPPED));
    }
    cluster.end();
    let (mut figures, drained) = found?;
    figures.report["figures"]["drain.seconds"] = json!({ "value": drained.as_secs_f64(), "unit": "s" });
    figures.report["command"] = json!(typed(arguments));
    std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    let path = folder.join("drain.tidegate.json");
    std::fs::write(&path, serde_json::to_string_pretty(&figures.report)? + "\n")?;
    for name in FIGURES {
        println!("drain: reconnect.{name} {}", figures.count(&format!("reconnect.{name}"))?);
    }
    println!("drain: {STOPPED} was gone after {:.1} s; written to {}", drained.as_secs_f64(), path.display());
    Ok(if figures.code == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What the generator found, and how long the gateway took to end.
fn restart(
    arguments: &Arguments,
    programs: &Programs,
    cluster: &mut Cluster,
    scratch: &Path,
    stop: &mut Stop,
) -> anyhow::Result<(Figures, Duration)> {
    let urls = cluster.public(Role::Gateway).iter().map(|at| format!("ws://{at}/ws")).collect::<Vec<_>>();
    let (connections, rate) = (arguments.connections.to_string(), arguments.rate.to_string());
    let in_turn = format!("reconnect.most_in_a_second<={}", arguments.reconnects_per_second);
    let watched = ["router-1", REMAINING].map(|name| cluster.node(name).map(pid_of));
    let [router, remaining] = watched;
    let watched = format!("{},{}", router?, remaining?);
    let words = [
        "run",
        "reconnect-drain",
        "--connections",
        &connections,
        "--rate",
        &rate,
        "--require",
        &in_turn,
        "--server-pid",
        &watched,
    ];
    let mut generator =
        programs.generator_at(&urls.join(","), cluster.key_file(), scratch, "reconnect", &words)?;
    wait_until_open(arguments.connections, cluster, &mut generator, stop)?;
    stop.sleep(CALM)?;
    let began = Stopwatch::start();
    let node = cluster.node(STOPPED)?;
    node.signal(Signal::TERM);
    while node.is_alive() {
        ensure!(began.elapsed() < DRAIN_MAX, "{STOPPED} did not end within {} s", DRAIN_MAX.as_secs());
        stop.sleep(LOOK)?;
    }
    let drained = began.elapsed();
    node.start()?;
    node.wait_until_ready()?;
    let figures = generator.wait(END_MAX).context("loadtest reconnect")?;
    println!("{}", generator.last_words());
    Ok((figures, drained))
}

/// What repeats this run.
fn typed(arguments: &Arguments) -> String {
    format!(
        "cargo xtask drain --connections {} --rate {} --reconnects-per-second {}",
        arguments.connections, arguments.rate, arguments.reconnects_per_second
    )
}

fn pid_of(node: &mut Node) -> i32 {
    node.running().map_or(0, Running::pid)
}

fn wait_until_open(
    connections: u32,
    cluster: &Cluster,
    generator: &mut Generator,
    stop: &mut Stop,
) -> anyhow::Result<()> {
    let began = Stopwatch::start();
    loop {
        let gateways = cluster.nodes().iter().filter(|node| node.role() == Role::Gateway);
        let open: f64 = gateways.map(|node| gauge(node.admin(), "gateway_sessions")).sum();
        if open >= f64::from(connections) {
            return Ok(());
        }
        if !generator.is_running()? || began.elapsed() > OPENING_MAX {
            bail!("{open} of {connections} sockets are open: {}", generator.last_words());
        }
        stop.sleep(LOOK)?;
    }
}
