//! The loop: send what is due, hear what comes, fetch what stays missing, wait for the rest.

use std::time::Duration;

use proto::client_frame::Fetch;
use proto::{ClientFrame, ConversationId, Seq};

use super::{Activity, Traffic};
use crate::audit::Findings;
use crate::clock::{MILLISECOND, Nanos, SECOND};
use crate::course::{Counters, Course};
use crate::engine::Engine;
use crate::latency::Latencies;
use crate::parts::{Follower, TICK_AT_THE_END, Tick};
use crate::progress::{Progress, Sample};
use crate::sampler::Sampler;
use crate::schedule::Schedule;
use crate::server_process::{Usage, Watched};

/// The longest wait for sockets: whatever else is due must not be late by more.
const TURN_MAX: Nanos = 5 * MILLISECOND;
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
    /// From due until the last recipient had it, where somebody asked.
    pub last: Option<Latencies>,
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

/// Who hears how a run goes: people, and where this process is one of many, its lead.
#[derive(Debug)]
pub struct Telling<'a> {
    /// For people.
    pub progress: &'a mut Progress,
    /// For the lead, who also says when it is over.
    pub follower: Option<&'a Follower>,
}

/// Sends all messages of the schedule and waits for what becomes of them.
pub fn run(
    engine: &mut Engine,
    mut traffic: Traffic,
    server: &Watched,
    mut telling: Telling<'_>,
    activity: &mut impl Activity,
) -> anyhow::Result<Outcome> {
    let clock = engine.clock();
    let start = traffic.pace.start.unwrap_or(clock.now() + 10 * MILLISECOND);
    let schedule = traffic.begin(start);
    traffic.course = Course::begin(start);
    let samplers = Samplers {
        server: Sampler::start(server.clone(), clock)?,
        generator: Sampler::start(Watched::this_process(), clock)?,
    };
    let mut watch = None;
    let (mut next, mut unsent, mut look) = (0, 0, clock.now());
    let patient = traffic.patient;
    while next < schedule.total() && (patient || !engine.is_deserted()) {
        if watch.is_none() && schedule.is_measured(next) {
            watch = Some(Watch::begin(server, clock.now())?);
        }
        let due = schedule.due_by(clock.now());
        let mut burst = 0;
        while next < due && burst < BURST {
            // What is withheld keeps nobody from looking at the sockets.
            if traffic.admits(&schedule, next) {
                unsent += u64::from(!traffic.send(engine, &schedule, next));
                burst += 1;
            }
            next += 1;
        }
        let behind = schedule.due_by(clock.now()) > next;
        let wait = if behind { 0 } else { schedule.due(next).saturating_sub(clock.now()) };
        engine.turn(Duration::from_nanos(wait.min(TURN_MAX)), &mut traffic)?;
        traffic.follow(engine);
        activity.turn(engine, &mut traffic, true)?;
        if tick(engine, &mut traffic, &mut look)? {
            traffic.tell(engine, &samplers, &mut telling)?;
        }
    }
    let gone = engine.is_deserted();
    telling.progress.say(if gone { "the server is gone" } else { "all sent, waiting for the rest" });
    let mut rest = Rest { until: clock.now() + traffic.pace.grace, patient };
    while rest.lasts(engine, &mut traffic, &telling, activity)? {
        let pause = clock.now() + 20 * MILLISECOND;
        while clock.now() < pause {
            engine.turn(Duration::from_nanos(TURN_MAX), &mut traffic)?;
            traffic.follow(engine);
            activity.turn(engine, &mut traffic, false)?;
        }
        if tick(engine, &mut traffic, &mut look)? {
            traffic.tell(engine, &samplers, &mut telling)?;
        }
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

/// The wait for what is on its way when all has left.
struct Rest {
    until: Nanos,
    patient: bool,
}

impl Rest {
    fn lasts(
        &mut self,
        engine: &Engine,
        traffic: &mut Traffic,
        telling: &Telling<'_>,
        activity: &impl Activity,
    ) -> anyhow::Result<bool> {
        let now = engine.clock().now();
        let Some(follower) = telling.follower else {
            if !activity.is_done() {
                self.until = now + traffic.pace.grace;
            }
            let settled = traffic.is_settled() && activity.is_done();
            return Ok(now < self.until && !settled && (self.patient || !engine.is_deserted()));
        };
        // What is on its way to others, only the lead knows.
        if follower.is_due(TICK_AT_THE_END) {
            follower.tell(traffic.last_tick(engine, activity.is_done()))?;
        }
        Ok(!follower.is_over()?)
    }
}

/// What is due now and then; `true` when a second of the course has ended.
fn tick(engine: &mut Engine, traffic: &mut Traffic, look: &mut Nanos) -> anyhow::Result<bool> {
    let now = engine.clock().now();
    if now.saturating_sub(*look) >= LOOK {
        *look = now;
        traffic.heal(engine);
        if let Some(journal) = &mut traffic.journal {
            journal.flush()?;
        }
    }
    let due = traffic.course.is_due(now);
    if due {
        let counters = traffic.counters(engine);
        traffic.course.turn_over(now, counters);
    }
    traffic.failure.take().map_or(Ok(due), Err)
}

impl Traffic {
    /// Whether message `number` leaves, as far as its sender's unanswered ones are concerned.
    fn admits(&mut self, schedule: &Schedule, number: u64) -> bool {
        let Some(window) = &mut self.window else { return true };
        let sender = self.topology.sender(number);
        let admits = self.topology.mine().contains(&sender) && window.take(sender - self.first);
        if !admits && self.topology.mine().contains(&sender) && schedule.is_measured(number) {
            self.aside.served.withheld += 1;
        }
        admits
    }

    /// `false`: it could not even wait for its socket.
    fn send(&mut self, engine: &mut Engine, schedule: &Schedule, number: u64) -> bool {
        let sender = self.topology.sender(number);
        if !self.topology.mine().contains(&sender) {
            return true;
        }
        let who = sender - self.first;
        self.audit.sent();
        self.outbox.put(who, number);
        if self.patient && !engine.is_ready(who) {
            return true;
        }
        // On a socket that is about to be found dead, a message is lost and sent again on the next one.
        let sent = engine.send(who, number, self.topology.to(number)) || self.patient;
        if schedule.is_measured(number) {
            self.course.left(engine.clock().now().saturating_sub(schedule.due(number)));
        }
        sent
    }

    /// Whether nothing is on its way, where this process has everybody.
    fn is_settled(&self) -> bool {
        self.audit.is_settled(|number| self.topology.recipients(number))
    }

    /// After each second: how it goes.
    fn tell(&self, engine: &Engine, samplers: &Samplers, telling: &mut Telling<'_>) -> anyhow::Result<()> {
        telling.progress.show(engine.clock().now(), self.sample(engine, samplers));
        match telling.follower {
            Some(follower) => {
                follower.undisturbed()?;
                follower.tell(self.tick_of(engine))
            }
            None => Ok(()),
        }
    }

    fn tick_of(&self, engine: &Engine) -> Tick {
        let counters = self.counters(engine);
        Tick {
            connections: counters.connections,
            sent: counters.sent,
            settled: counters.settled,
            delivered: counters.delivered,
            refused: counters.refused,
            closed: engine.tally().closed,
            delivery: self.course.steps.last().map(|step| step.delivery.clone()).unwrap_or_default(),
            ..Tick::default()
        }
    }

    /// When all has left.
    fn last_tick(&self, engine: &Engine, is_done: bool) -> Tick {
        Tick {
            expected: self.audit.expected(|number| self.topology.recipients(number)),
            all_sent: true,
            busy: !is_done,
            complete: self.ledgers.iter().all(|ledger| ledger.gap().is_none()),
            ..self.tick_of(engine)
        }
    }

    fn heal(&mut self, engine: &mut Engine) {
        let mut stuck = self.stuck(engine.clock().now());
        // Who reads slowly would only get more to read, and a new socket asks by itself.
        stuck.retain(|(who, ..)| {
            engine.is_ready(*who) && !engine.is_slow(*who) && !self.refused_fetches.waits(*who)
        });
        for (who, conversation, gap) in stuck.into_iter().take(FETCHES_PER_LOOK) {
            self.fetch(engine, who, conversation, gap);
        }
    }

    fn fetch(&mut self, engine: &mut Engine, who: usize, conversation: ConversationId, gap: u64) {
        if let Some(place) = self.place_of(who, &conversation) {
            self.fetching.insert(place, engine.clock().now());
        }
        let fetch = Fetch { conversation, from: Seq(gap), to: Seq::ZERO, limit: 0, backwards: false };
        self.aside.fetches += u64::from(engine.send_frame(who, &ClientFrame::Fetch(fetch)));
    }

    /// Asks for what comes behind pages that have arrived, and repeats what was refused, when its time has come.
    fn follow(&mut self, engine: &mut Engine) {
        for (who, conversation, gap) in std::mem::take(&mut self.more) {
            self.fetch(engine, who, conversation, gap);
        }
        let now = engine.clock().now();
        // A new socket repeats everything by itself.
        while let Some(who) = self.refused_fetches.take_due(now) {
            if engine.is_ready(who) {
                self.fetch_all(engine, who);
            }
        }
        while let Some(number) = self.refused_sends.take_due(now) {
            let who = self.topology.sender(number) - self.first;
            if engine.is_ready(who) && !self.audit.is_answered(number) {
                self.resend(engine, who, number);
            }
        }
    }

    /// Connection `who` has a new socket: what it misses is fetched, and what was not answered is sent again.
    pub fn resume(&mut self, engine: &mut Engine, who: usize) {
        self.refused_fetches.settled(who);
        self.fetch_all(engine, who);
        for number in self.outbox.unanswered(who, |number| self.audit.is_answered(number)) {
            self.refused_sends.settled(number);
            self.resend(engine, who, number);
        }
    }

    /// Whatever connection `who` misses.
    fn fetch_all(&mut self, engine: &mut Engine, who: usize) {
        for place in self.topology.places_of(who + self.first) {
            if let Some(gap) = self.ledgers[place - self.first_place].gap() {
                self.fetch(engine, who, self.topology.conversation(place), gap);
            }
        }
    }

    fn resend(&mut self, engine: &mut Engine, who: usize, number: u64) {
        self.aside.resent += 1;
        self.sent_again.insert(number);
        engine.resend(who, number, self.topology.to(number));
    }

    /// Connection `who` asks for a page of history in the middle of what it has; `false`: there is nothing yet, or it
    /// still waits for the last one.
    pub fn look_back(&mut self, engine: &mut Engine, who: usize, random: u64) -> bool {
        let places = self.topology.places_of(who + self.first);
        let place = places.start + random as usize % places.len().max(1);
        let floor = self.ledgers[place - self.first_place].floor();
        if floor == 0 || self.pages.contains_key(&who) || !engine.is_ready(who) {
            return false;
        }
        let conversation = self.topology.conversation(place);
        let from = random % floor + 1;
        // Up to what it has: what is newer may be on its way by push.
        let fetch = Fetch {
            conversation: conversation.clone(),
            from: Seq(from),
            to: Seq(floor),
            limit: 50,
            backwards: false,
        };
        let asked = engine.send_frame(who, &ClientFrame::Fetch(fetch));
        if asked {
            self.pages.insert(who, (conversation, engine.clock().now()));
        }
        asked
    }

    /// The newest seq that connection `who` has without a hole, in a conversation chosen by `random`.
    pub fn position(&self, who: usize, random: u64) -> (ConversationId, Seq) {
        let places = self.topology.places_of(who + self.first);
        let place = places.start + random as usize % places.len().max(1);
        (self.topology.conversation(place), Seq(self.ledgers[place - self.first_place].floor()))
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
            findings: traffic.audit.findings(|number| traffic.topology.recipients(number)),
            measured: schedule.measured(),
            last: traffic.last_device(),
            seconds: schedule.measured_seconds(),
            unsent,
            server,
            generator: generator.since(&self.before.1),
            used_seconds: (engine.clock().now() - self.at) as f64 / SECOND as f64,
            traffic,
        })
    }
}
