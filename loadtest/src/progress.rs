//! How far a run is, on standard error: a picture that is drawn again each second where there is a terminal, else a line a
//! second.

use std::io::{IsTerminal as _, Write as _};

use crate::clock::{Nanos, SECOND};
use crate::figures::{Figure, Unit, grouped};
use crate::sampler::Reading;

/// What is shown.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sample {
    /// Messages that the run is going to send; 0 when it has no end in messages.
    pub planned: u64,
    /// Messages sent.
    pub sent: u64,
    /// Messages acknowledged or refused.
    pub settled: u64,
    /// Deliveries.
    pub delivered: u64,
    /// Refusals.
    pub refused: u64,
    /// Sockets that the server closed.
    pub closed: u64,
    /// Of deliveries in the last second, seconds.
    pub delivery_p50: f64,
    /// Of deliveries in the last second, seconds.
    pub delivery_p99: f64,
    /// The last two readings of the server.
    pub server: Option<(Reading, Reading)>,
}

/// Shows progress, unless told not to.
#[derive(Debug)]
pub struct Progress {
    scenario: &'static str,
    verbosity: Verbosity,
    shown_at: Nanos,
    before: Sample,
    /// The 99th percentile of each second.
    history: Vec<f64>,
    /// Lines of the picture that is on the terminal now.
    drawn: usize,
}

/// Seconds in the picture's history.
const HISTORY: usize = 60;
/// Characters of the bar.
const BAR: usize = 40;
const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

impl Progress {
    /// Of one scenario.
    pub fn of(scenario: &'static str, verbosity: Verbosity) -> Self {
        Self { scenario, verbosity, shown_at: 0, before: Sample::default(), history: Vec::new(), drawn: 0 }
    }

    /// Whether a second has passed.
    pub fn is_due(&self, now: Nanos) -> bool {
        now >= self.shown_at + SECOND
    }

    /// Says something.
    pub fn say(&mut self, what: &str) {
        if self.verbosity != Verbosity::Quiet {
            eprintln!("{}: {what}", self.scenario);
            // What is on the terminal now stays there.
            self.drawn = 0;
        }
    }

    /// Shows how far the run is.
    pub fn show(&mut self, now: Nanos, sample: Sample) {
        let lines = self.lines(now, &sample);
        match self.verbosity {
            Verbosity::Quiet => {}
            Verbosity::Lines => eprintln!("{}: {}", self.scenario, line(now, &lines.rates, &sample)),
            Verbosity::Picture => self.draw(&lines.picture),
        }
        (self.shown_at, self.before) = (now, sample);
    }

    /// Shows how many connections are held.
    pub fn hold(&mut self, now: Nanos, connections: u64, closed: u64) {
        let held = format!("{:>4} s  {} connections", now / SECOND, grouped(connections as f64));
        let text = if closed > 0 {
            format!("{held}, {} closed by the server", grouped(closed as f64))
        } else {
            held
        };
        match self.verbosity {
            Verbosity::Quiet => {}
            Verbosity::Lines => eprintln!("{}: {text}", self.scenario),
            Verbosity::Picture => self.draw(&[text]),
        }
        self.shown_at = now;
    }

    fn lines(&mut self, now: Nanos, sample: &Sample) -> Lines {
        let seconds = (now.saturating_sub(self.shown_at)) as f64 / SECOND as f64;
        let rate = |now: u64, before: u64| grouped((now.saturating_sub(before) as f64 / seconds).round());
        let rates = format!(
            "sent {}/s  answered {}/s  delivered {}/s",
            rate(sample.sent, self.before.sent),
            rate(sample.settled, self.before.settled),
            rate(sample.delivered, self.before.delivered),
        );
        self.history.push(sample.delivery_p99);
        if self.history.len() > HISTORY {
            self.history.remove(0);
        }
        let mut picture = Vec::new();
        if sample.planned > 0 {
            picture.push(bar(now, sample));
        }
        picture.push(format!(
            "{rates}  in flight {}",
            grouped(sample.sent.saturating_sub(sample.settled) as f64)
        ));
        picture.push(format!(
            "delivery p50 {}  p99 {}  {}",
            time(sample.delivery_p50),
            time(sample.delivery_p99),
            spark(&self.history)
        ));
        if let Some((before, last)) = &sample.server {
            let cpus = (last.usage.cpu_seconds - before.usage.cpu_seconds) * SECOND as f64
                / (last.at.saturating_sub(before.at).max(1)) as f64;
            let memory = last.usage.anonymous_bytes as f64 / f64::from(1 << 20);
            picture.push(format!("server {cpus:.2} processors, {memory:.0} MiB"));
        }
        if sample.refused + sample.closed > 0 {
            picture.push(format!(
                "refused {}  sockets closed {}",
                grouped(sample.refused as f64),
                grouped(sample.closed as f64)
            ));
        }
        Lines { rates, picture }
    }

