//! The cluster under test with everything around it, and the hands that break and mend it.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use rustix::process::Signal;

use super::clock::FakeClock;
use super::fault::{Fault, Happened, Planned};
use super::schedule::Targets;
use crate::cluster::{Cluster, Links, Plan, Role};
use crate::programs::Programs;
use crate::proxy::{Front, Proxy, Route, Rule};
use crate::services::{Installing, Kind, Origin, Services, Starter, Terms, address_of, redis};
use crate::stop::Stop;

/// The router whose clock is stepped.
const CLOCKED: &str = "router-2";
/// Enough for a Cassandra that must not be the bottleneck.
const HEAP_MIB: u32 = 768;

/// See the module.
#[derive(Debug)]
pub(super) struct World {
    // In the order in which they are dropped.
    front: Proxy,
    /// `None` once it has ended.
    cluster: Option<Cluster>,
    proxies: HashMap<(String, Kind), Proxy>,
    services: OwnServices,
    key_file: PathBuf,
    nodes: Vec<String>,
    clock: anyhow::Result<FakeClock>,
}

/// Services that end with this.
#[derive(Debug)]
struct OwnServices(Services);

fn terms() -> Terms {
    Terms {
        starter: Starter::Test,
        installing: Installing::WhereAllowed,
        origin: Origin::OwnProcesses,
        heap_mib: HEAP_MIB,
        ..Terms::of_a_person()
    }
}

impl World {
    /// Everything started and ready.
    pub(super) fn start(programs: &Programs, scratch: &Path) -> anyhow::Result<Self> {
        let own = OwnServices(Services::in_folder(&scratch.join("services"))?);
        let services = &own.0;
        let failures = services.up(&terms())?;
        let words: Vec<String> = failures.iter().map(ToString::to_string).collect();
        ensure!(words.is_empty(), words.join("\n"));
        let plan = Plan { gateways: 2, routers: 2, apis: 1 };
        let mut proxies = HashMap::new();
        for name in plan.names() {
            for kind in Kind::ALL {
                let address = address_of(kind, &services.url(kind)?)?;
                let proxy = Proxy::start(SocketAddr::from(([127, 0, 0, 1], 0)), Route::To(address))?;
                proxies.insert((name.clone(), kind), proxy);
            }
        }
        let clock = FakeClock::in_folder(scratch);
        let links = |name: &str| -> anyhow::Result<Links> {
            let url = |kind: Kind| match proxies.get(&(name.to_owned(), kind)) {
                Some(proxy) => Ok(format!("{}://{}", kind.scheme(), proxy.address())),
                None => services.url(kind),
            };
            let clocked = clock.as_ref().ok().filter(|_| name == CLOCKED);
            let environment = clocked.map(FakeClock::environment).unwrap_or_default();
            Ok(Links { nats: url(Kind::Nats)?, redis: url(Kind::Redis)?, cql: url(Kind::Cql)?, environment })
        };
        let folder = scratch.join("cluster");
        std::fs::create_dir_all(&folder)?;
        let cluster = Cluster::start(programs, &folder, &plan, &links)?;
        let front = Front::new(cluster.public(Role::Gateway), cluster.public(Role::Api));
        let front = Proxy::start(SocketAddr::from(([127, 0, 0, 1], 0)), Route::Front(front))?;
        let key_file = cluster.key_file().to_owned();
        Ok(Self {
            front,
            cluster: Some(cluster),
            proxies,
            services: own,
            key_file,
            nodes: plan.names(),
            clock,
        })
    }

    pub(super) fn front(&self) -> SocketAddr {
        self.front.address()
    }

    pub(super) fn key_file(&self) -> &Path {
        &self.key_file
    }

    /// What can be broken.
    pub(super) fn targets(&self) -> Targets {
        Targets(self.nodes.clone())
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
        })
    }

    fn suffer_one(&mut self, fault: &Fault, lasts: Duration, stop: &mut Stop) -> anyhow::Result<()> {
        match fault {
            Fault::Kill(name) => {
                let node = self.cluster()?.node(name)?;
                node.kill();
                stop.sleep(lasts)?;
                node.start()?;
                node.wait_until_ready()?;
            }
            Fault::Pause(name) => {
                let node = self.cluster()?.node(name)?;
                node.signal(Signal::STOP);
                stop.sleep(lasts)?;
                node.signal(Signal::CONT);
            }
            Fault::Stop(kind) => {
                self.services.0.process(*kind)?.kill();
                stop.sleep(lasts)?;
                let failures = self.services.0.up(&terms())?;
                ensure!(failures.is_empty(), "{kind} did not start again: {failures:?}");
            }
            Fault::Flush => redis::flush(&self.services.0.url(Kind::Redis)?)?,
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

    fn rule(
        &self,
        name: &str,
        kind: Kind,
        rule: Rule,
        lasts: Duration,
        stop: &mut Stop,
    ) -> anyhow::Result<()> {
        let proxy = self.proxies.get(&(name.to_owned(), kind)).context("no such link")?;
        proxy.rule(rule);
        stop.sleep(lasts)?;
        proxy.rule(Rule::Through);
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

impl Drop for OwnServices {
    fn drop(&mut self) {
        if let Err(error) = self.0.down(Starter::Person) {
            eprintln!("chaos: services were not ended: {error:#}");
        }
    }
}

fn unix_ms() -> u64 {
    std::time::UNIX_EPOCH.elapsed().map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
