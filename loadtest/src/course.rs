//! The course of a run, second by second: rates, latencies, what the server and this program used.
//!
//! Latencies are recorded once, into those of the present second; when it ends they are added to those of the whole run.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::clock::{Nanos, SECOND};
use crate::latency::{Latencies, Outline};
use crate::sampler::Reading;

/// Quantiles of each step in a report.
const QUANTILES: [(&str, f64); 5] =
    [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p999", 0.999), ("max", 1.0)];

/// Counters of a run so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Messages sent.
    pub sent: u64,
    /// Messages acknowledged or refused.
    pub settled: u64,
    /// Deliveries.
    pub delivered: u64,
    /// Refusals.
    pub refused: u64,
    /// Connections that are ready.
    pub connections: u64,
}

impl Counters {
    fn since(&self, before: &Self) -> Self {
        Self {
            sent: self.sent.saturating_sub(before.sent),
            settled: self.settled.saturating_sub(before.settled),
            delivered: self.delivered.saturating_sub(before.delivered),
            refused: self.refused.saturating_sub(before.refused),
            connections: self.connections,
        }
    }

    fn add(&mut self, other: &Self) {
        self.sent += other.sent;
        self.settled += other.settled;
        self.delivered += other.delivered;
        self.refused += other.refused;
    }
}

/// What happened in one second.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Step {
    /// Its end, on the run's clock.
    pub at: Nanos,
    /// How long it was.
    pub length: Nanos,
    /// What was counted in it; connections at its end.
    pub counted: Counters,
    /// Due to acknowledged, of what was acknowledged in it.
    pub ack: Outline,
    /// Due to received, of what was received in it.
    pub delivery: Outline,
    /// Due to handed to the socket.
    pub lateness: Outline,
}

/// Latencies of one kind.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Track {
    #[serde(skip)]
    now: Latencies,
    all: Latencies,
}

impl Track {
    fn turn_over(&mut self) -> Outline {
        let outline = self.now.outline();
        self.all.merge(&self.now);
        self.now.clear();
        outline
    }
}

/// See the module.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Course {
    /// Each second so far.
    pub steps: Vec<Step>,
    /// What the server used, about once a second.
    pub server: Vec<Reading>,
    /// What this program used.
    pub generator: Vec<Reading>,
    ack: Track,
    delivery: Track,
    lateness: Track,
    #[serde(skip)]
    counted: Counters,
    /// When the present step began, and when it should have: the steps of all processes end at the same times.
    #[serde(skip)]
    turned_at: Nanos,
    #[serde(skip)]
    due_at: Nanos,
}

impl Course {
    /// Begins at `start`.
    pub fn begin(start: Nanos) -> Self {
        Self { turned_at: start, due_at: start, ..Self::default() }
    }

    /// A message was acknowledged `latency` after it was due.
    pub fn acked(&mut self, latency: Nanos) {
        self.ack.now.record(latency);
    }

    /// A message reached a device `latency` after it was due.
    pub fn delivered(&mut self, latency: Nanos) {
        self.delivery.now.record(latency);
    }

    /// A message left `latency` after it was due.
    pub fn left(&mut self, latency: Nanos) {
        self.lateness.now.record(latency);
    }

    /// Whether the present second is over.
    pub fn is_due(&self, now: Nanos) -> bool {
        now >= self.due_at + SECOND
    }

    /// Ends the present step.
    pub fn turn_over(&mut self, now: Nanos, counters: Counters) {
        let step = Step {
            at: now,
            length: now.saturating_sub(self.turned_at),
            counted: counters.since(&self.counted),
            ack: self.ack.turn_over(),
            delivery: self.delivery.turn_over(),
            lateness: self.lateness.turn_over(),
        };
        self.steps.push(step);
        (self.turned_at, self.counted) = (now, counters);
        self.due_at += now.saturating_sub(self.due_at) / SECOND * SECOND;
    }

    /// Acknowledgements, of the steps that have ended.
    pub fn ack(&self) -> &Latencies {
        &self.ack.all
    }

