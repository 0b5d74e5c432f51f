//! `storm`: many connections at once, beside established ones that go on talking.

use anyhow::bail;
use proto::UserId;

use super::drive::Counting;
use super::{Context, Driven, Measured, Result, conclude, figures_of, nanos};
use crate::arguments::Storm;
use crate::clock::{Nanos, SECOND};
use crate::course::Course;
use crate::engine::{Engine, Ramping};
use crate::figures::{Figures, Unit};
use crate::latency::Outline;
use crate::parts::Extras;
use crate::topology::{Topology, users_of};
use crate::traffic::{Activity, Order, Pace, Traffic};
use crate::verdict::Verdict;

/// The storm itself.
struct Coming {
    ramping: Option<Ramping>,
    users: Vec<UserId>,
    pace: Option<f64>,
    begins_at: Nanos,
    ended_at: Option<Nanos>,
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
                self.begins_at = now;
                none.insert(Ramping::new(engine, &self.users, self.pace))
            }
        };
        ramping.step(engine)?;
        if ramping.is_done() {
            self.ended_at = Some(now);
        }
        Ok(())
    }

    fn is_done(&self) -> bool {
        self.ended_at.is_some()
    }
}

impl Counting for Coming {
    fn extras(&self) -> Extras {
        let (Some(ramping), Some(ended)) = (&self.ramping, self.ended_at) else { return Extras::default() };
        let extras = Extras { began: Some(self.begins_at), ended: Some(ended), ..Extras::default() };
        extras.count("open_failures", ramping.ramp.failed).latencies("opening", &ramping.ramp.ready)
    }
}

pub(super) fn run(context: &Context, settings: &Storm) -> Result {
    if settings.established < 2 || settings.connections == 0 || settings.rate <= 0.0 {
        bail!("a storm needs two established connections or more, one that comes, and a rate above 0");
    }
    let mut progress = context.progress("storm");
    let topology = Topology::pairs(&context.prefix("storm"), settings.established);
    let order = Order::new(topology, context.run, Pace::steady(settings.rate, settings.load.times()));
    let (share, prefix) = (context.share(), context.prefix("storm-late"));
    let more = (&settings.load, settings.connections);
    let driven = context.drive_with(order, more, &mut progress, |engine, _, start| {
        engine.tolerate_failures();
        Ok(Coming {
            ramping: None,
            users: users_of(&prefix, share.mine(settings.connections)),
            pace: settings.connect_rate.map(|rate| share.rate(rate)),
            begins_at: start + nanos(settings.load.warm_up) + nanos(settings.after),
            ended_at: None,
        })
    })?;
    let mut figures = figures_of("storm", &driven);
    let Driven { outcome, closed, reasons, extras, .. } = driven;
    let verdict = conclude(&mut figures, "storm", &outcome, &settings.load, closed);
    let failed = add_storm(&mut figures, &extras, &outcome.traffic.course);
    let verdict = match failed {
        0 => verdict,
        _ => verdict.and(Verdict::Missed(vec![format!(
            "storm: {failed} connections could not be opened, for example: {}",
            reasons.join("; ")
        )])),
    };
    Ok(Measured { figures, verdict, courses: vec![("storm", outcome.traffic.course)], steps: None })
}

/// Adds what the storm was like; says how many connections failed.
fn add_storm(figures: &mut Figures, extras: &Extras, course: &Course) -> u64 {
    let (Some(began), Some(ended)) = (extras.began, extras.ended) else { return 0 };
    let (opening, failed) = (extras.get_latencies("opening"), extras.get("open_failures"));
    let opened = opening.count();
    let seconds = (ended - began) as f64 / SECOND as f64;
    figures.count("opened", opened);
    figures.count("open_failures", failed);
    figures.add("seconds", seconds, Unit::Seconds);
    figures.add("opened_rate", opened as f64 / seconds.max(1e-9), Unit::PerSecond);
    figures.latencies("opening", &opening);
    let during = course.steps.iter().filter(|step| {
        let begun = step.at.saturating_sub(step.length);
        step.at > began && begun < ended && step.delivery.count() > 0
    });
    let (mut all, mut worst) = (Outline::default(), 0.0_f64);
    for step in during {
        all.merge(&step.delivery);
        worst = worst.max(step.delivery.quantile_seconds(0.99));
    }
    figures.add("during.delivery.p50", all.quantile_seconds(0.5), Unit::Seconds);
    figures.add("during.delivery.p99", all.quantile_seconds(0.99), Unit::Seconds);
    figures.add("during.delivery.p99_worst_second", worst, Unit::Seconds);
    if let Some((cpu, memory)) = used_by_storm(course, began, ended) {
        let connections = opened.max(1) as f64;
        figures.add("server.cpu_per_connection", cpu.max(0.0) / connections, Unit::Seconds);
        figures.add("server.bytes_per_connection", memory / connections, Unit::Bytes);
    }
    failed
}

/// Processor time without what the established used, and memory: from the last look before the storm to the first after it.
fn used_by_storm(course: &Course, began: Nanos, ended: Nanos) -> Option<(f64, f64)> {
    let readings = &course.server;
    let before = readings.iter().rev().find(|reading| reading.at <= began).or(readings.first())?;
    let after = readings.iter().find(|reading| reading.at >= ended).or(readings.last())?;
    let seconds = after.at.checked_sub(before.at)? as f64 / SECOND as f64;
    let cpu = after.usage.cpu_seconds - before.usage.cpu_seconds - calm_cpus(course, began) * seconds;
    let memory = after.usage.anonymous_bytes as f64 - before.usage.anonymous_bytes as f64;
    Some((cpu, memory))
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
    use crate::server_process::Usage;

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
        let (cpu, _) = used_by_storm(&course, 5 * SECOND / 2, 7 * SECOND / 2).expect("readings");
        assert_eq!(cpu.to_bits(), 6.0_f64.to_bits(), "seven seconds from 2 to 4, without one of calm");
    }
}
