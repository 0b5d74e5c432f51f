//! The lead's part of a run: says when, looks at the server, and adds up what the others found.

use super::words::ToPart;
use super::{Found, Team, Tick};
use crate::clock::{MILLISECOND, Nanos, SECOND};
use crate::latency::Outline;
use crate::progress::{Progress, Sample};
use crate::sampler::Sampler;
use crate::schedule::Schedule;
use crate::server_process::{Usage, Watched};
use crate::traffic::{Order, Outcome, Whole};

/// From the last part that is ready to the first message, at least.
const HEAD_START: Nanos = SECOND / 2;
/// Between two looks at what is due.
const TURN: Nanos = 50 * MILLISECOND;
/// For so long all must have been said to have arrived: what was told at different times may only seem to fit.
const SETTLING: Nanos = 300 * MILLISECOND;

/// Sends the messages of an order by all parts.
pub fn perform(
    team: &mut Team,
    order: Order,
    server: &Watched,
    progress: &mut Progress,
) -> anyhow::Result<(Outcome, Found)> {
    let clock = team.clock();
    let (grace, patient) = (order.pace.grace, order.patient);
    open(team, order.topology.users().len(), progress)?;
    let start = next_second(clock.now());
    team.begin(&ToPart::Start { at: start })?;
    let mut whole = Whole::new(order, start);
    let schedule = whole.schedule();
    let sampler = Sampler::start(server.clone(), clock)?;
    let measured_at = schedule.due(schedule.total() - schedule.measured());
    let (mut before, mut rest) = (None, Rest { grace, patient, until: None, since: None });
    loop {
        team.listen(clock.now() + TURN)?;
        let now = clock.now();
        if before.is_none() && now >= measured_at {
            // A server that is gone is the audit's finding, not a reason to stop here.
            before = Some(server.usage().ok().flatten());
        }
        if now >= start && progress.is_due(now) {
            progress.show(now, sample(team, &schedule, &sampler));
        }
        if rest.is_over(team, now) {
            break;
        }
    }
    let after = server.usage().ok().flatten();
    let used = before.flatten().zip(after).map(|(before, after)| after.since(&before));
    let readings = sampler.readings();
    let mut rest = Found::default();
    for found in team.finish()? {
        whole.add(&found)?;
        rest.add(found);
    }
    Ok((whole.finish(used, readings), rest))
}

/// Opens the connections of all parts and holds them for so long; what the server used at three times: before, when all
/// were ready, and at the end.
pub fn hold(
    team: &mut Team,
    (connections, hold): (usize, Nanos),
    server: &Watched,
    progress: &mut Progress,
) -> anyhow::Result<(Found, [Option<Usage>; 3])> {
    let clock = team.clock();
    let sampler = Sampler::start(server.clone(), clock)?;
    let before = server.usage()?;
    open(team, connections, progress)?;
    let ready = server.usage()?;
    let until = clock.now() + hold;
    team.begin(&ToPart::Start { at: clock.now() })?;
    while clock.now() < until {
        team.listen(clock.now() + TURN.min(until - clock.now().min(until)))?;
        if progress.is_due(clock.now()) {
            let sum = |of: fn(&Tick) -> u64| team.ticks().map(of).sum();
            progress.hold(clock.now(), sum(|tick| tick.connections), sum(|tick| tick.closed));
        }
    }
    let after = server.usage()?;
    let mut whole = Found::default();
    for found in team.finish()? {
        whole.course.merge(&found.course);
        whole.generator = whole.generator.and(&found.generator);
        whole.add(found);
    }
    whole.course.server = sampler.readings();
    Ok((whole, [before, ready, after]))
}

fn open(team: &mut Team, connections: usize, progress: &mut Progress) -> anyhow::Result<()> {
    progress.say(&format!("{} processes open {connections} connections", team.size()));
    let clock = team.clock();
    team.begin(&ToPart::Open { at: clock.now() / SECOND * SECOND })?;
    let began = clock.now();
    let mut said_at = began;
    team.wait_ready(|ready| {
        if clock.now() > said_at + SECOND && ready > 0 {
            said_at = clock.now();
            progress.say(&format!("{ready} of {connections} connections are ready"));
        }
    })?;
    let seconds = (clock.now() - began) as f64 / SECOND as f64;
    progress.say(&format!("{connections} connections are ready after {seconds:.1} s"));
    Ok(())
}

/// A whole second, so that the seconds of all parts are the same.
fn next_second(now: Nanos) -> Nanos {
    (now + HEAD_START).div_ceil(SECOND) * SECOND
}

/// The wait until everything has arrived.
struct Rest {
    grace: Nanos,
    patient: bool,
    until: Option<Nanos>,
    /// Since when it seems so.
    since: Option<Nanos>,
}

impl Rest {
    fn is_over(&mut self, team: &Team, now: Nanos) -> bool {
        let sum = |of: fn(&Tick) -> u64| team.ticks().map(of).sum::<u64>();
        if !team.ticks().all(|tick| tick.all_sent) {
            return false;
        }
        if !self.patient && sum(|tick| tick.connections) == 0 {
            return true;
        }
        if team.ticks().any(|tick| tick.busy) {
            self.until = None;
        }
        let until = *self.until.get_or_insert(now + self.grace);
        let settled = sum(|tick| tick.settled) >= sum(|tick| tick.sent)
            && sum(|tick| tick.delivered) == sum(|tick| tick.expected)
            && team.ticks().all(|tick| tick.complete && !tick.busy);
        if !settled {
            self.since = None;
            return now >= until;
        }
        now >= *self.since.get_or_insert(now) + SETTLING
    }
}

fn sample(team: &Team, schedule: &Schedule, sampler: &Sampler) -> Sample {
    let mut sample = Sample { planned: schedule.total(), server: sampler.latest(), ..Sample::default() };
    let mut delivery = Outline::default();
    for tick in team.ticks() {
        sample.sent += tick.sent;
        sample.settled += tick.settled;
        sample.delivered += tick.delivered;
        sample.refused += tick.refused;
        sample.closed += tick.closed;
        delivery.merge(&tick.delivery);
    }
    sample.delivery_p50 = delivery.quantile_seconds(0.5);
    sample.delivery_p99 = delivery.quantile_seconds(0.99);
    sample
}
