//! The scenarios, and what they share.

mod dm;
mod endure;
mod group;
mod idle;
mod mixed;
mod reconnect;
mod slow;
mod smoke;
mod soak;
mod storm;
pub mod verify;

use std::time::Duration;

use anyhow::{Context as _, bail};
use client::ServerUrl;
use proto::UserId;

use crate::arguments::{Common, DriverName, Load, Scenario};
use crate::clock::{Clock, Nanos};
use crate::course::Course;
use crate::driver::{Centrifugo, Driver, Raw, Terms, Tidegate};
use crate::engine::{Engine, Plan, Ramp};
use crate::figures::{Figures, Unit};
use crate::open_files;
use crate::progress::{Progress, Verbosity};
use crate::server_process::Watched;
use crate::tokens::Tokens;
use crate::topology::Topology;
use crate::traffic::{self, Activity, Nothing, Order, Outcome, Traffic};
use crate::verdict::Verdict;

/// What a scenario gives.
#[derive(Clone, Debug)]
pub struct Measured {
    /// Named figures.
    pub figures: Figures,
    /// How it ended.
    pub verdict: Verdict,
    /// What happened second by second, by the name of the scenario.
    pub courses: Vec<(&'static str, Course)>,
    /// The steps of a search.
    pub steps: Option<serde_json::Value>,
}

impl Measured {
    /// Of two scenarios, one after the other.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.figures.append(other.figures);
        self.courses.extend(other.courses);
        self.verdict = self.verdict.and(other.verdict);
        self
    }
}

/// What a scenario gives, if it could be run.
pub type Result = anyhow::Result<Measured>;

/// Runs what the arguments say.
pub fn run(scenario: &Scenario, common: &Common) -> Result {
    let context = Context::new(common)?;
    if common.driver != DriverName::Tidegate && !scenario.suits_any_server() {
        bail!(
            "--driver {}: this scenario needs what only Tidegate does; idle, storm, dm and group do not",
            common.driver.name()
        );
    }
    match scenario {
        Scenario::Idle(idle) => idle::run(&context, idle),
        Scenario::Storm(storm) => storm::run(&context, storm),
        Scenario::Dm(dm) => dm::run(&context, dm),
        Scenario::Group(group) => group::run(&context, group),
        Scenario::Mixed(mixed) => mixed::run(&context, mixed),
        Scenario::Soak(mixed) => soak::run(&context, mixed),
        Scenario::Reconnect(reconnect) => reconnect::run(&context, reconnect),
        Scenario::Slow(slow) => slow::run(&context, slow),
        Scenario::Endure(endure) => endure::run(&context, endure),
        Scenario::Smoke => smoke::run(&context),
        Scenario::Verify(verify) => verify::run(&context, verify),
    }
}

/// What all scenarios need.
#[derive(Debug)]
pub struct Context {
    common: Common,
    url: ServerUrl,
    /// `None` where nobody asks for any.
    tokens: Option<Tokens>,
    server: Watched,
    /// This run's mark, 24 bits.
    run: u32,
    started_ms: u64,
    clock: Clock,
}

impl Context {
    fn new(common: &Common) -> anyhow::Result<Self> {
        let url = ServerUrl::parse(&common.url)?;
        let tokens = match common.driver {
            DriverName::Raw => None,
            DriverName::Tidegate | DriverName::Centrifugo => Some(Tokens::read(&common.tokens)?),
        };
        Ok(Self {
            url: common.driver.url(url),
            tokens,
            server: Watched::new(&common.server)?,
            run: rand::random::<u32>() >> 8,
            started_ms: lifecycle::wall_clock_ms(),
            clock: Clock::start(),
            common: common.clone(),
        })
    }

    fn tokens(&self) -> anyhow::Result<&Tokens> {
        self.tokens.as_ref().context("tokens are needed, and this driver has none")
    }

    /// Of this run's users, for one scenario.
    fn prefix(&self, scenario: &str) -> String {
        match &self.common.users {
            Some(prefix) => prefix.clone(),
            None => format!("lt-{scenario}-{:06x}", self.run),
        }
    }

    fn progress(&self, scenario: &'static str) -> Progress {
        let verbosity = if self.common.quiet { Verbosity::Quiet } else { Verbosity::of_terminal() };
        Progress::of(scenario, verbosity)
    }

    fn driver(&self, text_bytes: usize, group: Option<String>) -> Box<dyn Driver> {
        let terms = Terms {
            url: self.url.clone(),
            tokens: self.tokens.clone(),
            encoding: self.common.encoding.into(),
            run: self.run,
            started_ms: self.started_ms,
            text_bytes,
            group,
        };
        match self.common.driver {
            DriverName::Tidegate => Box::new(Tidegate::new(terms)),
            DriverName::Centrifugo => Box::new(Centrifugo::new(terms)),
            DriverName::Raw => Box::new(Raw::new(terms)),
        }
    }

    /// For so many connections.
    fn engine(&self, driver: Box<dyn Driver>, connections: usize) -> anyhow::Result<Engine> {
        // Besides sockets, a few files are open.
        open_files::allow(connections + 64)?;
        let plan = Plan {
            opening_max: usize::from(self.common.opening),
            sockets_per_address: usize::from(self.common.sockets_per_address),
            connections,
            first: 0,
        };
        Engine::new(self.clock, driver, plan)
    }

    /// Opens the connections of an order, sends its messages, and says goodbye.
    fn drive(&self, order: Order, load: &Load, progress: &mut Progress) -> anyhow::Result<Driven> {
        let mut engine = self.engine_for(&order, load, 0)?;
        self.drive_with(&mut engine, order, progress, |_, _| Ok(Nothing)).map(|(driven, _)| driven)
    }

