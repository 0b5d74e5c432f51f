//! One process of a cluster.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use rustix::process::Signal;

use crate::programs::server::is_ready;
use crate::programs::tail;
use crate::services::{Ports, Recipe, Running};
use crate::stopwatch::Stopwatch;

/// The longest that a start may take.
const START_MAX: Duration = Duration::from_secs(60);
/// Longer than a drain.
const END_MAX: Duration = Duration::from_secs(40);

/// What a process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Holds sockets.
    Gateway,
    /// Decides.
    Router,
    /// Serves HTTP.
    Api,
}

impl Role {
    /// As the program spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Router => "router",
            Self::Api => "api",
        }
    }
}

/// A process, running or not, always at the same ports and on the same folder.
#[derive(Debug)]
pub struct Node {
    role: Role,
    name: String,
    public: SocketAddr,
    admin: SocketAddr,
    recipe: Recipe,
    running: Option<Running>,
}

impl Node {
    /// A process that is not started yet, with a folder of its own in `folder`.
    pub(super) fn new(
        role: Role,
        number: usize,
        tidegate: &Path,
        folder: &Path,
        config: &str,
        ports: &mut Ports,
    ) -> anyhow::Result<Self> {
        let name = format!("{}-{number}", role.name());
        let folder = folder.join(&name);
        std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        let file = folder.join("tidegate.toml");
        std::fs::write(&file, config)?;
        let (public, admin) = (ports.take()?, ports.take()?);
        let environment = BTreeMap::from([
            ("TIDEGATE_DATA__DIR".to_owned(), folder.join("data").display().to_string()),
            ("TIDEGATE_PUBLIC__LISTEN".to_owned(), public.to_string()),
            ("TIDEGATE_ADMIN__LISTEN".to_owned(), admin.to_string()),
        ]);
        let arguments = ["--role", role.name(), "--config", &file.display().to_string()];
        let arguments = arguments.map(str::to_owned).to_vec();
        let recipe = Recipe { program: tidegate.to_owned(), arguments, environment, folder };
        Ok(Self { role, name, public, admin, recipe, running: None })
    }

    /// What it does.
    pub fn role(&self) -> Role {
        self.role
    }

    /// Its role and a number.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where clients come; a router has no such port.
    pub fn public(&self) -> Option<SocketAddr> {
        (self.role != Role::Router).then_some(self.public)
    }

    /// Metrics and health.
    pub fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// Its log.
    pub fn log(&self) -> PathBuf {
        self.recipe.log()
    }

    /// How it is started.
    pub fn recipe(&mut self) -> &mut Recipe {
        &mut self.recipe
    }

    /// Its process, once it was started.
    pub fn running(&self) -> Option<&Running> {
        self.running.as_ref()
    }

    /// Starts it, without waiting for it.
    pub fn start(&mut self) -> anyhow::Result<()> {
        self.running = Some(self.recipe.start()?);
        Ok(())
    }

    /// Waits until it takes traffic.
    pub fn wait_until_ready(&self) -> anyhow::Result<()> {
        let began = Stopwatch::start();
        while !is_ready(self.admin) {
            if !self.is_alive() {
                bail!("{} ended by itself: {}", self.name, tail(&self.log()));
            }
            if began.elapsed() > START_MAX {
                bail!("{} was not ready after {} s: {}", self.name, START_MAX.as_secs(), tail(&self.log()));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Whether its process is there.
    pub fn is_alive(&self) -> bool {
        self.running.as_ref().is_some_and(Running::is_alive)
    }

    /// Sends it a signal, if it is there.
    pub fn signal(&self, signal: Signal) {
        if let Some(running) = &self.running {
            running.signal(signal);
        }
    }

    /// SIGKILL; returns when it is gone.
    pub fn kill(&mut self) {
        if let Some(running) = self.running.take() {
            running.kill();
        }
    }

    /// Lets it drain; returns when it is gone.
    pub fn end(&mut self) {
        if let Some(running) = self.running.take() {
            running.end(END_MAX);
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.kill();
    }
}
