//! What all processes of a run found, as one.

use anyhow::Context as _;

use super::{Order, Outcome, Traffic};
use crate::clock::Nanos;
use crate::parts::Found;
use crate::sampler::Reading;
use crate::schedule::Schedule;
use crate::server_process::Usage;

/// See the module.
#[derive(Debug)]
pub struct Whole {
    traffic: Traffic,
    schedule: Schedule,
    generator: Usage,
    used_seconds: f64,
    unsent: u64,
}

impl Whole {
    /// Of an order whose messages are sent by others, from `start`.
    pub fn new(order: Order, start: Nanos) -> Self {
        let topology = order.topology.with_mine(0..0);
        let mut traffic = Traffic::new(Order { topology, ..order });
        let schedule = traffic.begin(start);
        Self { traffic, schedule, generator: Usage::default(), used_seconds: 0.0, unsent: 0 }
    }

    /// When which message is due.
    pub fn schedule(&self) -> Schedule {
        self.schedule
    }

    /// Adds what one of them found.
    pub fn add(&mut self, found: &Found) -> anyhow::Result<()> {
        let merged = self.traffic.audit.merge(&found.faults, &found.book);
        merged.context("the book of a part is not of this run")?;
        self.traffic.course.merge(&found.course);
        self.traffic.aside.merge(&found.aside);
        if let Some(last) = &mut self.traffic.last {
            last.merge(&found.last_micros);
        }
        self.generator = self.generator.and(&found.generator);
        self.used_seconds = self.used_seconds.max(found.used_seconds);
        self.unsent += found.unsent;
        Ok(())
    }

    /// What it came to; what the server used, only the lead knows.
    pub fn finish(mut self, server: Option<Usage>, readings: Vec<Reading>) -> Outcome {
        self.traffic.course.server = readings;
        let Self { traffic, schedule, generator, used_seconds, unsent } = self;
        Outcome {
            findings: traffic.audit.findings(|number| traffic.topology.recipients(number)),
            measured: schedule.measured(),
            last: traffic.last_device(),
            seconds: schedule.measured_seconds(),
            unsent,
            server,
            generator,
            used_seconds,
            traffic,
        }
    }
}
