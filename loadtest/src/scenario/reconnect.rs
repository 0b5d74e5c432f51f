//! `reconnect`: sockets drop and come back. What was sent to who was away is fetched, what was not answered is sent again,
//! and in the end nothing may be missing or doubled.
//!
//! ```text
//! ready ── its time comes: hangs up ──► away ── offline over ──► opening ── ready ──► resume ── no gap ──► caught up
//!   ├───── the server closes ─────────► away (a random part of --jitter) ──┤
//!   └───── `goaway`, and its time comes: hangs up ─────────────────────────┘
//! ```
//!
//! Where there are several servers, who was closed, refused or sent away comes back to the next one. Who is not back when the time for
//! the rest is over is a fault.

use anyhow::bail;
use rand::RngExt as _;

use super::drive::Counting;
use super::{Context, Driven, Measured, Result, conclude, figures_of, nanos};
use crate::arguments::Reconnect;
use crate::clock::{Nanos, SECOND};
use crate::engine::Engine;
use crate::latency::Latencies;
use crate::parts::Extras;
use crate::topology::Topology;
use crate::traffic::{Activity, Order, Pace, Traffic};
use crate::verdict::Verdict;

/// A socket that is not ready by then is given up for another one.
const OPENING_MAX: Nanos = 30 * SECOND;

#[derive(Clone, Copy, Debug)]
enum State {
    Here,
    Away { until: Nanos },
    Opening { since: Nanos },
    CatchingUp { since: Nanos },
}

/// All connections and when they drop.
struct Dropping {
    states: Vec<State>,
    /// When each drops next; none when only the server closes.
    drops_at: Vec<Nanos>,
    every: Nanos,
    offline: Nanos,
    jitter: Nanos,
    /// When each is to leave because it was told to; [`Nanos::MAX`]: it was not.
    leaves_at: Vec<Nanos>,
    drops: u64,
    closed: u64,
    sent_away: u64,
    /// When sockets were opened again, one after the other.
    opened_at: Vec<Nanos>,
    /// For so long who is away at the end is waited for; until then, once that is known; and whether it is over.
    grace: Nanos,
    until: Option<Nanos>,
    is_over: bool,
    /// From the begin of a new socket to its first answer, and until nothing is missing.
    ready: Latencies,
    caught_up: Latencies,
}

impl Activity for Dropping {
    fn turn(&mut self, engine: &mut Engine, traffic: &mut Traffic, sending: bool) -> anyhow::Result<()> {
        let now = engine.clock().now();
        for (who, at) in traffic.take_sent_away() {
            self.leaves_at[who] = at;
        }
        if !sending {
            let until = *self.until.get_or_insert(now + self.grace);
            self.is_over = now >= until;
        }
        for who in 0..self.states.len() {
            self.states[who] = match self.states[who] {
                State::Here if engine.is_closed(who) => {
                    self.closed += 1;
                    State::Away { until: now + self.wait() }
                }
                State::Here if now >= self.leaves_at[who] => {
                    self.sent_away += 1;
                    engine.hang_up(who);
                    self.open_elsewhere(engine, who, now)?
                }
                State::Here if sending && self.every > 0 && now >= self.drops_at[who] => {
                    self.drops += 1;
                    self.drops_at[who] += self.every;
                    engine.hang_up(who);
                    State::Away { until: now + self.offline }
                }
                State::Away { until } if now >= until => self.open_elsewhere(engine, who, now)?,
                State::Opening { .. } if engine.is_closed(who) => State::Away { until: now + self.wait() },
                State::Opening { since } if now >= since + OPENING_MAX => {
                    engine.hang_up(who);
                    State::Away { until: now + self.wait() }
                }
                State::Opening { since } if engine.is_ready(who) => {
                    self.ready.record(now - since);
                    traffic.resume(engine, who);
                    State::CatchingUp { since }
                }
                State::CatchingUp { .. } if engine.is_closed(who) => State::Away { until: now + self.wait() },
                State::CatchingUp { since } if traffic.is_complete(who) => {
                    self.caught_up.record(now - since);
                    State::Here
                }
                same => same,
            };
        }
        Ok(())
    }

    fn is_done(&self) -> bool {
        self.is_over || self.not_back() == 0
    }
}

