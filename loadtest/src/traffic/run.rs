//! The loop: send what is due, hear what comes, fetch what stays missing, wait for the rest.

use std::time::Duration;

use proto::client_frame::Fetch;
use proto::{ClientFrame, Seq};

use super::{Pace, Traffic};
use crate::audit::Findings;
use crate::clock::{MILLISECOND, Nanos, SECOND};
use crate::course::{Counters, Course};
use crate::engine::Engine;
use crate::progress::{Progress, Sample};
use crate::sampler::Sampler;
use crate::schedule::Schedule;
use crate::server_process::{Usage, Watched};

/// Between two looks at what stays missing.
const LOOK: Nanos = SECOND / 2;
/// Sends between two looks at the sockets, when many are due at once.
const BURST: u64 = 64;
/// Connections that fetch in one look, so that a server in trouble is not buried.
const FETCHES_PER_LOOK: usize = 500;

/// What a run of messages gave.
#[derive(Debug)]
pub struct Outcome {
    /// The state at the end, with its latencies.
    pub traffic: Traffic,
    /// The verdict.
    pub findings: Findings,
    /// Messages that count, as planned.
    pub measured: u64,
    /// Seconds in which they were due.
    pub seconds: f64,
    /// Messages that could not even wait for their socket.
    pub unsent: u64,
    /// What the server used while they were due, and until the rest came.
    pub server: Option<Usage>,
    /// What this process used in the same time.
    pub generator: Usage,
    /// Seconds in which it was used.
    pub used_seconds: f64,
}

struct Samplers {
    server: Sampler,
    generator: Sampler,
}

struct Watch<'a> {
    server: &'a Watched,
    at: Nanos,
    before: (Option<Usage>, Usage),
}

/// Sends all messages of the schedule and waits for what becomes of them.
pub fn run(
    engine: &mut Engine,
    mut traffic: Traffic,
    pace: &Pace,
    server: &Watched,
    progress: &mut Progress,
) -> anyhow::Result<Outcome> {
    let clock = engine.clock();
    let schedule = traffic.begin(clock.now() + 10 * MILLISECOND, pace);
    traffic.course = Course::begin(clock.now());
    let samplers = Samplers {
        server: Sampler::start(server.clone(), clock)?,
        generator: Sampler::start(Watched::this_process(), clock)?,
    };
    let mut watch = None;
    let (mut next, mut unsent, mut look) = (0, 0, clock.now());
    let mut sent_before = false;
    while next < schedule.total() && !engine.is_deserted() {
        if watch.is_none() && schedule.is_measured(next) {
            watch = Some(Watch::begin(server, clock.now())?);
        }
        let due = schedule.due_by(clock.now()).min(next + BURST);
        let burst = due.saturating_sub(next);
        while next < due {
            unsent += u64::from(!traffic.send(engine, &schedule, next));
            next += 1;
        }
        let behind = schedule.due_by(clock.now()) > next;
        let wait = if behind { 0 } else { schedule.due(next).saturating_sub(clock.now()) };
        engine.turn(Duration::from_nanos(wait.min(100 * MILLISECOND)), &mut traffic)?;
        sent_before |= burst > 0;
        tick(engine, &mut traffic, &mut look, &samplers, sent_before.then_some(&mut *progress))?;
    }
    progress.say(if engine.is_deserted() { "the server is gone" } else { "all sent, waiting for the rest" });
    let until = clock.now() + pace.grace;
    while clock.now() < until && !traffic.audit.is_settled() && !engine.is_deserted() {
        let pause = clock.now() + 20 * MILLISECOND;
        while clock.now() < pause {
            engine.turn(Duration::from_millis(20), &mut traffic)?;
        }
        tick(engine, &mut traffic, &mut look, &samplers, Some(&mut *progress))?;
    }
    traffic.course.turn_over(clock.now(), traffic.counters(engine));
    traffic.course.server = samplers.server.readings();
    traffic.course.generator = samplers.generator.readings();
    let watch = match watch {
        Some(watch) => watch,
        None => Watch::begin(server, clock.now())?,
    };
    watch.end(engine, traffic, &schedule, unsent)
}

