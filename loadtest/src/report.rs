//! The result of a run: on the terminal, and as JSON.

use std::path::Path;

use anyhow::Context as _;
use serde_json::{Map, Value, json};

use crate::figures::{Figures, Unit};
use crate::machine::Machine;
use crate::verdict::Verdict;

/// What is printed at the end.
pub fn text(figures: &Figures, verdict: &Verdict) -> String {
    let width = figures.all().iter().map(|figure| figure.name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for figure in figures.all() {
        text += &format!("{:width$}  {}\n", figure.name, figure.shown());
    }
    for line in verdict.lines() {
        text += &line;
        text.push('\n');
    }
    text
}

/// Writes the figures with everything that is needed to repeat them. `command` is what was typed, without secrets.
pub fn write_json(
    path: &Path,
    command: &str,
    settings: &Value,
    figures: &Figures,
    verdict: &Verdict,
) -> anyhow::Result<()> {
    let named: Map<String, Value> = figures
        .all()
        .iter()
        .map(|figure| {
            let whole = figure.unit == Unit::Count && figure.value.fract() == 0.0;
            let value = if whole { json!(figure.value as u64) } else { json!(figure.value) };
            (figure.name.clone(), json!({ "value": value, "unit": figure.unit }))
        })
        .collect();
    let report = json!({
        "command": command,
        "unix_time_ms": lifecycle::wall_clock_ms(),
        "machine": Machine::here(),
        "settings": settings,
        "figures": named,
        "exit_code": verdict.exit_code(),
        "verdict": verdict.lines(),
    });
    let text = serde_json::to_string_pretty(&report)? + "\n";
    std::fs::write(path, text).with_context(|| path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_whole_and_processors_are_not() {
        let mut figures = Figures::of("dm");
        figures.count("acked", 7);
        figures.add("server.cpus", 0.5, Unit::Count);
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("report.json");
        write_json(&path, "loadtest dm", &json!({}), &figures, &Verdict::Good).expect("written");
        let text = std::fs::read_to_string(&path).expect("there");
        let report: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(report["figures"]["dm.acked"]["value"], json!(7));
        assert_eq!(report["figures"]["dm.server.cpus"]["value"], json!(0.5));
        assert_eq!(report["exit_code"], json!(0));
    }
}
