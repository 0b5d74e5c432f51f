//! The README of a record.

use serde_json::Value;

use super::ladder::{Climb, Outcome};
use super::summary::Summary;
use crate::programs::Figures;

/// The table of targets.
pub(super) fn targets(summary: &Summary) -> String {
    let mut text = "| what | target | measured | |\n|---|---|---|---|\n".to_owned();
    for target in summary.targets() {
        let met = match (summary.quick, target.met) {
            (true, _) => "quick: no record",
            (false, true) => "met",
            (false, false) => "**missed**",
        };
        text += &format!("| {} | {} | {} | {met} |\n", target.what, target.target, target.measured);
    }
    text
}

/// The whole page.
pub(super) fn whole(summary: &Summary) -> String {
    let machine = summary.machine();
    let memory = machine["memory_bytes"].as_f64().unwrap_or_default() / f64::from(1 << 30);
    let word = |name: &str| machine[name].as_str().unwrap_or("unknown").to_owned();
    let mut text = format!(
        "# Measured: server and load generator together on one machine\n\n```sh\n{}\n```\n\n",
        summary.command
    );
    if summary.quick {
        text += "A quick run, to see that the command works: short, few connections, no record.\n\n";
    }
    text += &targets(summary);
    text += &format!(
        "\nMachine: {}, {} cores, {memory:.0} GiB, Linux {}; {}. Commit {}. Load average before the run: {}.\n",
        word("cpu_model"),
        machine["cpus"],
        word("kernel"),
        summary.compiler,
        word("commit"),
        summary.load_before,
    );
    text += "\nEach step has a server of its own on an empty data directory, with the default settings unless said otherwise. \
             Messages leave on a fixed schedule; every latency counts from the moment a message was due. Every delivery is \
             audited. Processor time is that of the whole server process (`/proc/<pid>/stat`) from the first measured message \
             until everything was answered and delivered, divided by what was acknowledged. A rate that did not hold was \
             tried once more. All figures of a step, with its command, are in its `.json`.\n";
    for climb in [&summary.dm, &summary.group].into_iter().flatten() {
        text += &section(climb);
    }
    text
}

fn section(climb: &Climb) -> String {
    let ladder = &climb.ladder;
    let mut text = format!("\n## {}: {} a second\n\n", ladder.scenario, ladder.unit);
    if let Some(step) = climb.steps.first() {
        text += &format!("`{}` and so on", step.figures.report["command"].as_str().unwrap_or_default());
        for (name, value) in &ladder.settings {
            text += &format!(", server with `{name}={value}`");
        }
        text += &format!(". Processor time is for one of the {}.\n\n", ladder.unit);
    }
    text += "| rate | ack p50 | p99 | p999 | delivery p50 | p99 | p999 | server | generator | |\n";
    text += "|--:|--:|--:|--:|--:|--:|--:|--:|--:|---|\n";
    for step in &climb.steps {
        text += &format!("| {} |", grouped(step.rate));
        for name in ["ack.p50", "ack.p99", "ack.p999", "delivery.p50", "delivery.p99", "delivery.p999"] {
            text += &format!(" {} |", ladder.milliseconds(&step.figures, name));
        }
        for who in ["server", "generator"] {
            text += &format!(
                " {} |",
                processor(&step.figures, &format!("{}.{who}", ladder.scenario), ladder.per_message)
            );
        }
        text += &match &step.outcome {
            Outcome::Held => " held |\n".to_owned(),
            Outcome::Missed(why) => format!(" {why} |\n"),
            Outcome::Faults => format!(" **audit failed**: {} |\n", lines(&step.figures.report["verdict"])),
        };
    }
    text
}

fn lines(verdict: &Value) -> String {
    let lines = verdict.as_array().map(Vec::as_slice).unwrap_or_default();
    lines.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("; ")
}

/// Processor time of `dm.server` or the like, user and system apart, for each of the `share` parts of a message.
pub(super) fn processor(figures: &Figures, who: &str, share: u32) -> String {
    let micros =
        |name: &str| figures.get(&format!("{who}.{name}")).map(|seconds| seconds * 1e6 / f64::from(share));
    match (micros("cpu_per_message"), micros("user_per_message"), micros("system_per_message")) {
        (Some(all), Some(user), Some(system)) if share > 1 => {
            format!("{all:.2} µs (user {user:.2}, system {system:.2})")
        }
        (Some(all), Some(user), Some(system)) => {
            format!("{all:.1} µs (user {user:.1}, system {system:.1})")
        }
        (Some(all), ..) => format!("{all:.1} µs"),
        _ => "–".to_owned(),
    }
}

/// 1234567 as 1,234,567.
pub(super) fn grouped(number: u32) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::ladder::Step;
    use super::super::ladder::tests::{figures, ladder};
    use super::*;

    fn summary(quick: bool) -> Summary {
        let mut summary = Summary::begin("cargo xtask record".to_owned(), quick);
        let step = |rate, p99, outcome| Step { rate, figures: figures(0, p99, 0), outcome };
        let steps = vec![
            step(25_000, 0.01, Outcome::Held),
            step(30_000, 0.2, Outcome::Missed("ack.p99 was 200.0 ms".to_owned())),
        ];
        summary.dm = Some(Climb { ladder: ladder(), steps });
        summary
    }

    #[test]
    fn the_highest_rate_that_held_is_held_against_the_target() {
        let page = whole(&summary(false));
        assert!(
            page.contains("| ≥ 25,000 | 25,000 (ack p99 10.0 ms, delivery p99 10.0 ms) | met |"),
            "{page}"
        );
        assert!(page.contains("| ≤ 30 µs | 25.0 µs | met |"), "{page}");
        assert!(page.contains("| 30,000 | – | 200.0 ms |"), "{page}");
        assert!(summary(false).is_good());
    }

    #[test]
    fn a_missed_target_or_a_failed_audit_is_not_good_and_a_quick_run_meets_no_target() {
        let mut missed = summary(false);
        missed.dm.as_mut().expect("dm").steps.remove(0);
        assert!(!missed.is_good() && targets(&missed).contains("no rate held | **missed**"));
        let mut faulty = summary(true);
        assert!(faulty.is_good() && targets(&faulty).contains("quick: no record"));
        faulty.dm.as_mut().expect("dm").steps[1].outcome = Outcome::Faults;
        assert!(!faulty.is_good());
    }
}
