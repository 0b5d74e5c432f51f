//! `idle`: what a connection costs that says nothing.

use std::time::Duration;

use proto::UserId;

use super::{Context, Measured, Result, nanos, open};
use crate::arguments::Idle;
use crate::clock::Nanos;
use crate::course::{Counters, Course};
use crate::engine::{Engine, Listener};
use crate::figures::{Figures, Unit};
use crate::sampler::Sampler;
use crate::topology::Topology;
use crate::verdict::Verdict;
use crate::wire::heard::Heard;

/// Idle connections hear nothing that matters.
pub(super) struct Deaf;

impl Listener for Deaf {
    fn heard(&mut self, _at: Nanos, _who: usize, _heard: Heard) {}
}

fn turn_over(course: &mut Course, engine: &Engine) {
    course.turn_over(
        engine.clock().now(),
        Counters { connections: engine.open_count(), ..Counters::default() },
    );
}

pub(super) fn run(context: &Context, settings: &Idle) -> Result {
    let mut progress = context.progress("idle");
    let before = context.server.usage()?;
    let mut engine = context.engine(context.driver(0, None), settings.connections)?;
    let users: Vec<UserId> =
        Topology::pairs(&context.prefix("idle"), settings.connections + 1).users().to_vec();
    let clock = engine.clock();
    let sampler = Sampler::start(context.server.clone(), clock)?;
    let mut course = Course::begin(clock.now());
    let ramp = open(&mut engine, &users[..settings.connections], &mut Deaf, &mut progress)?;
    turn_over(&mut course, &engine);
    let until = clock.now() + nanos(settings.hold);
    while clock.now() < until {
        let rest = until.saturating_sub(clock.now());
        engine.turn(Duration::from_nanos(rest).min(Duration::from_millis(100)), &mut Deaf)?;
        if course.is_due(clock.now()) {
            turn_over(&mut course, &engine);
        }
    }
    turn_over(&mut course, &engine);
    course.server = sampler.readings();
    let after = context.server.usage()?;
    let closed = engine.tally().closed;
    engine.close();

    let mut figures = Figures::of("idle");
    let connections = settings.connections as f64;
    figures.count("connections", ramp.ready.count());
    figures.add("opened", connections / ramp.seconds, Unit::PerSecond);
    figures.latencies("ready", &ramp.ready);
    figures.count("sockets_closed", closed);
    if let (Some(before), Some(after)) = (before, after) {
        let (empty, full) = (before.anonymous_bytes as f64, after.anonymous_bytes as f64);
        figures.add("server.anonymous_bytes_before", empty, Unit::Bytes);
        figures.add("server.anonymous_bytes", full, Unit::Bytes);
        figures.add("server.bytes_per_connection", (full - empty) / connections, Unit::Bytes);
        let cpu = after.cpu_seconds - before.cpu_seconds;
        figures.add("server.cpu_per_connection", cpu / connections, Unit::Seconds);
    }
    let verdict = match closed {
        0 => Verdict::Good,
        _ => Verdict::Faults(vec![format!("idle: {closed} sockets were closed by the server")]),
    };
    Ok(Measured { figures, verdict, courses: vec![("idle", course)], steps: None })
}
