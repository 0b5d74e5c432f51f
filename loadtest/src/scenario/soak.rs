//! `soak`: `mixed` for a long time. What grows, and what becomes slower?

use super::{Context, Result, mixed};
use crate::arguments::Mixed;
use crate::clock::SECOND;
use crate::course::Course;
use crate::figures::{Figures, Unit};
use crate::latency::Outline;

pub(super) fn run(context: &Context, settings: &Mixed) -> Result {
    let mut measured = mixed::measure(context, settings, "soak")?;
    let mut trend = Figures::of("soak");
    for (_, course) in &measured.courses {
        add_trend(&mut trend, course);
    }
    measured.figures.append(trend);
    Ok(measured)
}

/// The last third against the first: caches fill in the first, and what still grows in the last does not stop.
fn add_trend(figures: &mut Figures, course: &Course) {
    let steps: Vec<_> = course.steps.iter().filter(|step| step.delivery.count() > 0).collect();
    let third = steps.len() / 3;
    if third > 0 {
        let p99 = |steps: &[&crate::course::Step]| {
            let mut all = Outline::default();
            for step in steps {
                all.merge(&step.delivery);
            }
            all.quantile_seconds(0.99)
        };
        let (first, last) = (p99(&steps[..third]), p99(&steps[steps.len() - third..]));
        figures.add("first_third.delivery.p99", first, Unit::Seconds);
        figures.add("last_third.delivery.p99", last, Unit::Seconds);
    }
    let third = course.server.len() / 3;
    if third > 1 {
        let last = &course.server[course.server.len() - third..];
        let hours = (last[third - 1].at - last[0].at) as f64 / SECOND as f64 / 3600.0;
        let grown = last[third - 1].usage.anonymous_bytes as f64 - last[0].usage.anonymous_bytes as f64;
        figures.add("server.growth_per_hour", grown / hours.max(1e-9), Unit::Bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::MILLISECOND;
    use crate::course::Counters;
    use crate::sampler::Reading;
    use crate::server_process::Usage;

    #[test]
    fn growth_and_slowness_are_those_of_the_last_third() {
        let mut course = Course::begin(0);
        for second in 1..=9 {
            course.delivered(if second > 6 { 40 } else { 20 } * MILLISECOND);
            course.turn_over(second * SECOND, Counters::default());
            let anonymous_bytes = if second > 6 { second * 1000 } else { 6000 };
            course
                .server
                .push(Reading { at: second * SECOND, usage: Usage { anonymous_bytes, ..Usage::default() } });
        }
        let mut figures = Figures::of("soak");
        add_trend(&mut figures, &course);
        let figure = |name: &str| figures.get(name).map_or(0.0, |figure| figure.value);
        assert!((figure("soak.last_third.delivery.p99") - 0.040).abs() < 0.001);
        assert!((figure("soak.first_third.delivery.p99") - 0.020).abs() < 0.001);
        assert!((figure("soak.server.growth_per_hour") - 3_600_000.0).abs() < 1.0);
    }
}
