//! What the cluster under test stands on: NATS, Redis and the nodes of CQL, all processes of this run.
//!
//! The first node of CQL is a service as anywhere; further ones join it on loopback addresses of their own, with the same
//! ports, and are known by the names of [`Stand::node_names`].

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, ensure};

use crate::services::{
    Installing, Kind, Origin, Recipe, Running, Services, Settings, Starter, Terms, address_of,
    cassandra_like, wait,
};

/// Enough for a Cassandra that must not be the bottleneck; of several, each gets less.
const HEAP_MIB: u32 = 768;
const HEAP_OF_SEVERAL_MIB: u32 = 512;
/// The longest that a node may take to join, beside others that do the same.
const JOIN_MAX: Duration = Duration::from_secs(180);
/// The longest that a node may take to end by itself.
const END_MAX: Duration = Duration::from_secs(3);

/// See the module. Dropping it ends all.
#[derive(Debug)]
pub(super) struct Stand {
    services: Services,
    terms: Terms,
    joined: Vec<Joined>,
}

/// A node of CQL besides the first.
#[derive(Debug)]
struct Joined {
    address: SocketAddr,
    recipe: Recipe,
    running: Running,
}

impl Stand {
    /// Everything started and ready, with so many nodes of CQL.
    pub(super) fn start(scratch: &Path, nodes: u8) -> anyhow::Result<Self> {
        let several = nodes > 1;
        let mut cassandra = Settings::new();
        if several {
            // Only Cassandra is asked to run on addresses like these.
            cassandra.insert("cluster_name", "tidegate-chaos".to_owned());
        }
        let terms = Terms {
            starter: Starter::Test,
            installing: Installing::WhereAllowed,
            origin: Origin::OwnProcesses,
            heap_mib: if several { HEAP_OF_SEVERAL_MIB } else { HEAP_MIB },
            cassandra,
            ..Terms::of_a_person()
        };
        let services = Services::in_folder(&scratch.join("services"))?;
        let mut stand = Self { services, terms, joined: Vec::new() };
        stand.up()?;
        for number in 2..=nodes {
            println!("chaos: starting node {number} of {nodes}");
            stand.join(number, scratch)?;
        }
        Ok(stand)
    }

    /// Where one is.
    pub(super) fn url(&self, kind: Kind) -> anyhow::Result<String> {
        self.services.url(kind)
    }

    /// Where all of a kind are.
    pub(super) fn addresses(&self, kind: Kind) -> anyhow::Result<Vec<SocketAddr>> {
        let mut addresses = vec![address_of(kind, &self.services.url(kind)?)?];
        if kind == Kind::Cql {
            addresses.extend(self.joined.iter().map(|node| node.address));
        }
        Ok(addresses)
    }

    /// The names of the nodes of CQL, where one may be away while the others go on.
    pub(super) fn node_names(&self) -> Vec<String> {
        let nodes = if self.joined.is_empty() { 0 } else { self.joined.len() + 1 };
        (1..=nodes).map(|number| format!("cql-{number}")).collect()
    }

    /// The process of a node, if that is what the name says.
    pub(super) fn node(&self, name: &str) -> anyhow::Result<Option<Running>> {
        match self.node_names().iter().position(|node| node == name) {
            None => Ok(None),
            Some(0) => self.services.process(Kind::Cql).map(Some),
            Some(at) => Ok(self.joined.get(at - 1).map(|node| node.running.clone())),
        }
    }

    /// SIGKILL of all of a kind.
    pub(super) fn kill(&self, kind: Kind) -> anyhow::Result<()> {
        self.services.process(kind)?.kill();
        if kind == Kind::Cql {
            self.joined.iter().for_each(|node| node.running.kill());
        }
        Ok(())
    }

    /// Starts again what has died, on its data.
    pub(super) fn up(&mut self) -> anyhow::Result<()> {
        let failures = self.services.up(&self.terms)?;
        let words: Vec<String> = failures.iter().map(ToString::to_string).collect();
        ensure!(words.is_empty(), words.join("\n"));
        for node in &mut self.joined {
            if !node.running.is_alive() {
                node.running = node.recipe.start()?;
                wait_for(node)?;
            }
        }
        Ok(())
    }

    fn join(&mut self, number: u8, scratch: &Path) -> anyhow::Result<()> {
        let mut address = address_of(Kind::Cql, &self.services.url(Kind::Cql)?)?;
        address.set_ip(IpAddr::from([127, 0, 0, number]));
        let ip = address.ip().to_string();
        let settings = Settings::from([
            ("listen_address", ip.clone()),
            ("rpc_address", ip),
            // There is nothing yet that it would have to fetch.
            ("auto_bootstrap", "false".to_owned()),
        ]);
        let first = self.services.recipe(Kind::Cql)?;
        let folder = scratch.join("services").join(format!("cql-{number}"));
        let recipe = cassandra_like(&first, &settings, folder)?;
        let running = recipe.start()?;
        self.joined.push(Joined { address, recipe, running });
        self.joined.last().map_or(Ok(()), wait_for)
    }
}

fn wait_for(node: &Joined) -> anyhow::Result<()> {
    let url = format!("{}://{}", Kind::Cql.scheme(), node.address);
    wait(Kind::Cql, &url, JOIN_MAX, || node.running.is_alive())
        .with_context(|| format!("a node of CQL; its log is {}", node.recipe.log().display()))
}

impl Drop for Stand {
    fn drop(&mut self) {
        self.joined.iter().for_each(|node| node.running.end(END_MAX));
        if let Err(error) = self.services.down(Starter::Person) {
            eprintln!("chaos: services were not ended: {error:#}");
        }
    }
}