    /// Deliveries, of the steps that have ended.
    pub fn delivery(&self) -> &Latencies {
        &self.delivery.all
    }

    /// Lateness, of the steps that have ended.
    pub fn lateness(&self) -> &Latencies {
        &self.lateness.all
    }

    /// Adds the course of another process on the same clock that began at the same time: what happened in the same second
    /// becomes one step. What the server used, only this one knows.
    pub fn merge(&mut self, other: &Self) {
        self.ack.all.merge(&other.ack.all);
        self.delivery.all.merge(&other.delivery.all);
        self.lateness.all.merge(&other.lateness.all);
        let mut seconds = by_second(&self.steps);
        for (second, step) in by_second(&other.steps) {
            match seconds.get_mut(&second) {
                Some(own) => own.add(&step, own.counted.connections + step.counted.connections),
                None => drop(seconds.insert(second, step)),
            }
        }
        self.steps = seconds.into_values().collect();
        self.generator = sum(&self.generator, &other.generator);
    }

    /// For a report: seconds count from the first step.
    pub fn to_json(&self) -> Value {
        let zero = self.steps.first().map_or(0, |step| step.at.saturating_sub(step.length));
        let steps: Vec<Value> = self.steps.iter().map(|step| step.to_json(zero)).collect();
        json!({
            "steps": steps,
            "server": readings(&self.server, zero),
            "generator": readings(&self.generator, zero),
            "distributions": {
                "ack": self.ack.all.distribution(),
                "delivery": self.delivery.all.distribution(),
                "lateness": self.lateness.all.distribution(),
            },
        })
    }
}

/// The steps of one process; two that are mostly in the same second become one.
fn by_second(steps: &[Step]) -> BTreeMap<Nanos, Step> {
    let mut seconds: BTreeMap<Nanos, Step> = BTreeMap::new();
    for step in steps {
        let middle = step.at.saturating_sub(step.length.min(SECOND) / 2);
        match seconds.get_mut(&(middle / SECOND)) {
            Some(own) => {
                own.length += step.length;
                let length = own.length;
                own.add(step, step.counted.connections);
                own.length = length;
            }
            None => drop(seconds.insert(middle / SECOND, step.clone())),
        }
    }
    seconds
}

/// What two processes used by the times at which the first was looked at.
fn sum(one: &[Reading], other: &[Reading]) -> Vec<Reading> {
    if one.is_empty() {
        return other.to_vec();
    }
    let used_by =
        |at: Nanos| other[..other.partition_point(|reading| reading.at <= at)].last().or(other.first());
    let both = one.iter().map(|own| match used_by(own.at) {
        Some(other) => Reading { at: own.at, usage: own.usage.and(&other.usage) },
        None => *own,
    });
    both.collect()
}

impl Step {
    fn add(&mut self, other: &Self, connections: u64) {
        self.counted.add(&other.counted);
        self.counted.connections = connections;
        self.ack.merge(&other.ack);
        self.delivery.merge(&other.delivery);
        self.lateness.merge(&other.lateness);
        self.length = self.length.max(other.length);
        self.at = self.at.max(other.at);
    }

    fn to_json(&self, zero: Nanos) -> Value {
        let seconds = (self.length as f64 / SECOND as f64).max(1e-9);
        let rate = |count: u64| (count as f64 / seconds).round();
        let mut step = json!({
            "at": at_seconds(self.at, zero),
            "sent": rate(self.counted.sent),
            "settled": rate(self.counted.settled),
            "delivered": rate(self.counted.delivered),
            "refused": rate(self.counted.refused),
            "connections": self.counted.connections,
        });
        for (name, outline) in
            [("ack", &self.ack), ("delivery", &self.delivery), ("lateness", &self.lateness)]
        {
            if outline.count() > 0 {
                let quantiles: Map<String, Value> = QUANTILES
                    .iter()
                    .map(|(label, quantile)| {
                        ((*label).to_owned(), json!(outline.quantile_seconds(*quantile)))
                    })
                    .collect();
                step[name] = Value::Object(quantiles);
            }
        }
        step
    }
}

