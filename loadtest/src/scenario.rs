//! The scenarios, and what they share.

mod dm;
mod drive;
mod endure;
mod group;
mod idle;
mod mixed;
mod overload;
mod reconnect;
mod slow;
mod smoke;
mod soak;
mod storm;
mod sync;
pub mod verify;

use std::cell::RefCell;
use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::{Context as _, bail};
use client::ServerUrl;
use client::tls::Trust;

use crate::arguments::{Common, DriverName, Load, Scenario};
use crate::audit::Findings;
use crate::clock::{Clock, Nanos};
use crate::course::Course;
use crate::driver::{Centrifugo, Driver, Raw, Terms, Tidegate};
use crate::figures::{Figures, Unit};
use crate::parts::{Assignment, Follower, Share, Team, Terms as PartTerms};
use crate::progress::{Progress, Verbosity};
use crate::server_process::Watched;
use crate::tokens::Tokens;
use crate::traffic::Outcome;
use crate::verdict::Verdict;
use drive::Driven;

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
    if common.driver != DriverName::Tidegate && !scenario.suits_any_server() {
        bail!(
            "--driver {}: this scenario needs what only Tidegate does; idle, storm, dm, group and overload do not",
            common.driver.name()
        );
    }
    let mut context = Context::new(common)?;
    if common.processes > 1 || common.machines.is_some() {
        if !scenario.suits_many_processes() {
            bail!(
                "sync, endure and verify are for one process, and overload until --peak is given; all others can be shared"
            );
        }
        context.lead(scenario)?;
    }
    run_in(&context, scenario)
}

/// Does what a part was assigned; what it found, it hands over.
pub fn run_part(assignment: Assignment, follower: Follower, common: &Common) -> anyhow::Result<()> {
    let scenario = assignment.scenario.clone();
    let context = Context::of_part(assignment, follower, common)?;
    run_in(&context, &scenario).map(|_| ())
}

fn run_in(context: &Context, scenario: &Scenario) -> Result {
    match scenario {
        Scenario::Idle(idle) => idle::run(context, idle),
        Scenario::Storm(storm) => storm::run(context, storm),
        Scenario::Dm(dm) => dm::run(context, dm),
        Scenario::Group(group) => group::run(context, group),
        Scenario::Overload(overload) => overload::run(context, overload),
        Scenario::Mixed(mixed) => mixed::run(context, mixed),
        Scenario::Soak(mixed) => soak::run(context, mixed),
        Scenario::Reconnect(reconnect) => reconnect::run(context, reconnect),
        Scenario::Slow(slow) => slow::run(context, slow),
        Scenario::Sync(sync) => sync::run(context, sync),
        Scenario::Endure(endure) => endure::run(context, endure),
        Scenario::Smoke => smoke::run(context),
        Scenario::Verify(verify) => verify::run(context, verify),
    }
}

/// What all scenarios need.
#[derive(Debug)]
pub struct Context {
    common: Common,
    urls: Vec<ServerUrl>,
    /// Whom to believe to be the server; `None` where nothing is encrypted.
    trust: Option<Trust>,
    /// `None` where nobody asks for any.
    tokens: Option<Tokens>,
    server: Watched,
    /// This run's mark, 24 bits.
    run: u32,
    started_ms: u64,
    clock: Clock,
    /// Where connections come from; empty where the system chooses.
    sources: Vec<Ipv4Addr>,
    role: Role,
}

/// What this process does of a run.
#[derive(Debug)]
enum Role {
    /// All of it.
    Alone,
    /// It has others do it.
    Lead(RefCell<Team>),
    /// A part.
    Part(Follower),
}

impl Context {
    fn new(common: &Common) -> anyhow::Result<Self> {
        let parse = |url: &String| ServerUrl::parse(url).map(|url| common.driver.url(url));
        let urls = common.url.iter().map(parse).collect::<std::result::Result<Vec<_>, _>>()?;
        let api = common.api_url.as_ref().map(|url| ServerUrl::parse(url)).transpose()?;
        let encrypted = urls.iter().chain(&api).any(|url| url.tls);
        let tokens = match common.driver {
            DriverName::Raw => None,
            DriverName::Tidegate | DriverName::Centrifugo => Some(Tokens::read(&common.tokens)?),
        };
        Ok(Self {
            urls,
            trust: if encrypted { Some(common.trust.trust()?) } else { None },
            tokens,
            server: Watched::new(&common.server)?,
            run: rand::random::<u32>() >> 8,
            started_ms: lifecycle::wall_clock_ms(),
            clock: Clock::start(),
            sources: common.source_addresses.as_ref().map(|all| all.of_part(0, 1)).unwrap_or_default(),
            common: common.clone(),
            role: Role::Alone,
        })
    }

