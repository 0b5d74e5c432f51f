//! The cluster under test with everything around it, and the hands that break and mend it.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use rustix::process::Signal;

use super::clock::FakeClock;
use super::fault::{Fault, Happened, Planned, Sockets};
use super::schedule::Targets;
use super::stand::Stand;
use crate::cluster::{Cluster, Links, Plan, Role};
use crate::programs::Programs;
use crate::proxy::{Front, Proxy, Route, Rule};
use crate::services::{Kind, redis};
use crate::stop::Stop;

/// The router whose clock is stepped.
const CLOCKED: &str = "router-2";

/// See the module.
#[derive(Debug)]
pub(super) struct World {
    // In the order in which they are dropped.
    front: Proxy,
    /// `None` once it has ended.
    cluster: Option<Cluster>,
    proxies: Proxies,
    stand: Stand,
    key_file: PathBuf,
    nodes: Vec<String>,
    clock: anyhow::Result<FakeClock>,
}

/// For each process and kind of service: one for each of its nodes.
type Proxies = HashMap<(String, Kind), Vec<Proxy>>;

impl World {
    /// Everything started and ready, with so many nodes of CQL.
    pub(super) fn start(programs: &Programs, scratch: &Path, cql_nodes: u8) -> anyhow::Result<Self> {
        let stand = Stand::start(scratch, cql_nodes)?;
        let plan = Plan { gateways: 2, routers: 2, apis: 1 };
        let mut proxies = Proxies::new();
        for name in plan.names() {
            for kind in Kind::ALL {
                proxies.insert((name.clone(), kind), in_front_of(&stand.addresses(kind)?)?);
            }
        }
        let clock = FakeClock::in_folder(scratch);
        let links = |name: &str| -> anyhow::Result<Links> {
            let addresses = |kind: Kind| match proxies.get(&(name.to_owned(), kind)) {
                Some(proxies) => Ok(proxies.iter().map(Proxy::address).collect()),
                None => stand.addresses(kind),
            };
            let url = |kind: Kind| -> anyhow::Result<String> {
                let address = addresses(kind)?.into_iter().next().context("no address")?;
                Ok(format!("{}://{address}", kind.scheme()))
            };
            let cql = addresses(Kind::Cql)?.iter().map(ToString::to_string).collect();
            let clocked = clock.as_ref().ok().filter(|_| name == CLOCKED);
            let environment = clocked.map(FakeClock::environment).unwrap_or_default();
            Ok(Links { nats: url(Kind::Nats)?, redis: url(Kind::Redis)?, cql, environment })
        };
        let folder = scratch.join("cluster");
        std::fs::create_dir_all(&folder)?;
        let cluster = Cluster::start(programs, &folder, &plan, &links)?;
        let front = Front::new(cluster.public(Role::Gateway), cluster.public(Role::Api));
        let front = Proxy::start(SocketAddr::from(([127, 0, 0, 1], 0)), Route::Front(front))?;
        let key_file = cluster.key_file().to_owned();
        Ok(Self { front, cluster: Some(cluster), proxies, stand, key_file, nodes: plan.names(), clock })
    }

    pub(super) fn front(&self) -> SocketAddr {
        self.front.address()
    }

    pub(super) fn key_file(&self) -> &Path {
        &self.key_file
    }

    /// What can be broken.
    pub(super) fn targets(&self) -> Targets {
        Targets(self.nodes.iter().cloned().chain(self.stand.node_names()).collect())
    }

    /// Whether a node of CQL can be away while the others go on.
    pub(super) fn has_several_nodes(&self) -> bool {
        !self.stand.node_names().is_empty()
    }

    /// Whether the clock of a router can be stepped.
    pub(super) fn has_clock(&self) -> bool {
        self.clock.is_ok()
    }

    /// What could not be done here.
    pub(super) fn remarks(&self) -> Vec<String> {
        self.clock
            .as_ref()
            .err()
            .map(|error| format!("no clock was stepped: {error:#}"))
            .into_iter()
            .collect()
    }

    /// Breaks something, waits, and mends it.
    pub(super) fn suffer(&mut self, planned: Planned, stop: &mut Stop) -> anyhow::Result<Happened> {
        let fault = planned.to_string();
        let from_unix_ms = unix_ms();
        self.suffer_one(&planned.fault, planned.lasts, stop).with_context(|| fault.clone())?;
        Ok(Happened {
            sort: planned.sort,
            fault,
            from_unix_ms,
            until_unix_ms: unix_ms(),
            sends_disturbed_ms: 0,
            send_worst_ms: 0,
            deliveries_disturbed_ms: 0,
            delivery_worst_ms: 0,
            silence_ms: 0,
            reads_again: 0,
            sockets: Sockets::default(),
        })
    }