    fn draw(&mut self, picture: &[String]) {
        let mut text = String::new();
        if self.drawn > 0 {
            text += &format!("\x1b[{}A\x1b[J", self.drawn);
        }
        for line in picture {
            // A line that wraps would be counted as one and leave half of itself behind.
            text += &format!("\x1b[?7l{}: {line}\x1b[?7h\n", self.scenario);
        }
        self.drawn = picture.len();
        // A terminal that is gone is no reason to end a measurement.
        let _ = std::io::stderr().write_all(text.as_bytes());
    }
}

struct Lines {
    rates: String,
    picture: Vec<String>,
}

fn line(now: Nanos, rates: &str, sample: &Sample) -> String {
    let mut line = format!(
        "{:>4} s  {rates}  in flight {}  delivery p99 {:.1} ms",
        now / SECOND,
        grouped(sample.sent.saturating_sub(sample.settled) as f64),
        sample.delivery_p99 * 1e3,
    );
    if sample.refused + sample.closed > 0 {
        line += &format!("  refused {}  sockets closed {}", sample.refused, sample.closed);
    }
    line
}

/// How much of the schedule has left.
fn bar(now: Nanos, sample: &Sample) -> String {
    let share = (sample.sent as f64 / sample.planned as f64).clamp(0.0, 1.0);
    let full = (share * BAR as f64).round() as usize;
    format!("{}{} {:>3.0} %  {} s", "█".repeat(full), "░".repeat(BAR - full), share * 100.0, now / SECOND)
}

/// One character a second, the highest as high as a line.
fn spark(values: &[f64]) -> String {
    let top = values.iter().copied().fold(1e-9, f64::max);
    let block = |value: &f64| BLOCKS[((value / top * 7.0).round() as usize).min(7)];
    values.iter().map(block).collect()
}

fn time(seconds: f64) -> String {
    Figure { name: String::new(), value: seconds, unit: Unit::Seconds }.shown()
}

/// How progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verbosity {
    /// Drawn again and again.
    Picture,
    /// A line a second.
    Lines,
    /// Nothing.
    Quiet,
}

impl Verbosity {
    /// What standard error can show.
    pub fn of_terminal() -> Self {
        if std::io::stderr().is_terminal() { Self::Picture } else { Self::Lines }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_picture_says_how_far_how_fast_and_how_slow() {
        let mut progress = Progress::of("dm", Verbosity::Quiet);
        let sample = Sample {
            planned: 4000,
            sent: 1000,
            settled: 900,
            delivered: 800,
            delivery_p99: 0.012,
            refused: 3,
            ..Sample::default()
        };
        let lines = progress.lines(2 * SECOND, &sample);
        assert_eq!(lines.rates, "sent 500/s  answered 450/s  delivered 400/s");
        assert!(lines.picture[0].starts_with(&"█".repeat(10)) && lines.picture[0].contains("25 %"));
        assert!(lines.picture[1].ends_with("in flight 100"), "{:?}", lines.picture);
        assert!(lines.picture[2].contains("p99 12.00 ms  █"), "{:?}", lines.picture);
        assert_eq!(lines.picture[3], "refused 3  sockets closed 0");
    }

    #[test]
    fn the_highest_second_is_as_high_as_a_line() {
        assert_eq!(spark(&[0.0, 0.5, 1.0]), "▁▅█");
        assert_eq!(spark(&[]), "");
    }
}
