//! The scenarios, and what they share.

mod dm;
mod endure;
mod group;
mod idle;
mod smoke;
pub mod verify;

use std::time::Duration;

use client::ServerUrl;
use proto::UserId;

use crate::arguments::{Common, Load, Scenario};
use crate::clock::{Clock, Nanos};
use crate::course::Course;
use crate::engine::{Engine, Plan, Ramp};
use crate::figures::{Figures, Unit};
use crate::open_files;
use crate::progress::{Progress, Verbosity};
use crate::server_process::Watched;
use crate::tokens::Tokens;
use crate::traffic::{self, Order, Outcome, Traffic};
use crate::verdict::Verdict;
use crate::wire::outgoing::Builder;

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
    match scenario {
        Scenario::Idle(idle) => idle::run(&context, idle),
        Scenario::Dm(dm) => dm::run(&context, dm),
        Scenario::Group(group) => group::run(&context, group),
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
    tokens: Tokens,
    server: Watched,
    /// This run's mark, 24 bits.
    run: u32,
    started_ms: u64,
}

impl Context {
    fn new(common: &Common) -> anyhow::Result<Self> {
        Ok(Self {
            url: ServerUrl::parse(&common.url)?,
            tokens: Tokens::read(&common.tokens)?,
            server: Watched::new(&common.server)?,
            run: rand::random::<u32>() >> 8,
            started_ms: lifecycle::wall_clock_ms(),
            common: common.clone(),
        })
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

    fn engine(&self, text_bytes: usize) -> anyhow::Result<Engine> {
        let encoding = self.common.encoding.into();
        Engine::new(Clock::start(), encoding, Builder::new(encoding, self.run, self.started_ms, text_bytes))
    }

    fn plan(&self, users: &[UserId]) -> anyhow::Result<Plan> {
        // Besides sockets, a few files are open.
        open_files::allow(users.len() + 64)?;
        Ok(Plan {
            url: self.url.clone(),
            users: users.to_vec(),
            tokens: self.tokens.clone(),
            encoding: self.common.encoding.into(),
            opening_max: usize::from(self.common.opening),
            sockets_per_address: usize::from(self.common.sockets_per_address),
        })
    }

    /// Opens the connections of an order, sends its messages, and says goodbye.
    fn drive(
        &self,
        order: Order,
        text_bytes: usize,
        progress: &mut Progress,
    ) -> anyhow::Result<(Ramp, Outcome, u64)> {
        let mut engine = self.engine(text_bytes)?;
        let plan = self.plan(order.topology.users())?;
        let (mut traffic, pace) = Traffic::new(order);
        let ramp = open(&mut engine, &plan, &mut traffic, progress)?;
        let outcome = traffic::run(&mut engine, traffic, &pace, &self.server, progress)?;
        let closed = engine.tally().closed;
        engine.close();
        Ok((ramp, outcome, closed))
    }
}

fn open(
    engine: &mut Engine,
    plan: &Plan,
    listener: &mut impl crate::engine::Listener,
    progress: &mut Progress,
) -> anyhow::Result<Ramp> {
    let total = plan.users.len();
    progress.say(&format!("opening {total} connections"));
    let mut said = 0;
    let ramp = engine.open(plan, listener, |ready| {
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