    /// Starts the processes that do the work.
    fn lead(&mut self, scenario: &Scenario) -> anyhow::Result<()> {
        let (common, clock) = (&self.common, self.clock);
        let of = common.machines.as_ref().map_or(common.processes, |machines| machines.agents);
        let assignment = |share, zero| Assignment {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            share,
            run: self.run,
            started_ms: self.started_ms,
            zero,
            scenario: scenario.clone(),
            terms: PartTerms {
                urls: common.url.clone(),
                trust: common.trust.clone(),
                driver: common.driver,
                encoding: common.encoding,
                users: common.users.clone(),
                opening: (common.opening / of).max(1),
                sockets_per_address: common.sockets_per_address,
                source_addresses: common.source_addresses.clone(),
            },
        };
        let team = match &common.machines {
            Some(machines) => Team::of_machines(machines, clock, assignment)?,
            None => Team::of_processes(usize::from(of), &common.tokens, clock, assignment)?,
        };
        self.role = Role::Lead(RefCell::new(team));
        Ok(())
    }

    fn of_part(assignment: Assignment, follower: Follower, common: &Common) -> anyhow::Result<Self> {
        let terms = assignment.terms;
        let common = Common {
            url: terms.urls,
            trust: terms.trust,
            driver: terms.driver,
            encoding: terms.encoding,
            users: terms.users,
            opening: terms.opening,
            sockets_per_address: terms.sockets_per_address,
            quiet: true,
            ..common.clone()
        };
        let share = follower.share;
        let theirs = terms.source_addresses.map(|all| all.of_part(share.number, share.of));
        let (run, started_ms) = (assignment.run, assignment.started_ms);
        let clock = follower.clock;
        let mut context = Self::new(&common)?;
        // Those of another machine's command line are worth less than those of this one's.
        if let (Some(theirs), None) = (theirs, &common.source_addresses) {
            context.sources = theirs;
        }
        Ok(Self { run, started_ms, clock, role: Role::Part(follower), ..context })
    }

    /// Whether this process is one of many.
    fn is_part(&self) -> bool {
        matches!(self.role, Role::Part(_))
    }

    /// Whether others do the work.
    fn leads(&self) -> bool {
        matches!(self.role, Role::Lead(_))
    }

    /// Which part of the connections is this process's.
    fn share(&self) -> Share {
        match &self.role {
            Role::Part(follower) => follower.share,
            Role::Alone | Role::Lead(_) => Share::WHOLE,
        }
    }

    /// The first server.
    fn first_url(&self) -> &str {
        self.common.url.first().map(String::as_str).unwrap_or_default()
    }

    /// Where requests of HTTP go.
    fn api_url(&self) -> &str {
        self.common.api_url.as_deref().unwrap_or_else(|| self.first_url())
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
            urls: self.urls.clone(),
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
}

fn nanos(duration: Duration) -> Nanos {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Figures that `dm` and `group` share.
fn figures_of(name: &str, driven: &Driven) -> Figures {
    let mut figures = Figures::of(name);
    let Driven { ramp, outcome, closed, openings_refused, .. } = driven;
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
    figures.count("fetches_refused", traffic.aside.fetches_refused);
    figures.count("openings_refused", *openings_refused);
    figures.count("alarms", traffic.aside.alarms);
    figures.count("unsent", outcome.unsent);
    figures.count("sockets_closed", *closed);
    if let Some(error) = driven.clock_error {
        figures.add("clock_error", error, Unit::Seconds);
    }
    for (code, count) in &traffic.aside.refusals {
        figures.count(&format!("refusals.{code}"), *count);
    }
    // What was acknowledged has been worked on in full; at a rate that is not kept, the rest has not.
    let acked = traffic.course.ack().count().max(1) as f64;
    let deliveries = traffic.course.delivery().count().max(1) as f64;
    if let Some(server) = &outcome.server {
        figures.usage("server", server, acked, outcome.used_seconds);
        figures.add("server.cpu_per_delivery", server.cpu_seconds / deliveries, Unit::Seconds);
        figures.add("server.anonymous_bytes", server.anonymous_bytes as f64, Unit::Bytes);
    }
    figures.usage("generator", &outcome.generator, acked, outcome.used_seconds);
    figures.add("generator.user_per_delivery", outcome.generator.user_seconds / deliveries, Unit::Seconds);
    figures.latencies("lateness", traffic.course.lateness());
    figures
}

/// Judges a run, and adds its latencies if it kept its schedule.
fn conclude(figures: &mut Figures, name: &str, outcome: &Outcome, load: &Load, closed: u64) -> Verdict {
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
        if let Some(last) = &outcome.last {
            figures.latencies("last", last);
        }
        Verdict::Good
    };
    verdict.and(faults_of(name, &outcome.findings, closed))
}

/// What the audit found, with the sockets that the server closed.
fn faults_of(name: &str, findings: &Findings, closed: u64) -> Verdict {
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
    if found.is_empty() { Verdict::Good } else { Verdict::Faults(found) }
}