    fn suffer_one(&mut self, fault: &Fault, lasts: Duration, stop: &mut Stop) -> anyhow::Result<()> {
        match fault {
            Fault::Kill(name) => self.kill(name, lasts, stop)?,
            Fault::Pause(name) => self.pause(name, lasts, stop)?,
            Fault::Stop(kind) => {
                self.stand.kill(*kind)?;
                stop.sleep(lasts)?;
                self.stand.up().with_context(|| format!("{kind} did not start again"))?;
            }
            Fault::Flush => redis::flush(&self.stand.url(Kind::Redis)?)?,
            Fault::Cut(name, kind) => self.rule(name, *kind, Rule::Cut, lasts, stop)?,
            Fault::Hold(name, kind) => self.rule(name, *kind, Rule::Hold, lasts, stop)?,
            Fault::Delay(name, kind, late) => {
                self.rule(name, *kind, Rule::Delay(*late), lasts, stop)?;
            }
            Fault::Disconnect => {
                self.front.rule(Rule::Cut);
                self.front.rule(Rule::Through);
            }
            Fault::ClockStep(by) => {
                if let Ok(clock) = &self.clock {
                    clock.step(*by)?;
                    stop.sleep(lasts)?;
                    clock.step(0)?;
                }
            }
        }
        Ok(())
    }

    fn kill(&mut self, name: &str, lasts: Duration, stop: &mut Stop) -> anyhow::Result<()> {
        if let Some(process) = self.stand.node(name)? {
            process.kill();
            stop.sleep(lasts)?;
            return self.stand.up();
        }
        let node = self.cluster()?.node(name)?;
        node.kill();
        stop.sleep(lasts)?;
        node.start()?;
        node.wait_until_ready()
    }

    fn pause(&mut self, name: &str, lasts: Duration, stop: &mut Stop) -> anyhow::Result<()> {
        if let Some(process) = self.stand.node(name)? {
            process.signal(Signal::STOP);
            stop.sleep(lasts)?;
            process.signal(Signal::CONT);
            return Ok(());
        }
        let node = self.cluster()?.node(name)?;
        node.signal(Signal::STOP);
        stop.sleep(lasts)?;
        node.signal(Signal::CONT);
        Ok(())
    }

    fn rule(
        &self,
        name: &str,
        kind: Kind,
        rule: Rule,
        lasts: Duration,
        stop: &mut Stop,
    ) -> anyhow::Result<()> {
        let proxies = self.proxies.get(&(name.to_owned(), kind)).context("no such link")?;
        proxies.iter().for_each(|proxy| proxy.rule(rule));
        stop.sleep(lasts)?;
        proxies.iter().for_each(|proxy| proxy.rule(Rule::Through));
        Ok(())
    }

    /// Starts again what ended by itself, as a supervisor would; says what that was.
    pub(super) fn revive_the_dead(&mut self) -> anyhow::Result<Vec<String>> {
        let mut deaths = Vec::new();
        while let Some(name) = self.cluster()?.first_dead() {
            let words = self.cluster()?.last_words(&name);
            println!("chaos: {name} ended by itself; its log:\n{words}");
            deaths.push(format!("{name} at {} ms: {}", unix_ms(), words.lines().last().unwrap_or_default()));
            let node = self.cluster()?.node(&name)?;
            node.start()?;
            node.wait_until_ready()?;
        }
        Ok(deaths)
    }

    /// Ends everything, in order.
    pub(super) fn end(mut self) {
        if let Some(cluster) = self.cluster.take() {
            cluster.end();
        }
    }

    fn cluster(&mut self) -> anyhow::Result<&mut Cluster> {
        self.cluster.as_mut().context("the cluster has ended")
    }
}

/// A proxy for each of several nodes, all at one port: drivers take the port of one that they know for those that they learn of.
fn in_front_of(nodes: &[SocketAddr]) -> anyhow::Result<Vec<Proxy>> {
    let mut port = 0;
    let mut proxies = Vec::with_capacity(nodes.len());
    for node in nodes {
        let proxy = Proxy::start(SocketAddr::new(node.ip(), port), Route::To(*node))?;
        port = proxy.address().port();
        proxies.push(proxy);
    }
    Ok(proxies)
}

fn unix_ms() -> u64 {
    std::time::UNIX_EPOCH.elapsed().map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
