//! `storm`: many connections at once, beside established ones that go on talking.

use anyhow::bail;

use super::{Context, Driven, Measured, Result, conclude, figures_of, nanos};
use crate::arguments::Storm;
use crate::clock::{Nanos, SECOND};
use crate::course::Course;
use crate::engine::{Engine, Ramping};
use crate::figures::{Figures, Unit};
use crate::latency::Outline;
use crate::server_process::Usage;
use crate::topology::Topology;
use crate::traffic::{Activity, Order, Pace, Traffic};
use crate::verdict::Verdict;

/// The storm itself.
struct Coming {
    ramping: Option<Ramping>,
    users: Vec<proto::UserId>,
    pace: Option<f64>,
    begins_at: Nanos,
    ended_at: Option<Nanos>,
    /// What the server used by then.
    before: Option<Usage>,
    after: Option<Usage>,
    server: crate::server_process::Watched,
}

impl Activity for Coming {
    fn turn(&mut self, engine: &mut Engine, _traffic: &mut Traffic, _sending: bool) -> anyhow::Result<()> {
        let now = engine.clock().now();
        if self.ended_at.is_some() || now < self.begins_at {
            return Ok(());
        }
        let ramping = match &mut self.ramping {
            Some(ramping) => ramping,
            none => {
                self.before = self.server.usage().ok().flatten();
                self.begins_at = now;
                none.insert(Ramping::new(engine, &self.users, self.pace))
            }
        };
        ramping.step(engine)?;
        if ramping.is_done() {
            self.ended_at = Some(now);
            self.after = self.server.usage().ok().flatten();
        }
        Ok(())
    }

    fn is_done(&self) -> bool {
        self.ended_at.is_some()
    }
}

pub(super) fn run(context: &Context, settings: &Storm) -> Result {
    if settings.established < 2 || settings.connections == 0 || settings.rate <= 0.0 {
        bail!("a storm needs two established connections or more, one that comes, and a rate above 0");
    }
    let mut progress = context.progress("storm");
    let topology = Topology::pairs(&context.prefix("storm"), settings.established);
    let coming = Topology::pairs(&context.prefix("storm-late"), settings.connections + 1);
    let order = Order::new(topology, context.run, Pace::steady(settings.rate, settings.load.times()));
    let mut engine = context.engine_for(&order, &settings.load, settings.connections)?;
    let (driven, coming) = context.drive_with(&mut engine, order, &mut progress, |engine, _| {
        engine.tolerate_failures();
        let begins_at = engine.clock().now() + nanos(settings.load.warm_up) + nanos(settings.after);
        Ok(Coming {
            ramping: None,
            users: coming.users()[..settings.connections].to_vec(),
            pace: settings.connect_rate,
            begins_at,
            ended_at: None,
            before: None,
            after: None,
            server: context.server.clone(),
        })
    })?;
    let Driven { ramp, outcome, closed } = driven;
    let mut figures = figures_of("storm", &ramp, &outcome, closed);
    let verdict = conclude(&mut figures, "storm", &outcome, &settings.load, closed);
    let failed = add_storm(&mut figures, &coming, &outcome.traffic.course);
    let verdict = match failed {
        0 => verdict,
        _ => verdict.and(Verdict::Missed(vec![format!(
            "storm: {failed} connections could not be opened, for example: {}",
            engine.reasons().join("; ")
        )])),
    };
    Ok(Measured { figures, verdict, courses: vec![("storm", outcome.traffic.course)], steps: None })
}

/// Adds what the storm was like; says how many connections failed.
fn add_storm(figures: &mut Figures, coming: &Coming, course: &Course) -> u64 {
    let (Some(ramping), Some(ended_at)) = (&coming.ramping, coming.ended_at) else { return 0 };
    let ramp = &ramping.ramp;
    let opened = ramp.ready.count();
    figures.count("opened", opened);
    figures.count("open_failures", ramp.failed);
    figures.add("seconds", ramp.seconds, Unit::Seconds);
    figures.add("opened_rate", opened as f64 / ramp.seconds.max(1e-9), Unit::PerSecond);
    figures.latencies("opening", &ramp.ready);
    let during = course.steps.iter().filter(|step| {
        let began = step.at.saturating_sub(step.length);
        step.at > coming.begins_at && began < ended_at && step.delivery.count() > 0
    });
    let (mut all, mut worst) = (Outline::default(), 0.0_f64);
    for step in during {
        all.merge(&step.delivery);
        worst = worst.max(step.delivery.quantile_seconds(0.99));
    }
    figures.add("during.delivery.p50", all.quantile_seconds(0.5), Unit::Seconds);
    figures.add("during.delivery.p99", all.quantile_seconds(0.99), Unit::Seconds);
    figures.add("during.delivery.p99_worst_second", worst, Unit::Seconds);
    if let (Some(before), Some(after)) = (coming.before, coming.after) {
        let cpu = after.cpu_seconds - before.cpu_seconds;
        let calm = calm_cpus(course, coming.begins_at) * (ended_at - coming.begins_at) as f64 / SECOND as f64;
        let connections = opened.max(1) as f64;
        figures.add("server.cpu_per_connection", (cpu - calm).max(0.0) / connections, Unit::Seconds);
        let memory = after.anonymous_bytes as f64 - before.anonymous_bytes as f64;
        figures.add("server.bytes_per_connection", memory / connections, Unit::Bytes);
    }
    ramp.failed
}

/// Processors that the server kept busy before the storm, for the established ones alone.
fn calm_cpus(course: &Course, until: Nanos) -> f64 {
    let calm: Vec<_> = course.server.iter().filter(|reading| reading.at < until).collect();
    match (calm.first(), calm.last()) {
        (Some(first), Some(last)) if last.at > first.at => {
            let seconds = (last.at - first.at) as f64 / SECOND as f64;
            (last.usage.cpu_seconds - first.usage.cpu_seconds) / seconds
        }
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sampler::Reading;

    #[test]
    fn what_the_established_use_is_not_the_storms() {
        let reading = |at: u64, cpu_seconds| Reading {
            at: at * SECOND,
            usage: Usage { cpu_seconds, ..Usage::default() },
        };
        let mut course = Course::default();
        course.server = vec![reading(0, 1.0), reading(2, 2.0), reading(4, 9.0)];
        assert_eq!(calm_cpus(&course, 3 * SECOND).to_bits(), 0.5_f64.to_bits());
        assert_eq!(calm_cpus(&course, 0).to_bits(), 0.0_f64.to_bits());
    }
}