impl Counting for Dropping {
    fn extras(&self) -> Extras {
        Extras::default()
            .count("drops", self.drops)
            .count("closed_by_server", self.closed)
            .count("sent_away", self.sent_away)
            .count("most_in_a_second", most_in_a_second(&self.opened_at))
            .count("not_back", self.not_back())
            .latencies("reopen", &self.ready)
            .latencies("caught_up", &self.caught_up)
    }
}

impl Dropping {
    /// At the next server, if there are several.
    fn open_elsewhere(&mut self, engine: &mut Engine, who: usize, now: Nanos) -> anyhow::Result<State> {
        self.leaves_at[who] = Nanos::MAX;
        self.opened_at.push(now);
        engine.reopen_elsewhere(who)?;
        Ok(State::Opening { since: now })
    }

    /// Who is not here, or still misses something.
    fn not_back(&self) -> u64 {
        self.states.iter().filter(|state| !matches!(state, State::Here)).count() as u64
    }

    fn wait(&self) -> Nanos {
        rand::rng().random_range(0..=self.jitter)
    }
}

pub(super) fn run(context: &Context, settings: &Reconnect) -> Result {
    if settings.connections < 2 || settings.rate <= 0.0 {
        bail!("reconnect needs two connections or more, and a rate above 0");
    }
    let mut progress = context.progress("reconnect");
    let topology = Topology::pairs(&context.prefix("reconnect"), settings.connections);
    let pace = Pace::steady(settings.rate, settings.load.times());
    let order = Order { patient: true, ..Order::new(topology, context.run, pace) };
    let every = nanos(settings.drop_every);
    let driven =
        context.drive_with(order, (&settings.load, 0), &mut progress, |engine, traffic, start| {
            engine.tolerate_failures();
            let count = traffic.own_count() as u64;
            Ok(Dropping {
                states: vec![State::Here; traffic.own_count()],
                drops_at: (0..count)
                    .map(|who| start + every * (who.wrapping_mul(7919) % count) / count)
                    .collect(),
                every,
                offline: nanos(settings.offline),
                jitter: nanos(settings.jitter),
                drops: 0,
                leaves_at: vec![Nanos::MAX; traffic.own_count()],
                closed: 0,
                sent_away: 0,
                opened_at: Vec::new(),
                grace: nanos(settings.load.grace),
                until: None,
                is_over: false,
                ready: Latencies::default(),
                caught_up: Latencies::default(),
            })
        })?;
    let mut figures = figures_of("reconnect", &driven);
    let Driven { outcome, failed, extras, .. } = driven;
    // Sockets that the server closes are what this is about, and no fault.
    let verdict = conclude(&mut figures, "reconnect", &outcome, &settings.load, 0);
    let verdict = match extras.get("not_back") {
        0 => verdict,
        count => verdict.and(Verdict::Faults(vec![format!("reconnect: {count} clients did not come back")])),
    };
    figures.count("drops", extras.get("drops"));
    figures.count("closed_by_server", extras.get("closed_by_server"));
    figures.count("sent_away", extras.get("sent_away"));
    figures.count("most_in_a_second", extras.get("most_in_a_second"));
    figures.count("not_back", extras.get("not_back"));
    figures.count("open_failures", failed);
    figures.count("resent", outcome.traffic.aside.resent);
    figures.count("repeated", outcome.traffic.aside.repeated);
    figures.latencies("reopen", &extras.get_latencies("reopen"));
    figures.latencies("caught_up", &extras.get_latencies("caught_up"));
    Ok(Measured { figures, verdict, courses: vec![("reconnect", outcome.traffic.course)], steps: None })
}

/// Of times in their order: how many lie in one second, wherever that begins.
fn most_in_a_second(at: &[Nanos]) -> u64 {
    let mut first = 0;
    let in_second_before = at.iter().enumerate().map(|(last, time)| {
        while at[first] + SECOND <= *time {
            first += 1;
        }
        (last - first + 1) as u64
    });
    in_second_before.max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fullest_second_may_begin_anywhere() {
        let at = [0, 900, 1_000, 1_500, 1_899, 1_900, 3_000].map(|ms: u64| ms * SECOND / 1_000);
        assert_eq!(most_in_a_second(&at), 4, "from 900 ms to 1,899 ms");
        assert_eq!(most_in_a_second(&[]), 0);
    }
}
