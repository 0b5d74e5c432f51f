//! `find`: the highest rate at which a scenario still meets its targets.
//!
//! ```text
//! from ── x2 ──► x2 ──► x2 ─ missed ─► halve the distance again and again until it is small ──► the highest that held
//! ```
//!
//! **Guarantees.** A rate holds only if the run was audited clean, this program kept its schedule, nothing was refused, and
//! every target was met. A rate that did not hold is tried again, `tries` times in all. Where this program was the limit, the verdict says so: the
//! server may be able to do more.
//!
//! **Does not** restart the server: what a step left behind, the next one finds.

use std::time::Duration;

use anyhow::bail;
use serde_json::{Value, json};

use crate::arguments::{Common, Find};
use crate::figures::{Figures, Unit, grouped};
use crate::scenario::{self, Measured};
use crate::verdict::Verdict;

/// One rate that was tried.
#[derive(Debug)]
struct Step {
    rate: f64,
    held: bool,
    /// This program could not keep up.
    behind: bool,
    why: Vec<String>,
    measured: Measured,
}

/// See the module.
pub fn run(settings: &Find, common: &Common) -> scenario::Result {
    if settings.from <= 0.0 || settings.up_to < settings.from {
        bail!("--from must be above 0, and --up-to at least as high");
    }
    let mut steps = Vec::new();
    search(settings, |rate| {
        let mut last = None;
        for again in 0..settings.tries {
            let step = attempt(settings, common, rate, u64::from(again) + steps.len() as u64)?;
            report(&step, common);
            let held = step.held;
            last = Some(held);
            steps.push(step);
            if held {
                break;
            }
        }
        Ok(last == Some(true))
    })?;
    conclude(steps)
}

/// Asks `holds` for rates until the highest that holds is known closely enough.
fn search(settings: &Find, mut holds: impl FnMut(f64) -> anyhow::Result<bool>) -> anyhow::Result<()> {
    let (mut low, mut high) = (0.0, None);
    let mut rate = settings.from;
    while high.is_none() {
        if holds(rate)? {
            low = rate;
            if rate >= settings.up_to {
                return Ok(());
            }
            rate = (rate * 2.0).min(settings.up_to);
        } else {
            high = Some(rate);
        }
    }
    let mut high = high.unwrap_or(rate);
    // When not even the first rate held, the search goes down as far.
    let floor = settings.from / 64.0;
    while high - low.max(floor) > high * settings.precision / 100.0 {
        let middle = if low > 0.0 { (low + high) / 2.0 } else { high / 2.0 };
        if holds(middle)? {
            low = middle;
        } else {
            high = middle;
        }
    }
    Ok(())
}

fn attempt(settings: &Find, common: &Common, rate: f64, number: u64) -> anyhow::Result<Step> {
    if number > 0 {
        // What the step before left in queues must not be this one's.
        pause(settings.pause);
    }
    let scenario = settings.scenario.at(rate);
    let measured = scenario::run(&scenario, common)?;
    let behind = matches!(measured.verdict, Verdict::Behind(_));
    let mut why = if measured.verdict == Verdict::Good { Vec::new() } else { measured.verdict.lines() };
    if !behind {
        why.extend(settings.target.iter().filter_map(|target| target.check(&measured.figures)));
    }
    let refused = measured.figures.get(&format!("{}.refused", settings.scenario.name()));
    if refused.is_some_and(|refused| refused.value > 0.0) {
        why.push("messages were refused".to_owned());
    }
    Ok(Step { rate, held: why.is_empty(), behind, why, measured })
}

fn pause(time: Duration) {
    std::thread::sleep(time);
}

fn report(step: &Step, common: &Common) {
    if common.quiet {
        return;
    }
    let word = if step.held { "held".to_owned() } else { format!("did not hold: {}", step.why.join("; ")) };
    eprintln!("find: {}/s {word}", grouped(step.rate.round()));
}

fn conclude(steps: Vec<Step>) -> scenario::Result {
    let told: Vec<Value> = steps.iter().map(Step::to_json).collect();
    let mut figures = Figures::of("find");
    figures.count("steps", steps.len() as u64);
    let best = steps.iter().filter(|step| step.held).map(|step| step.rate).fold(0.0, f64::max);
    let failed = |step: &&Step| !step.held && step.rate > best;
    let first_failed = steps.iter().filter(failed).map(|step| step.rate).fold(f64::MAX, f64::min);
    let limits: Vec<&Step> = steps.iter().filter(failed).filter(|step| step.rate <= first_failed).collect();
    let by_generator = !limits.is_empty() && limits.iter().all(|step| step.behind);
    figures.add("rate", best, Unit::PerSecond);
    figures.count("limited_by_generator", u64::from(by_generator));
    let mut faults = Vec::new();
    for step in &steps {
        if let Verdict::Faults(found) = &step.measured.verdict {
            faults.extend(found.iter().map(|one| format!("at {}/s: {one}", grouped(step.rate.round()))));
        }
    }
    let verdict = match (faults.is_empty(), best > 0.0, by_generator) {
        (false, ..) => Verdict::Faults(faults),
        (true, false, _) => {
            Verdict::Missed(vec![format!("no rate held; the lowest tried was {first_failed:.1}/s")])
        }
        (true, true, true) => Verdict::Behind(format!(
            "above {}/s this program was too slow, the server may do more",
            grouped(best.round())
        )),
        (true, true, false) => Verdict::Good,
    };
    let mut whole = Measured { figures, verdict, courses: Vec::new(), steps: Some(Value::Array(told)) };
    // The figures and the course of the highest rate that held are those of the result.
    let held =
        steps.into_iter().filter(|step| step.held).max_by(|one, other| one.rate.total_cmp(&other.rate));
    if let Some(step) = held {
        whole.figures.append(step.measured.figures);
        whole.courses = step.measured.courses;
    }
    Ok(whole)
}

impl Step {
    fn to_json(&self) -> Value {
        let figures = self.measured.figures.all();
        let named = figures.iter().map(|figure| (figure.name.clone(), json!(figure.value)));
        json!({
            "rate": self.rate,
            "held": self.held,
            "why": self.why,
            "figures": named.collect::<serde_json::Map<String, Value>>(),
        })
    }
}

#[cfg(test)]
mod tests;
