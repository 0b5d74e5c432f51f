//! `cargo xtask cluster`: several processes of the real program on this machine, joined by the services.
//!
//! ```text
//! browser, loadtest ─► front ─► gateway-1, gateway-2 … ─┐
//!                            └► api-1 …                 ├─ NATS, CQL, Redis ─ router-1, router-2 …
//! ```
//!
//! **Guarantees.** Each cluster has a keyspace, a bus prefix and folders of its own, and they go with it. It is ended in
//! order: gateways, API processes, routers.
//!
//! **Does not** end the services: `cargo xtask services down` does.
//!
//! **Limits.** One cluster at a time for one checkout, on loopback; the front is for playing, not for measuring.

mod local;
mod node;
mod remembered;
mod settings;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::bail;
use clap::Args;

use crate::programs::{Profile, Programs};
use crate::proxy::{Front, Proxy, Route};
use crate::services::{Kind, Services, Terms, address_of};
use crate::stop::{Stop, Waited};
pub use local::{Cluster, Plan};
pub use node::{Node, Role};
pub use settings::Links;

/// How often a running cluster is looked at.
const LOOK: Duration = Duration::from_millis(500);

/// The command line of a cluster.
#[derive(Args, Clone, Debug)]
pub struct Arguments {
    /// Processes that hold sockets
    #[arg(long, default_value_t = 2)]
    pub gateways: usize,
    /// Processes that decide
    #[arg(long, default_value_t = 2)]
    pub routers: usize,
    /// Processes that serve the HTTP API and the page
    #[arg(long, default_value_t = 1)]
    pub apis: usize,
    /// Built as it is shipped, for measurements
    #[arg(long)]
    pub release: bool,
    /// Builds nothing: the programs are in this folder
    #[arg(long, value_name = "FOLDER")]
    pub programs: Option<PathBuf>,
    /// Where the front listens, which serves page, API and sockets at one address
    #[arg(long, default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// Ends the cluster that runs
    #[arg(long)]
    pub down: bool,
}

/// Runs a cluster until Ctrl-C, or ends the one that runs.
pub fn main(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    if arguments.down {
        println!("{}", remembered::end()?);
        return Ok(ExitCode::SUCCESS);
    }
    if arguments.gateways == 0 || arguments.routers == 0 || arguments.apis == 0 {
        bail!("a cluster needs one process of each role at least");
    }
    let remembered = remembered::begin()?;
    let mut stop = Stop::install()?;
    let services = Services::of_this_checkout()?;
    let failures = services.up(&Terms::of_a_person())?;
    if !failures.is_empty() {
        failures.iter().for_each(|failure| eprintln!("services: {failure}"));
        return Ok(ExitCode::FAILURE);
    }
    let profile = if arguments.release { Profile::Release } else { Profile::Dev };
    let programs = Programs::find_or_build(arguments.programs.as_deref(), profile)?;
    let folder = tempfile::Builder::new().prefix("tidegate-cluster-").tempdir()?;
    let links = Links {
        nats: services.url(Kind::Nats)?,
        redis: services.url(Kind::Redis)?,
        cql: vec![address_of(Kind::Cql, &services.url(Kind::Cql)?)?.to_string()],
        environment: BTreeMap::new(),
    };
    let plan = Plan { gateways: arguments.gateways, routers: arguments.routers, apis: arguments.apis };
    let cluster = Cluster::start(&programs, folder.path(), &plan, &|_| Ok(links.clone()))?;
    remembered.note(&cluster)?;
    let front = Front::new(cluster.public(Role::Gateway), cluster.public(Role::Api));
    let front = Proxy::start(arguments.listen, Route::Front(front))?;
    println!("{}", shown(&cluster, &programs, front.address()));
    let mut dead = None;
    while dead.is_none() && stop.wait(LOOK) == Waited::Whole {
        dead = cluster.first_dead();
    }
    if let Some(name) = &dead {
        println!("cluster: {name} ended by itself; its log:\n{}", cluster.last_words(name));
    }
    println!("cluster: ending");
    drop(front);
    cluster.end();
    Ok(if dead.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// How to reach what runs.
fn shown(cluster: &Cluster, programs: &Programs, front: SocketAddr) -> String {
    let mut lines =
        vec![format!("page, API and sockets: http://{front}/ (sockets at ws://{front}/ws)"), String::new()];
    for node in cluster.nodes() {
        let public = node.public().map_or(String::new(), |address| format!("public {address}  "));
        let log = node.log().display().to_string();
        lines.push(format!("{:<10} {public}admin http://{}/metrics  log {log}", node.name(), node.admin()));
    }
    let load = |words: &str| {
        format!("{} {words} --key-file {}", programs.loadtest().display(), cluster.key_file().display())
    };
    let direct = cluster.public(Role::Gateway).first().map_or(front, |address| *address);
    lines.extend([
        String::new(),
        "under load, in another terminal:".to_owned(),
        format!("  {} --url ws://{front}/ws", load("smoke")),
        format!("  {} --url ws://{direct}/ws", load("dm --connections 1000 --rate 1000")),
        String::new(),
        "Ctrl-C here, or cargo xtask cluster --down, ends it".to_owned(),
    ]);
    lines.join("\n")
}
