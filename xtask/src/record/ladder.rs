//! Rising rates until one does not hold.
//!
//! A rate holds when the generator kept its schedule, the audit found nothing, everything was acknowledged and the p99 of
//! acknowledgement and delivery are below the limit. One that does not hold is tried once more, because anything else that
//! runs on the machine can spoil a step; both tries are written down. A second failure ends the ladder.

use super::bench::Bench;
use crate::programs::Figures;

/// Tries of one rate.
const TRIES: u32 = 2;

/// A ladder, before it is climbed.
#[derive(Clone, Debug)]
pub(super) struct Ladder {
    /// `dm` or `group`.
    pub scenario: &'static str,
    /// For the generator, besides the rate.
    pub arguments: Vec<String>,
    /// Variables of the server's environment.
    pub settings: Vec<(&'static str, String)>,
    /// Rising, in `unit`.
    pub rates: Vec<u32>,
    /// How many of `unit` one message makes.
    pub per_message: u32,
    /// What is counted: `messages` or `deliveries`.
    pub unit: &'static str,
    /// Seconds: p99 must be below.
    pub p99_max: f64,
}

/// A ladder that was climbed.
#[derive(Clone, Debug)]
pub(super) struct Climb {
    pub ladder: Ladder,
    pub steps: Vec<Step>,
}

/// One try of one rate.
#[derive(Clone, Debug)]
pub(super) struct Step {
    /// In the ladder's unit, a second.
    pub rate: u32,
    pub figures: Figures,
    pub outcome: Outcome,
}

/// How a try ended.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Outcome {
    Held,
    /// Why not.
    Missed(String),
    /// The audit failed: worse than slow.
    Faults,
}

impl Ladder {
    /// Climbs.
    pub(super) fn climb(self, bench: &Bench<'_>) -> anyhow::Result<Climb> {
        let mut climb = Climb { steps: Vec::new(), ladder: self };
        for index in 0..climb.ladder.rates.len() {
            let rate = climb.ladder.rates[index];
            let mut held = false;
            for attempt in 1..=TRIES {
                let step = climb.ladder.step(bench, rate, attempt)?;
                held = step.outcome == Outcome::Held;
                climb.steps.push(step);
                if held {
                    break;
                }
            }
            if !held {
                break;
            }
        }
        Ok(climb)
    }

    fn step(&self, bench: &Bench<'_>, rate: u32, attempt: u32) -> anyhow::Result<Step> {
        let suffix = if attempt > 1 { format!("-try{attempt}") } else { String::new() };
        let name = format!("{}-{rate}{suffix}", self.scenario);
        println!("{}: {rate} {} a second", self.scenario, self.unit);
        let mut arguments = self.arguments.clone();
        arguments.insert(0, self.scenario.to_owned());
        let messages = f64::from(rate) / f64::from(self.per_message);
        arguments.extend(["--rate".to_owned(), messages.to_string()]);
        let settings: Vec<(&str, &str)> =
            self.settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let figures = bench.measure(&name, &settings, &arguments)?;
        let outcome = self.judge(&figures);
        let shown = |name: &str| self.milliseconds(&figures, name);
        match &outcome {
            Outcome::Held => {
                println!("  held: p99 ack {}, delivery {}", shown("ack.p99"), shown("delivery.p99"))
            }
            Outcome::Missed(why) => println!("  did not hold: {why}"),
            Outcome::Faults => println!("  AUDIT FAILED: {}", figures.report["verdict"]),
        }
        Ok(Step { rate, figures, outcome })
    }

    fn judge(&self, figures: &Figures) -> Outcome {
        let figure = |name: &str| figures.get(&format!("{}.{name}", self.scenario));
        match figures.code {
            0 => {}
            3 => return Outcome::Faults,
            2 => return Outcome::Missed("the generator could not keep its schedule".to_owned()),
            code => return Outcome::Missed(format!("the generator ended with code {code}")),
        }
        for name in ["refused", "unanswered"] {
            match figure(name) {
                Some(0.0) => {}
                Some(count) => return Outcome::Missed(format!("{count} messages {name}")),
                None => return Outcome::Missed(format!("the report does not say how many were {name}")),
            }
        }
        for name in ["ack.p99", "delivery.p99"] {
            match figure(name) {
                Some(seconds) if seconds < self.p99_max => {}
                _ => {
                    let shown = self.milliseconds(figures, name);
                    return Outcome::Missed(format!(
                        "{name} was {shown}, the limit is {} ms",
                        self.p99_max * 1e3
                    ));
                }
            }
        }
        Outcome::Held
    }

    /// A latency for people; a dash when the generator does not tell it.
    pub(super) fn milliseconds(&self, figures: &Figures, name: &str) -> String {
        let seconds = figures.get(&format!("{}.{name}", self.scenario));
        seconds.map_or_else(|| "–".to_owned(), |seconds| format!("{:.1} ms", seconds * 1e3))
    }
}

impl Climb {
    /// The step with the highest rate that held.
    pub(super) fn best(&self) -> Option<&Step> {
        self.steps.iter().rfind(|step| step.outcome == Outcome::Held)
    }

    /// Whether any audit failed.
    pub(super) fn has_faults(&self) -> bool {
        self.steps.iter().any(|step| step.outcome == Outcome::Faults)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::json;

    use super::*;

    pub(in crate::record) fn ladder() -> Ladder {
        Ladder {
            scenario: "dm",
            arguments: vec!["--connections".to_owned(), "10".to_owned()],
            settings: Vec::new(),
            rates: vec![100, 200],
            per_message: 1,
            unit: "messages",
            p99_max: 0.05,
        }
    }

    pub(in crate::record) fn figures(code: i32, ack_p99: f64, refused: u64) -> Figures {
        let value = |value: f64| json!({ "value": value });
        let report = json!({ "figures": {
            "dm.ack.p99": value(ack_p99),
            "dm.delivery.p99": value(0.01),
            "dm.refused": json!({ "value": refused }),
            "dm.unanswered": json!({ "value": 0 }),
            "dm.server.cpu_per_message": value(0.000_025),
        }});
        Figures { code, report }
    }

    #[test]
    fn a_rate_holds_only_if_nothing_is_wrong_with_it() {
        let judge = |code, p99, refused| ladder().judge(&figures(code, p99, refused));
        assert_eq!(judge(0, 0.049, 0), Outcome::Held);
        assert!(matches!(judge(0, 0.05, 0), Outcome::Missed(why) if why.contains("ack.p99 was 50.0 ms")));
        assert!(matches!(judge(0, 0.01, 3), Outcome::Missed(why) if why == "3 messages refused"));
        assert!(matches!(judge(2, 0.01, 0), Outcome::Missed(_)));
        assert!(matches!(judge(1, 0.01, 0), Outcome::Missed(_)));
        assert_eq!(judge(3, 0.01, 0), Outcome::Faults);
    }

    #[test]
    fn a_report_without_figures_holds_nothing() {
        let empty = Figures { code: 0, report: json!({}) };
        assert!(matches!(ladder().judge(&empty), Outcome::Missed(_)));
    }
}
