//! The result of a run: on the terminal, as JSON, and as a page.

pub mod chart;
pub mod compare;
pub mod page;

use std::path::Path;

use anyhow::Context as _;
use serde_json::{Map, Value, json};

use crate::figures::{Figures, Unit};
use crate::machine::Machine;
use crate::scenario::Measured;
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

/// The figures with everything that is needed to repeat them. `command` is what was typed, without secrets.
pub fn json(command: &str, settings: &Value, measured: &Measured) -> Value {
    let named = measured.figures.all().iter().map(|figure| {
        let whole = figure.unit == Unit::Count && figure.value.fract() == 0.0;
        let value = if whole { json!(figure.value as u64) } else { json!(figure.value) };
        (figure.name.clone(), json!({ "value": value, "unit": figure.unit }))
    });
    let courses = measured.courses.iter().map(|(name, course)| ((*name).to_owned(), course.to_json()));
    let mut report = json!({
        "command": command,
        "unix_time_ms": lifecycle::wall_clock_ms(),
        "machine": Machine::here(),
        "settings": settings,
        "figures": named.collect::<Map<String, Value>>(),
        "exit_code": measured.verdict.exit_code(),
        "verdict": measured.verdict.lines(),
        "courses": courses.collect::<Map<String, Value>>(),
    });
    if let Some(steps) = &measured.steps {
        report["steps"] = steps.clone();
    }
    report
}

/// Writes a report.
pub fn write_json(path: &Path, report: &Value) -> anyhow::Result<()> {
    write(path, &(serde_json::to_string_pretty(report)? + "\n"))
}

/// Writes a file, and says which if it cannot.
pub fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(path, text).with_context(|| path.display().to_string())
}

#[cfg(test)]
mod tests;