    /// An engine for an order and `more` connections.
    fn engine_for(&self, order: &Order, load: &Load, more: usize) -> anyhow::Result<Engine> {
        let driver = self.driver(usize::from(load.text_bytes), order.topology.common_group());
        self.engine(driver, order.topology.users().len() + more)
    }

    /// The same beside an activity, which is made when all connections are ready.
    fn drive_with<A: Activity>(
        &self,
        engine: &mut Engine,
        mut order: Order,
        progress: &mut Progress,
        activity: impl FnOnce(&mut Engine, &Topology) -> anyhow::Result<A>,
    ) -> anyhow::Result<(Driven, A)> {
        order.echoes = self.common.driver == DriverName::Centrifugo;
        let mine = order.topology.mine();
        let users = order.topology.users()[mine].to_vec();
        let mut traffic = Traffic::new(order);
        let ramp = open(engine, &users, &mut traffic, progress)?;
        let mut activity = activity(engine, traffic.topology())?;
        let outcome = traffic::run(engine, traffic, &self.server, progress, &mut activity)?;
        let closed = engine.tally().closed;
        engine.close();
        Ok((Driven { ramp, outcome, closed }, activity))
    }
}

/// What became of an order.
#[derive(Debug)]
struct Driven {
    ramp: Ramp,
    outcome: Outcome,
    /// Sockets that the server closed.
    closed: u64,
}

impl Driven {
    /// Figures and verdict of a scenario that is only an order.
    fn measured(self, name: &'static str, load: &Load) -> Measured {
        let mut figures = figures_of(name, &self.ramp, &self.outcome, self.closed);
        let verdict = conclude(&mut figures, name, &self.outcome, load, self.closed);
        Measured { figures, verdict, courses: vec![(name, self.outcome.traffic.course)], steps: None }
    }
}

fn open(
    engine: &mut Engine,
    users: &[UserId],
    listener: &mut impl crate::engine::Listener,
    progress: &mut Progress,
) -> anyhow::Result<Ramp> {
    let total = users.len();
    progress.say(&format!("opening {total} connections"));
    let mut said = 0;
    let ramp = engine.open(users, listener, |ready| {
        if ready / 1000 > said {
            said = ready / 1000;
            progress.say(&format!("{ready} of {total} connections are ready"));
        }
    })?;
    progress.say(&format!("{total} connections are ready after {:.1} s", ramp.seconds));
    Ok(ramp)
}

fn nanos(duration: Duration) -> Nanos {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Figures that `dm` and `group` share.
fn figures_of(name: &str, ramp: &Ramp, outcome: &Outcome, closed: u64) -> Figures {
    let mut figures = Figures::of(name);
    let traffic = &outcome.traffic;
    figures.count("connections", ramp.ready.count());
    figures.add("ready.p99", ramp.ready.quantile_seconds(0.99), Unit::Seconds);
    figures.count("messages", outcome.measured);
    figures.add("rate.target", outcome.measured as f64 / outcome.seconds, Unit::PerSecond);
    figures.add("rate", traffic.course.ack().count() as f64 / outcome.seconds, Unit::PerSecond);
    figures.add("deliveries", traffic.course.delivery().count() as f64 / outcome.seconds, Unit::PerSecond);
    figures.findings(&outcome.findings);
    figures.count("healed", traffic.aside.healed);
    figures.count("fetches", traffic.aside.fetches);
    figures.count("alarms", traffic.aside.alarms);
    figures.count("unsent", outcome.unsent);
    figures.count("sockets_closed", closed);
    for (code, count) in &traffic.aside.refusals {
        figures.count(&format!("refusals.{code}"), *count);
    }
    // What was acknowledged has been worked on in full; at a rate that is not kept, the rest has not.
    let acked = traffic.course.ack().count().max(1) as f64;
    if let Some(server) = &outcome.server {
        figures.usage("server", server, acked, outcome.used_seconds);
        figures.add("server.anonymous_bytes", server.anonymous_bytes as f64, Unit::Bytes);
    }
    figures.usage("generator", &outcome.generator, acked, outcome.used_seconds);
    let deliveries = traffic.course.delivery().count().max(1) as f64;
    figures.add("generator.user_per_delivery", outcome.generator.user_seconds / deliveries, Unit::Seconds);
    figures.latencies("lateness", traffic.course.lateness());
    figures
}

/// Judges a run, and adds its latencies if it kept its schedule.
fn conclude(figures: &mut Figures, name: &str, outcome: &Outcome, load: &Load, closed: u64) -> Verdict {
    let findings = &outcome.findings;
    let late = outcome.traffic.course.lateness().quantile_seconds(0.99);
    let verdict = if late > load.lateness_max.as_secs_f64() {
        Verdict::Behind(format!("{name}: 1 % of messages left more than {:.1} ms late", late * 1e3))
    } else if outcome.unsent > 0 {
        Verdict::Behind(format!(
            "{name}: {} messages could not leave, the server did not read",
            outcome.unsent
        ))
    } else {
        figures.latencies("ack", outcome.traffic.course.ack());
        figures.latencies("delivery", outcome.traffic.course.delivery());
        Verdict::Good
    };
    let faults = [
        (findings.lost, "deliveries of acknowledged messages did not arrive"),
        (findings.duplicated, "messages arrived or were acknowledged twice"),
        (findings.reordered, "messages arrived behind a later one of the same conversation"),
        (findings.extra, "messages arrived that should not"),
        (closed, "sockets were closed by the server"),
    ];
    let found: Vec<String> = faults
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{name}: {count} {what}"))
        .collect();
    if found.is_empty() { verdict } else { verdict.and(Verdict::Faults(found)) }
}