/// Processors kept busy between one reading and the next, and memory.
fn readings(readings: &[Reading], zero: Nanos) -> Vec<Value> {
    let pairs = readings.windows(2).filter(|pair| pair[1].at > pair[0].at);
    pairs
        .map(|pair| {
            let seconds = (pair[1].at - pair[0].at) as f64 / SECOND as f64;
            let cpus = (pair[1].usage.cpu_seconds - pair[0].usage.cpu_seconds) / seconds;
            json!({
                "at": at_seconds(pair[1].at, zero),
                "cpus": (cpus * 1000.0).round() / 1000.0,
                "anonymous_bytes": pair[1].usage.anonymous_bytes,
            })
        })
        .collect()
}

fn at_seconds(at: Nanos, zero: Nanos) -> f64 {
    let seconds = (at as f64 - zero as f64) / SECOND as f64;
    (seconds * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::MILLISECOND;
    use crate::server_process::Usage;

    fn counters(sent: u64) -> Counters {
        Counters { sent, settled: sent, delivered: sent, refused: 0, connections: 4 }
    }

    fn used(cpu_seconds: f64) -> Usage {
        Usage { cpu_seconds, user_seconds: 0.0, anonymous_bytes: 9 }
    }

    #[test]
    fn every_latency_counts_once_in_its_second_and_once_in_the_whole() {
        let mut course = Course::begin(0);
        for second in 1..=3 {
            for _ in 0..10 {
                course.delivered(second * MILLISECOND);
            }
            assert!(course.is_due(second * SECOND) && !course.is_due(second * SECOND - 1));
            course.turn_over(second * SECOND, counters(second * 10));
        }
        let json = course.to_json();
        assert_eq!(course.delivery().count(), 30);
        assert_eq!(json["steps"][2]["sent"], json!(10.0));
        assert_eq!(json["steps"][2]["delivery"]["p50"], json!(0.003));
        assert_eq!(json["steps"][0]["ack"], Value::Null);
    }

    #[test]
    fn two_processes_make_one_course() {
        let mut whole = Course::default();
        for late in [0, 3 * MILLISECOND] {
            let mut course = Course::begin(0);
            course.acked(5 * MILLISECOND);
            course.turn_over(SECOND + late, counters(7));
            assert!(course.is_due(2 * SECOND), "being late once does not move the next second");
            course.turn_over(2 * SECOND, counters(9));
            course.turn_over(2 * SECOND + late + MILLISECOND, counters(12));
            course.generator.push(Reading { at: SECOND + late, usage: used(1.5) });
            let text = serde_json::to_string(&course).expect("JSON");
            whole.merge(&serde_json::from_str(&text).expect("the same"));
        }
        assert_eq!((whole.steps.len(), whole.ack().count()), (3, 2));
        assert_eq!(whole.steps[0].counted, Counters { connections: 8, ..counters(14) });
        assert_eq!(whole.steps[2].counted, Counters { connections: 8, ..counters(6) });
        assert_eq!(
            whole.generator,
            [Reading { at: SECOND, usage: Usage { anonymous_bytes: 18, ..used(3.0) } }]
        );
    }

    #[test]
    fn two_steps_in_one_second_are_one_process_and_not_two() {
        let mut course = Course::begin(0);
        course.turn_over(300 * MILLISECOND, counters(1));
        course.turn_over(SECOND, counters(3));
        let mut whole = Course::default();
        whole.merge(&course);
        assert_eq!((whole.steps.len(), whole.steps[0].length), (1, SECOND));
        assert_eq!(whole.steps[0].counted, counters(3));
    }

    #[test]
    fn processors_are_the_difference_of_two_readings() {
        let reading = |at, cpu_seconds| Reading { at, usage: used(cpu_seconds) };
        let json = readings(&[reading(0, 1.0), reading(2 * SECOND, 4.0)], 0);
        assert_eq!(json, [json!({ "at": 2.0, "cpus": 1.5, "anonymous_bytes": 9 })]);
    }
}
