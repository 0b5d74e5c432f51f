//! How an order is carried out: by this process alone, by others that it leads, or as one of them.

use anyhow::Context as _;
use proto::UserId;

use super::{Context, Measured, Role, conclude, figures_of};
use crate::arguments::{DriverName, Load};
use crate::clock::{MILLISECOND, Nanos};
use crate::driver::Driver;
use crate::engine::{Engine, Listener, Places, Plan, Ramp};
use crate::parts::{self, Extras, Follower, Found};
use crate::progress::Progress;
use crate::traffic::{self, Activity, Nothing, Order, Outcome, Telling, Traffic};
use crate::{open_files, ports};

/// What became of an order.
#[derive(Debug)]
pub(super) struct Driven {
    pub ramp: Ramp,
    pub outcome: Outcome,
    /// Sockets that the server closed.
    pub closed: u64,
    /// Sockets that could not be opened.
    pub failed: u64,
    /// Why, for example.
    pub reasons: Vec<String>,
    /// Refusals of openings, each of which was repeated.
    pub openings_refused: u64,
    /// What the scenario counts besides.
    pub extras: Extras,
    /// By how much the clocks of other machines may be wrong, seconds.
    pub clock_error: Option<f64>,
}

impl Driven {
    /// Figures and verdict of a scenario that is only an order.
    pub fn measured(self, name: &'static str, load: &Load) -> Measured {
        let mut figures = figures_of(name, &self);
        let verdict = conclude(&mut figures, name, &self.outcome, load, self.closed);
        Measured { figures, verdict, courses: vec![(name, self.outcome.traffic.course)], steps: None }
    }

    /// For the lead. The course stays here: a part has nobody to show it to.
    fn found(&mut self) -> Found {
        let traffic = &mut self.outcome.traffic;
        let (faults, book) = traffic.audit().to_bytes();
        Found {
            ramp: self.ramp.clone(),
            course: std::mem::take(&mut traffic.course),
            aside: traffic.aside.clone(),
            last_micros: traffic.last_micros(),
            faults,
            book,
            generator: self.outcome.generator,
            used_seconds: self.outcome.used_seconds,
            unsent: self.outcome.unsent,
            closed: self.closed,
            failed: self.failed,
            reasons: self.reasons.clone(),
            openings_refused: self.openings_refused,
            extras: self.extras.clone(),
        }
    }
}

/// Something that happens beside messages and counts what happened.
pub(super) trait Counting: Activity {
    /// What it counted.
    fn extras(&self) -> Extras;
}

impl Counting for Nothing {
    fn extras(&self) -> Extras {
        Extras::default()
    }
}

impl Context {
    /// Opens the connections of an order, sends its messages, and says goodbye.
    pub(super) fn drive(&self, order: Order, load: &Load, progress: &mut Progress) -> anyhow::Result<Driven> {
        self.drive_with(order, (load, 0), progress, |_, _, _| Ok(Nothing))
    }

    /// The same beside an activity, which may open so many connections `more`. It is made when all connections are ready,
    /// and is told when the first message is due.
    pub(super) fn drive_with<A: Counting>(
        &self,
        order: Order,
        (load, more): (&Load, usize),
        progress: &mut Progress,
        activity: impl FnOnce(&mut Engine, &Traffic, Nanos) -> anyhow::Result<A>,
    ) -> anyhow::Result<Driven> {
        let follower = match &self.role {
            Role::Lead(team) => {
                let mut team = team.borrow_mut();
                let (outcome, rest) = parts::perform(&mut team, order, &self.server, progress)?;
                let Found { ramp, closed, failed, reasons, openings_refused, extras, .. } = rest;
                let clock_error = team.clock_error();
                return Ok(Driven {
                    ramp,
                    outcome,
                    closed,
                    failed,
                    reasons,
                    openings_refused,
                    extras,
                    clock_error,
                });
            }
            Role::Alone => None,
            Role::Part(follower) => {
                follower.wait_open()?;
                Some(follower)
            }
        };
        let mine = self.share().mine(order.topology.users().len());
        let topology = order.topology.with_mine(mine);
        let echoes = self.common.driver == DriverName::Centrifugo;
        let order = Order { topology, echoes, ..order };
        let driver = self.driver(usize::from(load.text_bytes), order.topology.common_group());
        let mut engine = self.engine(driver, order.topology.users().len(), more)?;
        let mut driven = self.carry_out(&mut engine, order, (progress, follower), activity)?;
        if let Some(follower) = follower {
            follower.hand_over(driven.found())?;
        }
        Ok(driven)
    }

    fn carry_out<A: Counting>(
        &self,
        engine: &mut Engine,
        order: Order,
        (progress, follower): (&mut Progress, Option<&Follower>),
        activity: impl FnOnce(&mut Engine, &Traffic, Nanos) -> anyhow::Result<A>,
    ) -> anyhow::Result<Driven> {
        let users = order.topology.users()[order.topology.mine()].to_vec();
        let mut traffic = Traffic::new(order);
        let ramp = open(engine, &users, &mut traffic, (progress, follower))?;
        let start = match follower {
            Some(follower) => follower.wait_start(engine, &mut traffic)?,
            None => engine.clock().now() + 10 * MILLISECOND,
        };
        traffic.start_at(start);
        let mut activity = activity(engine, &traffic, start)?;
        let telling = Telling { progress, follower };
        let outcome = traffic::run(engine, traffic, &self.server, telling, &mut activity)?;
        let tally = engine.tally();
        engine.close();
        Ok(Driven {
            ramp,
            outcome,
            closed: tally.closed,
            failed: tally.failed,
            reasons: engine.reasons().to_vec(),
            openings_refused: tally.openings_refused,
            extras: activity.extras(),
            clock_error: None,
        })
    }

    /// For this process's share of so many connections, and of so many more.
    pub(super) fn engine(
        &self,
        driver: Box<dyn Driver>,
        connections: usize,
        more: usize,
    ) -> anyhow::Result<Engine> {
        let (own, later) = (self.share().mine(connections), self.share().mine(more));
        // Besides sockets, a few files are open.
        open_files::allow(own.len() + later.len() + 64).context("more --processes need fewer each")?;
        ports::check(&self.sources, own.len() + later.len())?;
        let plan = Plan {
            opening_max: usize::from(self.common.opening),
            sockets_per_address: usize::from(self.common.sockets_per_address),
            connections: connections + more,
            places: Places { own, more: connections + later.start },
            sources: self.sources.clone(),
            trust: self.trust.clone(),
        };
        Engine::new(self.clock, driver, plan)
    }
}

/// Opens connections and says how far it is.
pub(super) fn open(
    engine: &mut Engine,
    users: &[UserId],
    listener: &mut impl Listener,
    (progress, follower): (&mut Progress, Option<&Follower>),
) -> anyhow::Result<Ramp> {
    let total = users.len();
    progress.say(&format!("opening {total} connections"));
    let mut said = 0;
    let ramp = engine.open(users, listener, |ready| {
        if ready / 1000 > said {
            said = ready / 1000;
            progress.say(&format!("{ready} of {total} connections are ready"));
        }
        follower.map_or(Ok(()), |follower| follower.opening(ready as u64))
    })?;
    progress.say(&format!("{total} connections are ready after {:.1} s", ramp.seconds));
    Ok(ramp)
}
