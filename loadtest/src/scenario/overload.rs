//! `overload`: senders who together offer more than the server can take. First what it can take, then so many times that.
//!
//! ```text
//! closed loop: everybody always has a few messages unanswered ─► peak
//! open loop: each is due to send --offer x peak / senders a second ─► acknowledged, refused, withheld, by sender
//! ```
//!
//! Both are a schedule and a bound on what a sender has unanswered: where far more is due than anybody can take, the bound
//! alone decides, and the loop is closed.

use std::collections::BTreeMap;

use anyhow::bail;

use super::{Context, Driven, Measured, Result, conclude, faults_of, figures_of};
use crate::arguments::Overload;
use crate::figures::{Figures, Unit};
use crate::topology::Topology;
use crate::traffic::{Order, Pace, Served};
use crate::verdict::Verdict;

/// What is due while the peak is measured: more than any server here takes.
const CEILING: f64 = 200_000.0;
/// A peak above this share of it would be that of the schedule.
const CEILING_SHARE: f64 = 0.8;

pub(super) fn run(context: &Context, settings: &Overload) -> Result {
    if settings.senders < 2 || settings.offer <= 0.0 || settings.peak.is_some_and(|peak| peak <= 0.0) {
        bail!("overload needs two senders or more, and an offer and a peak above 0");
    }
    let Some(peak) = settings.peak else {
        let (peak, measured) = measure_peak(context, settings)?;
        return Ok(measured.and(offer(context, settings, peak)?));
    };
    offer(context, settings, peak)
}

fn send(
    context: &Context,
    settings: &Overload,
    name: &'static str,
    per_second: f64,
) -> anyhow::Result<Driven> {
    let mut progress = context.progress(name);
    let topology = Topology::pairs(&format!("{}-{name}", context.prefix("overload")), settings.senders);
    let pace = Pace::steady(per_second, settings.load.times());
    let bound = if name == "peak" { settings.peak_unanswered } else { settings.unanswered };
    let order = Order { unanswered_max: Some(bound), ..Order::new(topology, context.run, pace) };
    context.drive(order, &settings.load, &mut progress)
}

/// Acknowledged messages a second in a closed loop. Nothing there leaves when it is due, so being late is no fault, and
/// latencies from then on say nothing. A generator that held the peak down is late again when more than it is offered.
fn measure_peak(context: &Context, settings: &Overload) -> anyhow::Result<(f64, Measured)> {
    let driven = send(context, settings, "peak", CEILING)?;
    let peak = acked_rate(&driven);
    if peak <= 0.0 {
        bail!("nothing was acknowledged in the closed loop: there is no peak to offer more than");
    }
    let mut figures = figures_of("peak", &driven);
    let verdict = faults_of("peak", &driven.outcome.findings, driven.closed);
    figures.add("acked_rate", peak, Unit::PerSecond);
    let limit = match peak > CEILING * CEILING_SHARE {
        true => {
            Verdict::Behind(format!("peak: above {:.0} a second are not offered", CEILING * CEILING_SHARE))
        }
        false => Verdict::Good,
    };
    let courses = vec![("peak", driven.outcome.traffic.course)];
    Ok((peak, Measured { figures, verdict: verdict.and(limit), courses, steps: None }))
}

fn acked_rate(driven: &Driven) -> f64 {
    let served = &driven.outcome.traffic.aside.served;
    served.acked.values().sum::<u64>() as f64 / driven.outcome.seconds
}

/// So many times the peak.
fn offer(context: &Context, settings: &Overload, peak: f64) -> Result {
    let driven = send(context, settings, "overload", peak * settings.offer)?;
    let mut figures = figures_of("overload", &driven);
    let verdict = conclude(&mut figures, "overload", &driven.outcome, &settings.load, driven.closed);
    let senders = settings.senders & !1;
    let acked = acked_rate(&driven);
    figures.add("peak", peak, Unit::PerSecond);
    figures.add("acked_rate", acked, Unit::PerSecond);
    figures.add("ratio", acked / peak, Unit::Count);
    let unanswered = driven.outcome.findings.unanswered;
    let served = &driven.outcome.traffic.aside.served;
    add_service(&mut figures, served, senders, peak * driven.outcome.seconds / senders as f64);
    figures.count("timed_out", served.late + unanswered);
    let courses = vec![("overload", driven.outcome.traffic.course)];
    Ok(Measured { figures, verdict, courses, steps: None })
}

/// How alike senders were served, each of whom has a `share` of the peak.
fn add_service(figures: &mut Figures, served: &Served, senders: usize, share: f64) {
    figures.add("jain", jain(&served.acked, senders), Unit::Count);
    let lowest = match served.acked.len() < senders {
        true => 0,
        false => served.acked.values().min().copied().unwrap_or(0),
    };
    figures.add("lowest_share", lowest as f64 / share, Unit::Count);
    figures.count("withheld", served.withheld);
    figures.count("unadvised", served.unadvised);
}

/// Jain's index of fairness (DEC-TR-301): 1 when all have the same, 1/n when one has everything. Who is not there has nothing.
fn jain(acked: &BTreeMap<usize, u64>, senders: usize) -> f64 {
    let sum: f64 = acked.values().map(|count| *count as f64).sum();
    let squares: f64 = acked.values().map(|count| (*count as f64).powi(2)).sum();
    if squares > 0.0 { sum * sum / (senders as f64 * squares) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn served(counts: &[u64]) -> Served {
        let acked = counts.iter().copied().enumerate().filter(|(_, count)| *count > 0).collect();
        Served { acked, ..Served::default() }
    }

    #[test]
    fn the_index_is_one_for_equals_and_the_share_of_those_served_where_others_have_nothing() {
        let index = |counts: &[u64]| (jain(&served(counts).acked, counts.len()) * 1000.0).round() as u64;
        assert_eq!(index(&[70, 70, 70, 70]), 1000);
        assert_eq!(index(&[0, 50, 0, 50]), 500);
        assert_eq!(index(&[1, 2, 3, 4]), 833);
        assert_eq!(index(&[0, 0]), 0);
    }

    #[test]
    fn the_lowest_share_is_that_of_the_worst_served_and_of_the_peak() {
        for (counts, lowest) in [(&[90, 100, 110][..], 0.9), (&[0, 300, 300], 0.0)] {
            let mut figures = Figures::of("overload");
            add_service(&mut figures, &served(counts), counts.len(), 100.0);
            let found = figures.get("overload.lowest_share").expect("there").value;
            assert!((found - lowest).abs() < 1e-9, "{found}");
        }
    }
}
