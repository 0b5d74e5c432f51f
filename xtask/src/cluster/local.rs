//! The processes of a cluster together.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};

use super::node::{Node, Role};
use super::settings::{Links, Shared};
use crate::programs::{Programs, tail};
use crate::services::{Ports, execute};

/// How many of each.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Processes that hold sockets.
    pub gateways: usize,
    /// Processes that decide.
    pub routers: usize,
    /// Processes that serve HTTP.
    pub apis: usize,
}

impl Plan {
    /// The names of all, in the order in which they are started.
    pub fn names(&self) -> Vec<String> {
        let named =
            |(role, count): (Role, usize)| (1..=count).map(move |number| format!("{}-{number}", role.name()));
        self.roles().into_iter().flat_map(named).collect()
    }

    fn roles(&self) -> [(Role, usize); 3] {
        [(Role::Router, self.routers), (Role::Api, self.apis), (Role::Gateway, self.gateways)]
    }
}

/// A running cluster. Dropping it kills it.
#[derive(Debug)]
pub struct Cluster {
    nodes: Vec<Node>,
    shared: Shared,
    /// A node, `host:port`.
    cql: String,
}

impl Cluster {
    /// Makes keyspace and key and starts everything in `folder`; `links` says where the process of a name finds the
    /// services. What has no name, `""`, prepares the rest.
    pub fn start(
        programs: &Programs,
        folder: &Path,
        plan: &Plan,
        links: &dyn Fn(&str) -> anyhow::Result<Links>,
    ) -> anyhow::Result<Self> {
        let shared = Shared::in_folder(folder);
        let own = links("")?;
        let config = folder.join("tidegate.toml");
        std::fs::write(&config, shared.text(&own))?;
        let cql = own.cql.into_iter().next().context("no node of CQL")?;
        let mut cluster = Self { nodes: Vec::new(), shared, cql };
        for word in ["migrate", "key"] {
            prepare(programs.tidegate(), &config, folder, word)?;
        }
        let mut ports = Ports::new();
        for (role, count) in plan.roles() {
            for number in 1..=count {
                let links = links(&format!("{}-{number}", role.name()))?;
                let config = cluster.shared.text(&links);
                let mut node = Node::new(role, number, programs.tidegate(), folder, &config, &mut ports)?;
                node.recipe().environment.extend(links.environment);
                cluster.nodes.push(node);
            }
        }
        for node in &mut cluster.nodes {
            node.start()?;
        }
        for node in &cluster.nodes {
            node.wait_until_ready()?;
        }
        Ok(cluster)
    }

    /// Every process: routers, API processes, gateways.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The process of that name.
    pub fn node(&mut self, name: &str) -> anyhow::Result<&mut Node> {
        let found = self.nodes.iter_mut().find(|node| node.name() == name);
        found.with_context(|| format!("no process {name}"))
    }

    /// Where clients reach those of a role.
    pub fn public(&self, role: Role) -> Vec<SocketAddr> {
        self.nodes.iter().filter(|node| node.role() == role).filter_map(Node::public).collect()
    }

    /// The key that signs its tokens.
    pub fn key_file(&self) -> &Path {
        &self.shared.key_file
    }

    /// The first process that is not there any more.
    pub fn first_dead(&self) -> Option<String> {
        self.nodes.iter().find(|node| !node.is_alive()).map(|node| node.name().to_owned())
    }

    /// The end of the log of the process of that name.
    pub fn last_words(&self, name: &str) -> String {
        let node = self.nodes.iter().find(|node| node.name() == name);
        node.map(|node| tail(&node.log())).unwrap_or_default()
    }

    /// The logs of all.
    pub fn logs(&self) -> Vec<PathBuf> {
        self.nodes.iter().map(Node::log).collect()
    }

    /// Ends all, those first that clients see, and drops the keyspace.
    pub fn end(mut self) {
        for node in self.nodes.iter_mut().rev() {
            node.end();
        }
        if let Err(error) = execute(&self.cql, &format!("DROP KEYSPACE IF EXISTS {}", self.shared.name)) {
            eprintln!("cluster: keyspace {} stays: {error:#}", self.shared.name);
        }
    }
}

/// Runs a command of the program that prepares a cluster.
fn prepare(tidegate: &Path, config: &Path, folder: &Path, word: &str) -> anyhow::Result<()> {
    let mut command = Command::new(tidegate);
    command.args([word, "--config"]).arg(config).current_dir(folder);
    let output = command.output().with_context(|| tidegate.display().to_string())?;
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "tidegate {word}: {}: {said}", output.status);
    Ok(())
}