fn tick(
    engine: &mut Engine,
    traffic: &mut Traffic,
    look: &mut Nanos,
    samplers: &Samplers,
    progress: Option<&mut Progress>,
) -> anyhow::Result<()> {
    let now = engine.clock().now();
    if now.saturating_sub(*look) >= LOOK {
        *look = now;
        traffic.heal(engine);
        if let Some(journal) = &mut traffic.journal {
            journal.flush()?;
        }
    }
    if traffic.course.is_due(now) {
        let counters = traffic.counters(engine);
        traffic.course.turn_over(now, counters);
    }
    if let Some(progress) = progress.filter(|progress| progress.is_due(now)) {
        progress.show(now, traffic.sample(engine, samplers));
    }
    traffic.failure.take().map_or(Ok(()), Err)
}

impl Traffic {
    /// `false`: it could not even wait for its socket.
    fn send(&mut self, engine: &mut Engine, schedule: &Schedule, number: u64) -> bool {
        let sent = engine.send(self.topology.sender(number), number, self.topology.to(number));
        self.audit.sent();
        if schedule.is_measured(number) {
            self.course.left(engine.clock().now().saturating_sub(schedule.due(number)));
        }
        sent
    }

    fn heal(&mut self, engine: &mut Engine) {
        for (who, conversation, gap) in self.stuck().into_iter().take(FETCHES_PER_LOOK) {
            let fetch = Fetch { conversation, from: Seq(gap), to: Seq::ZERO, limit: 0, backwards: false };
            self.aside.fetches += u64::from(engine.send_frame(who, &ClientFrame::Fetch(fetch)));
        }
    }

    fn counters(&self, engine: &Engine) -> Counters {
        Counters {
            sent: self.audit.sent_count(),
            settled: self.audit.settled_count(),
            delivered: self.audit.delivery_count(),
            refused: self.aside.refusals.values().sum(),
            connections: engine.open_count(),
        }
    }

    fn sample(&self, engine: &Engine, samplers: &Samplers) -> Sample {
        let last = self.course.steps.iter().rev().find(|step| step.delivery.count() > 0);
        let quantile = |quantile| last.map_or(0.0, |step| step.delivery.quantile_seconds(quantile));
        Sample {
            planned: self.schedule.map_or(0, |schedule| schedule.total()),
            sent: self.audit.sent_count(),
            settled: self.audit.settled_count(),
            delivered: self.audit.delivery_count(),
            refused: self.aside.refusals.values().sum(),
            closed: engine.tally().closed,
            delivery_p50: quantile(0.5),
            delivery_p99: quantile(0.99),
            server: samplers.server.latest(),
        }
    }
}

impl<'a> Watch<'a> {
    fn begin(server: &'a Watched, at: Nanos) -> anyhow::Result<Self> {
        let generator = Watched::this_process().usage()?.unwrap_or_default();
        // A server that is gone is the audit's finding, not a reason to stop here.
        Ok(Self { server, at, before: (server.usage().ok().flatten(), generator) })
    }

    fn end(
        self,
        engine: &Engine,
        mut traffic: Traffic,
        schedule: &Schedule,
        unsent: u64,
    ) -> anyhow::Result<Outcome> {
        let generator = Watched::this_process().usage()?.unwrap_or_default();
        let server = match (self.before.0, self.server.usage().ok().flatten()) {
            (Some(before), Some(after)) => Some(after.since(&before)),
            _ => None,
        };
        if let Some(journal) = &mut traffic.journal {
            journal.flush()?;
        }
        Ok(Outcome {
            findings: traffic.audit.findings(),
            measured: schedule.measured(),
            seconds: schedule.measured_seconds(),
            unsent,
            server,
            generator: generator.since(&self.before.1),
            used_seconds: (engine.clock().now() - self.at) as f64 / SECOND as f64,
            traffic,
        })
    }
}
