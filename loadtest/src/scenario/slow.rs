//! `slow`: a group in which some members read slowly. First without them, then with them: what the fast ones notice is the
//! difference. At the end the slow ones read as fast as they can, come back if the server closed them, and must have all.

use anyhow::bail;
use proto::GroupId;

use super::drive::Counting;
use super::{Context, Driven, Measured, Result, conclude, figures_of, group};
use crate::arguments::Slow;
use crate::engine::Engine;
use crate::figures::Unit;
use crate::parts::Extras;
use crate::topology::Topology;
use crate::traffic::{Activity, Order, Pace, Traffic};

/// The slow ones.
struct Dawdling {
    first: usize,
    bytes: u32,
    is_over: bool,
    closed: u64,
    /// Who was closed and has been opened again, and is not ready yet.
    back: Vec<usize>,
    waiting: usize,
}

impl Activity for Dawdling {
    fn turn(&mut self, engine: &mut Engine, traffic: &mut Traffic, sending: bool) -> anyhow::Result<()> {
        if !sending && !self.is_over {
            self.is_over = true;
            engine.speed_up(traffic)?;
        }
        let members = traffic.own_count();
        for who in self.first..members {
            if engine.is_closed(who) && !self.back.contains(&who) {
                self.closed += 1;
                engine.reopen(who)?;
                self.back.push(who);
            }
        }
        let (ready, back) = self.back.iter().partition(|who| engine.is_ready(**who));
        self.back = back;
        let ready: Vec<usize> = ready;
        for who in ready {
            if self.is_over {
                engine.slow_down(who, None);
            } else {
                engine.slow_down(who, Some(self.bytes));
            }
            traffic.resume(engine, who);
        }
        self.waiting = (self.first..members).filter(|who| !traffic.is_complete(*who)).count();
        Ok(())
    }

    fn is_done(&self) -> bool {
        self.back.is_empty() && (!self.is_over || self.waiting == 0)
    }
}

impl Counting for Dawdling {
    fn extras(&self) -> Extras {
        Extras::default().count("closed", self.closed)
    }
}

pub(super) fn run(context: &Context, settings: &Slow) -> Result {
    let slow = (settings.members as f64 * settings.slow_share).round() as usize;
    if settings.rate <= 0.0 || slow == 0 || settings.members < slow + 2 {
        bail!("slow needs a rate above 0, one slow reader or more, and two fast ones");
    }
    let calm = part(context, settings, slow, None)?;
    let with = part(context, settings, slow, Some(settings.slow_bytes))?;
    let p99 = |measured: &Measured, name: &str| {
        measured.figures.get(&format!("{name}.delivery.p99")).map_or(0.0, |figure| figure.value)
    };
    let ratio = p99(&with, "slow") / p99(&calm, "calm").max(1e-6);
    let mut both = calm.and(with);
    let mut extra = crate::figures::Figures::of("slow");
    extra.add("p99_ratio", ratio, Unit::Count);
    both.figures.append(extra);
    Ok(both)
}

/// The same with and without slow readers.
fn part(context: &Context, settings: &Slow, slow: usize, bytes: Option<u32>) -> Result {
    let name = if bytes.is_some() { "slow" } else { "calm" };
    let mut progress = context.progress(name);
    let group = GroupId::parse(&format!("lt-{:06x}-{name}", context.run))?;
    let first = settings.members - slow;
    let prefix = format!("{}-{name}", context.prefix("slow"));
    let topology = Topology::group(&prefix, settings.members, &group).with_senders(first);
    progress.say(&format!("making a group of {} members", settings.members));
    group::make(context, &group, topology.users())?;
    let pace = Pace::steady(settings.rate, settings.load.times());
    let order = Order { judged: first, patient: true, ..Order::new(topology, context.run, pace) };
    let Some(bytes) = bytes else {
        return Ok(context.drive(order, &settings.load, &mut progress)?.measured(name, &settings.load));
    };
    let driven = context.drive_with(order, (&settings.load, 0), &mut progress, |engine, traffic, _| {
        engine.tolerate_failures();
        // The slow ones are the last of all, and so of this process.
        let first = first.saturating_sub(traffic.topology().mine().start).min(traffic.own_count());
        for who in first..traffic.own_count() {
            engine.slow_down(who, Some(bytes));
        }
        Ok(Dawdling { first, bytes, is_over: false, closed: 0, back: Vec::new(), waiting: 0 })
    })?;
    let mut figures = figures_of(name, &driven);
    let Driven { outcome, closed, extras, .. } = driven;
    // Slow readers that are closed are no fault; fast ones would be.
    let of_fast = closed.saturating_sub(extras.get("closed"));
    let verdict = conclude(&mut figures, name, &outcome, &settings.load, of_fast);
    figures.count("slow_readers", slow as u64);
    figures.count("slow_closed", extras.get("closed"));
    Ok(Measured { figures, verdict, courses: vec![(name, outcome.traffic.course)], steps: None })
}
