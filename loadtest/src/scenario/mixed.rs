//! `mixed`: a population that writes to friends and groups, more by day than by night, types, reads and looks back.

use anyhow::bail;
use proto::client_frame::{Position, Recipient};
use proto::{ClientFrame, ConversationKind, Seq, UserId};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::drive::Counting;
use super::{Context, Driven, Measured, Result, conclude, figures_of, group};
use crate::arguments::Mixed as Settings;
use crate::clock::{Nanos, SECOND};
use crate::engine::Engine;
use crate::parts::Extras;
use crate::schedule::Day;
use crate::topology::Topology;
use crate::topology::mixed::{Mixed, Population};
use crate::traffic::{Activity, Order, Pace, Traffic};

/// What people do besides writing, each at its own rate, by whoever's turn it is.
struct Life {
    random: StdRng,
    began: Nanos,
    typing: Beat,
    read: Beat,
    history: Beat,
}

impl Counting for Life {
    fn extras(&self) -> Extras {
        Extras::default().count("typing", self.typing.done).count("reads", self.read.done)
    }
}

/// Something that is due at a rate.
#[derive(Debug)]
struct Beat {
    per_second: f64,
    done: u64,
}

impl Beat {
    fn new(per_second: f64) -> Self {
        Self { per_second, done: 0 }
    }

    /// How often it is due by now; what could not be done in time is still due.
    fn due(&self, passed: Nanos) -> u64 {
        ((passed as f64 / SECOND as f64 * self.per_second) as u64).saturating_sub(self.done)
    }
}

impl Activity for Life {
    fn turn(&mut self, engine: &mut Engine, traffic: &mut Traffic, sending: bool) -> anyhow::Result<()> {
        if !sending {
            return Ok(());
        }
        let passed = engine.clock().now().saturating_sub(self.began);
        let users = traffic.own_count();
        for _ in 0..self.typing.due(passed) {
            self.typing.done += 1;
            let who = self.random.random_range(0..users);
            let (conversation, _) = traffic.position(who, self.random.random());
            engine.send_frame(who, &ClientFrame::Typing(Recipient::Conversation(conversation)));
        }
        for _ in 0..self.read.due(passed) {
            self.read.done += 1;
            let who = self.random.random_range(0..users);
            let (conversation, seq) = traffic.position(who, self.random.random());
            if seq > Seq::ZERO {
                engine.send_frame(who, &ClientFrame::Read(Position { conversation, seq }));
            }
        }
        for _ in 0..self.history.due(passed) {
            self.history.done += 1;
            let who = self.random.random_range(0..users);
            traffic.look_back(engine, who, self.random.random());
        }
        Ok(())
    }
}

pub(super) fn run(context: &Context, settings: &Settings) -> Result {
    measure(context, settings, "mixed")
}

/// Under the name of a scenario.
pub(super) fn measure(context: &Context, settings: &Settings, name: &'static str) -> Result {
    if settings.rate <= 0.0
        || !(0.0..1.0).contains(&settings.swing)
        || !(0.0..=1.0).contains(&settings.group_share)
    {
        bail!("a rate above 0, a swing below 1 and a share of at most 1 are wanted");
    }
    let mut progress = context.progress(name);
    let population = Population {
        users: settings.people,
        groups: settings.groups,
        members_max: settings.members_max.min(settings.people),
        skew: settings.skew,
        group_share: settings.group_share,
    };
    let mixed = Mixed::new(&population, context.run);
    let prefix = context.prefix(name);
    let groups: Vec<_> =
        mixed.groups().map(|(conversation, members)| (conversation.clone(), members.to_vec())).collect();
    let topology = Topology::mixed(&prefix, mixed);
    progress.say(&format!("making {} groups", groups.len()));
    for (conversation, members) in &groups {
        let ConversationKind::Group(id) = conversation.kind() else { continue };
        let users: Vec<UserId> = members.iter().map(|who| topology.users()[*who as usize].clone()).collect();
        group::make(context, &id, &users)?;
    }
    let day =
        (settings.swing > 0.0).then_some(Day { seconds: settings.day.as_secs_f64(), swing: settings.swing });
    let pace = Pace { day, ..Pace::steady(settings.rate, settings.load.times()) };
    let order = Order::new(topology, context.run, pace);
    let share = context.share();
    let driven = context.drive_with(order, (&settings.load, 0), &mut progress, |_, _, began| {
        Ok(Life {
            random: StdRng::seed_from_u64(u64::from(context.run) << 16 | share.number as u64),
            began,
            typing: Beat::new(share.rate(settings.typing_rate)),
            read: Beat::new(share.rate(settings.read_rate)),
            history: Beat::new(share.rate(settings.history_rate)),
        })
    })?;
    let mut figures = figures_of(name, &driven);
    let Driven { outcome, closed, extras, .. } = driven;
    let verdict = conclude(&mut figures, name, &outcome, &settings.load, closed);
    figures.count("typing", extras.get("typing"));
    figures.count("reads", extras.get("reads"));
    figures.count("pages", outcome.traffic.aside.pages.count());
    figures.latencies("page", &outcome.traffic.aside.pages);
    Ok(Measured { figures, verdict, courses: vec![(name, outcome.traffic.course)], steps: None })
}
