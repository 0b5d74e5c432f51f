//! Named figures of a run: what is printed, written as JSON and required.

use serde::Serialize;

use crate::audit::Findings;
use crate::latency::Latencies;
use crate::server_process::Usage;

/// What a figure counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Unit {
    /// Time.
    #[serde(rename = "s")]
    Seconds,
    /// How often in a second.
    #[serde(rename = "1/s")]
    PerSecond,
    /// How many.
    #[serde(rename = "")]
    Count,
    /// Memory.
    #[serde(rename = "B")]
    Bytes,
}

impl Unit {
    /// As a report writes it.
    pub fn from_symbol(symbol: &str) -> Self {
        match symbol {
            "s" => Self::Seconds,
            "1/s" => Self::PerSecond,
            "B" => Self::Bytes,
            _ => Self::Count,
        }
    }
}

/// One figure.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figure {
    /// `dm.delivery.p99`.
    pub name: String,
    /// In `unit`.
    pub value: f64,
    /// What it counts.
    pub unit: Unit,
}

/// All figures of a scenario, in the order in which they were added.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    prefix: String,
    all: Vec<Figure>,
}

impl Figures {
    /// Names begin with `prefix` and a dot.
    pub fn of(prefix: &str) -> Self {
        Self { prefix: prefix.to_owned(), all: Vec::new() }
    }

    /// Adds one.
    pub fn add(&mut self, name: &str, value: f64, unit: Unit) {
        self.all.push(Figure { name: format!("{}.{name}", self.prefix), value, unit });
    }

    /// Adds a count.
    pub fn count(&mut self, name: &str, value: u64) {
        self.add(name, value as f64, Unit::Count);
    }

    /// Adds the usual quantiles.
    pub fn latencies(&mut self, name: &str, latencies: &Latencies) {
        for (label, quantile) in [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p999", 0.999)] {
            self.add(&format!("{name}.{label}"), latencies.quantile_seconds(quantile), Unit::Seconds);
        }
        self.add(&format!("{name}.mean"), latencies.mean_seconds(), Unit::Seconds);
        self.add(&format!("{name}.max"), latencies.max_seconds(), Unit::Seconds);
    }

    /// Adds the processor time that `who` used for each of `messages`, and how many processors it kept busy.
    pub fn usage(&mut self, who: &str, usage: &Usage, messages: f64, seconds: f64) {
        let system = usage.cpu_seconds - usage.user_seconds;
        self.add(&format!("{who}.cpu_per_message"), usage.cpu_seconds / messages, Unit::Seconds);
        if usage.user_seconds > 0.0 {
            self.add(&format!("{who}.user_per_message"), usage.user_seconds / messages, Unit::Seconds);
            self.add(&format!("{who}.system_per_message"), system / messages, Unit::Seconds);
        }
        self.add(&format!("{who}.cpus"), usage.cpu_seconds / seconds, Unit::Count);
    }

    /// Adds what the audit found.
    pub fn findings(&mut self, findings: &Findings) {
        self.count("acked", findings.acked);
        self.count("delivered", findings.delivered);
        self.count("lost", findings.lost);
        self.count("duplicated", findings.duplicated);
        self.count("reordered", findings.reordered);
        self.count("extra", findings.extra);
        self.count("unanswered", findings.unanswered);
        self.count("refused", findings.refused);
    }

    /// Adds those of another scenario.
    pub fn append(&mut self, mut other: Self) {
        self.all.append(&mut other.all);
    }

    /// All of them.
    pub fn all(&self) -> &[Figure] {
        &self.all
    }

    /// One of them.
    pub fn get(&self, name: &str) -> Option<&Figure> {
        self.all.iter().find(|figure| figure.name == name)
    }
}

impl Figure {
    /// The value for people.
    pub fn shown(&self) -> String {
        match self.unit {
            Unit::Seconds if self.value < 1e-3 => format!("{:.1} µs", self.value * 1e6),
            Unit::Seconds if self.value < 1.0 => format!("{:.2} ms", self.value * 1e3),
            Unit::Seconds => format!("{:.2} s", self.value),
            Unit::PerSecond => format!("{}/s", grouped(self.value)),
            Unit::Count => grouped(self.value),
            Unit::Bytes if self.value.abs() < 10_240.0 => format!("{:.0} B", self.value),
            Unit::Bytes => format!("{:.1} MiB", self.value / 1_048_576.0),
        }
    }
}

/// 1234567 as 1,234,567; below ten with two decimals unless whole.
pub fn grouped(value: f64) -> String {
    if value.abs() < 10.0 && value.fract() != 0.0 {
        return format!("{value:.2}");
    }
    let digits = format!("{:.0}", value.abs());
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    if value < 0.0 { format!("-{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_shown_for_people() {
        let shown = |value, unit| Figure { name: String::new(), value, unit }.shown();
        assert_eq!(shown(0.000_25, Unit::Seconds), "250.0 µs");
        assert_eq!(shown(0.0123, Unit::Seconds), "12.30 ms");
        assert_eq!(shown(25_000.4, Unit::PerSecond), "25,000/s");
        assert_eq!(shown(1_234_567.0, Unit::Count), "1,234,567");
        assert_eq!(shown(1023.0, Unit::Bytes), "1023 B");
        assert_eq!(grouped(-1000.0), "-1,000");
        assert_eq!(grouped(0.25), "0.25");
    }
}
