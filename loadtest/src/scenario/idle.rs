//! `idle`: what a connection costs that says nothing.

use std::time::Duration;

use super::drive::open;
use super::{Context, Measured, Result, Role, nanos};
use crate::arguments::Idle;
use crate::clock::Nanos;
use crate::course::{Counters, Course};
use crate::engine::{Engine, Listener};
use crate::figures::{Figures, Unit};
use crate::parts::{self, Extras, Follower, Found, Tick};
use crate::progress::Progress;
use crate::sampler::Sampler;
use crate::server_process::{Usage, Watched};
use crate::topology::users_of;
use crate::verdict::Verdict;
use crate::wire::heard::Heard;

/// Idle connections hear nothing that matters.
pub(super) struct Deaf;

impl Listener for Deaf {
    fn heard(&mut self, _at: Nanos, _who: usize, _heard: Heard) {}
}

/// What came of holding connections.
struct Held {
    found: Found,
    /// What the server used: before, when all were ready, at the end.
    server: [Option<Usage>; 3],
}

pub(super) fn run(context: &Context, settings: &Idle) -> Result {
    let mut progress = context.progress("idle");
    let held = match &context.role {
        Role::Lead(team) => {
            let what = (settings.connections, nanos(settings.hold));
            let (found, server) = parts::hold(&mut team.borrow_mut(), what, &context.server, &mut progress)?;
            Held { found, server }
        }
        Role::Alone => hold(context, settings, &mut progress, None)?,
        Role::Part(follower) => {
            let mut held = hold(context, settings, &mut progress, Some(follower))?;
            follower.hand_over(std::mem::take(&mut held.found))?;
            held
        }
    };
    let figures = figures(&held, settings);
    let verdict = match held.found.closed {
        0 => Verdict::Good,
        closed => Verdict::Faults(vec![format!("idle: {closed} sockets were closed by the server")]),
    };
    Ok(Measured { figures, verdict, courses: vec![("idle", held.found.course)], steps: None })
}

/// Holds the connections of this process; as a part, until the lead says that it is over.
fn hold(
    context: &Context,
    settings: &Idle,
    progress: &mut Progress,
    follower: Option<&Follower>,
) -> anyhow::Result<Held> {
    let clock = context.clock;
    let began = follower.map_or(Ok(clock.now()), Follower::wait_open)?;
    let mut engine = context.engine(context.driver(0, None), settings.connections, 0)?;
    let mine = context.share().mine(settings.connections);
    let users = users_of(&context.prefix("idle"), mine);
    let sampler = Sampler::start(context.server.clone(), clock)?;
    let generator = Sampler::start(Watched::this_process(), clock)?;
    let before = context.server.usage()?;
    let mut course = Course::begin(began);
    let ramp = open(&mut engine, &users, &mut Deaf, (progress, follower))?;
    turn_over(&mut course, &engine);
    let ready = context.server.usage()?;
    let start = follower.map_or(Ok(clock.now()), |follower| follower.wait_start(&mut engine, &mut Deaf))?;
    let until = start + nanos(settings.hold);
    loop {
        match follower {
            Some(follower) if follower.is_over()? => break,
            None if clock.now() >= until => break,
            Some(_) | None => {}
        }
        engine.turn(Duration::from_millis(if follower.is_some() { 20 } else { 100 }), &mut Deaf)?;
        if course.is_due(clock.now()) {
            turn_over(&mut course, &engine);
            let (connections, closed) = (engine.open_count(), engine.tally().closed);
            match follower {
                Some(follower) => follower.tell(Tick { connections, closed, ..Tick::default() })?,
                None => progress.hold(clock.now(), connections, closed),
            }
        }
    }
    turn_over(&mut course, &engine);
    course.server = sampler.readings();
    course.generator = generator.readings();
    let after = context.server.usage()?;
    let tally = engine.tally();
    engine.close();
    let extras = Extras::default().count("heartbeats", tally.heartbeats);
    let (closed, openings_refused) = (tally.closed, tally.openings_refused);
    let found = Found { ramp, course, closed, openings_refused, extras, ..Found::default() };
    Ok(Held { found, server: [before, ready, after] })
}

fn turn_over(course: &mut Course, engine: &Engine) {
    course.turn_over(
        engine.clock().now(),
        Counters { connections: engine.open_count(), ..Counters::default() },
    );
}

fn figures(held: &Held, settings: &Idle) -> Figures {
    let (ramp, mut figures) = (&held.found.ramp, Figures::of("idle"));
    let connections = settings.connections as f64;
    figures.count("connections", ramp.ready.count());
    figures.add("opened", connections / ramp.seconds, Unit::PerSecond);
    figures.latencies("ready", &ramp.ready);
    figures.count("sockets_closed", held.found.closed);
    figures.count("openings_refused", held.found.openings_refused);
    figures.count("heartbeats", held.found.extras.get("heartbeats"));
    if let [Some(before), Some(ready), Some(after)] = held.server {
        let (empty, full) = (before.anonymous_bytes as f64, after.anonymous_bytes as f64);
        figures.add("server.anonymous_bytes_before", empty, Unit::Bytes);
        figures.add("server.anonymous_bytes", full, Unit::Bytes);
        figures.add("server.bytes_per_connection", (full - empty) / connections, Unit::Bytes);
        let cpu = after.cpu_seconds - before.cpu_seconds;
        figures.add("server.cpu_per_connection", cpu / connections, Unit::Seconds);
        let held_seconds = settings.hold.as_secs_f64().max(1e-9);
        let cpus = (after.cpu_seconds - ready.cpu_seconds) / held_seconds;
        figures.add("server.cpus_held", cpus, Unit::Count);
    }
    figures
}
