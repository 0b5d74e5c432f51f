//! Two reports side by side: which figures are better, which are worse, and whether they may be compared at all.

use std::path::Path;

use anyhow::{Context as _, bail};
use serde_json::Value;

use super::chart::escape;
use super::page;
use crate::figures::{Figure, Unit};

/// Which way is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Better {
    Less,
    More,
    /// It says how much was done, not how well.
    Neither,
}

/// What became of one figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// By more than noise.
    Better,
    /// By more than noise.
    Worse,
    /// Within noise.
    Alike,
    /// Neither way is good.
    Plain,
}

/// One figure in both reports.
#[derive(Clone, Debug)]
pub struct Row {
    name: String,
    unit: Unit,
    before: f64,
    after: f64,
    /// What became of it.
    pub change: Change,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// Every figure that both have.
    pub rows: Vec<Row>,
    /// What else is different between them.
    pub warnings: Vec<String>,
}

/// Ends of names whose figures say nothing about the server.
const NEITHER: [&str; 9] = [
    "connections",
    "messages",
    "rate.target",
    "acked",
    "delivered",
    "fetches",
    "clients",
    "groups",
    "anonymous_bytes_before",
];
/// Parts of names of counts that should be low.
const FAULTS: [&str; 10] =
    ["lost", "duplicated", "reordered", "extra", "unanswered", "refus", "closed", "unsent", "alarms", "cpus"];

impl Comparison {
    /// Compares two reports; differences of less than `noise` percent are none.
    pub fn of(before: &Value, after: &Value, noise: f64) -> anyhow::Result<Self> {
        let figures = before["figures"].as_object().context("the first is not a report")?;
        let others = after["figures"].as_object().context("the second is not a report")?;
        let rows: Vec<Row> = figures
            .iter()
            .filter_map(|(name, figure)| {
                let other = others.get(name)?;
                let unit = Unit::from_symbol(figure["unit"].as_str().unwrap_or_default());
                let (before, after) = (figure["value"].as_f64()?, other["value"].as_f64()?);
                let change = change(better(name, unit), before, after, noise);
                Some(Row { name: name.clone(), unit, before, after, change })
            })
            .collect();
        if rows.is_empty() {
            bail!("the two reports have no figure in common: they are of different scenarios");
        }
        Ok(Self { rows, warnings: warnings(before, after) })
    }

    /// How many figures changed so.
    pub fn count(&self, change: Change) -> usize {
        self.rows.iter().filter(|row| row.change == change).count()
    }

    /// Figures that are worse by more than `percent`.
    pub fn worse_than(&self, percent: f64) -> Vec<String> {
        let worse = self.rows.iter().filter(|row| row.change == Change::Worse && row.distance() > percent);
        worse
            .map(|row| format!("{}: {} became {}", row.name, row.shown(row.before), row.shown(row.after)))
            .collect()
    }

    /// In a sentence.
    pub fn verdict(&self) -> String {
        format!(
            "of {} figures that say how well it went, {} became better, {} worse and {} stayed alike",
            self.rows.len() - self.count(Change::Plain),
            self.count(Change::Better),
            self.count(Change::Worse),
            self.count(Change::Alike),
        )
    }

    /// A table for a terminal.
    pub fn text(&self) -> String {
        let width = self.rows.iter().map(|row| row.name.len()).max().unwrap_or(0);
        let mut text = format!("{:width$}  {:>14}  {:>14}  {:>8}\n", "", "A", "B", "B / A");
        for row in &self.rows {
            let (before, after) = (row.shown(row.before), row.shown(row.after));
            text += &format!(
                "{:width$}  {before:>14}  {after:>14}  {:>8}  {}\n",
                row.name,
                row.ratio(),
                row.word()
            );
        }
        for warning in &self.warnings {
            text += &format!("careful: {warning}\n");
        }
        text + &self.verdict() + "\n"
    }

    /// The same as a page.
    pub fn page(&self, names: [&Path; 2]) -> String {
        let mut body = format!("<h1>A and B</h1>\n<p class=verdict>{}</p>\n", escape(&self.verdict()));
        for warning in &self.warnings {
            body += &format!("<p class=\"verdict bad\">careful: {}</p>\n", escape(warning));
        }
        let [a, b] = names.map(|name| escape(&name.display().to_string()));
        body += &format!("<p>A is <code>{a}</code>, B is <code>{b}</code>.</p>\n<div class=wide><table>\n");
        body += "<tr><th></th><th>A</th><th>B</th><th>B / A</th><th></th></tr>\n";
        for row in &self.rows {
            let class = match row.change {
                Change::Better => "better",
                Change::Worse => "worse",
                Change::Alike | Change::Plain => "",
            };
            body += &format!(
                "<tr><td>{}</td><td class=n>{}</td><td class=n>{}</td><td class=n>{}</td><td class=\"{class}\">{}</td></tr>\n",
                escape(&row.name),
                escape(&row.shown(row.before)),
                escape(&row.shown(row.after)),
                row.ratio(),
                row.word(),
            );
        }
        page::document("loadtest compare", &(body + "</table></div>\n"))
    }
}

impl Row {
    fn shown(&self, value: f64) -> String {
        Figure { name: String::new(), value, unit: self.unit }.shown()
    }

    fn ratio(&self) -> String {
        if self.before == 0.0 { "–".to_owned() } else { format!("{:.2}", self.after / self.before) }
    }

    /// In percent of the larger; from nothing to something is all there is.
    fn distance(&self) -> f64 {
        distance(self.before, self.after)
    }

    fn word(&self) -> &'static str {
        match self.change {
            Change::Better => "better",
            Change::Worse => "worse",
            Change::Alike => "alike",
            Change::Plain => "",
        }
    }
}

fn distance(before: f64, after: f64) -> f64 {
    let smaller = before.abs().min(after.abs());
    if before == after { 0.0 } else { (before - after).abs() / smaller.max(f64::MIN_POSITIVE) * 100.0 }
}

fn better(name: &str, unit: Unit) -> Better {
    let rest = name.split_once('.').map_or(name, |(_, rest)| rest);
    if NEITHER.contains(&rest) || rest.starts_with("generator") || rest.starts_with("lateness") {
        return Better::Neither;
    }
    match unit {
        Unit::PerSecond => Better::More,
        Unit::Seconds | Unit::Bytes => Better::Less,
        Unit::Count if FAULTS.iter().any(|fault| rest.contains(fault)) => Better::Less,
        Unit::Count => Better::Neither,
    }
}

fn change(better: Better, before: f64, after: f64, noise: f64) -> Change {
    let is_better = match better {
        Better::Neither => return Change::Plain,
        Better::Less => after < before,
        Better::More => after > before,
    };
    match distance(before, after) {
        distance if distance <= noise => Change::Alike,
        _ if is_better => Change::Better,
        _ => Change::Worse,
    }
}

/// What makes a comparison doubtful.
fn warnings(before: &Value, after: &Value) -> Vec<String> {
    let mut warnings = Vec::new();
    for field in ["cpus", "cpu_model", "memory_bytes", "kernel"] {
        let (one, other) = (&before["machine"][field], &after["machine"][field]);
        if one != other {
            warnings.push(format!("the machines differ, {field}: {one} and {other}"));
        }
    }
    let empty = serde_json::Map::new();
    let settings = |report: &Value| report["settings"].as_object().unwrap_or(&empty).clone();
    let (one, other) = (settings(before), settings(after));
    for name in one.keys().chain(other.keys().filter(|name| !one.contains_key(*name))) {
        let (one, other) = (one.get(name).unwrap_or(&Value::Null), other.get(name).unwrap_or(&Value::Null));
        if one != other {
            warnings.push(format!("the settings differ, {name}: {one} and {other}"));
        }
    }
    for (label, report) in [("A", before), ("B", after)] {
        if report["exit_code"] != 0 {
            warnings.push(format!("{label} did not end well: {}", report["verdict"]));
        }
    }
    warnings
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn report(p99: f64, rate: f64, lost: u64, cpus: u64) -> Value {
        json!({
            "figures": {
                "dm.delivery.p99": { "value": p99, "unit": "s" },
                "dm.rate": { "value": rate, "unit": "1/s" },
                "dm.lost": { "value": lost, "unit": "" },
                "dm.messages": { "value": 5, "unit": "" },
            },
            "machine": { "cpus": cpus },
            "settings": { "rate": rate },
            "exit_code": 0,
        })
    }

    #[test]
    fn better_worse_and_alike_follow_the_meaning_of_each_figure() {
        let comparison =
            Comparison::of(&report(0.02, 1000.0, 0, 2), &report(0.01, 990.0, 1, 2), 5.0).expect("alike");
        let changes: Vec<_> = comparison.rows.iter().map(|row| (row.name.as_str(), row.change)).collect();
        let expected = [
            ("dm.delivery.p99", Change::Better),
            ("dm.lost", Change::Worse),
            ("dm.messages", Change::Plain),
            ("dm.rate", Change::Alike),
        ];
        assert_eq!(changes, expected);
        assert!(comparison.text().contains("0.50  better"), "{}", comparison.text());
        assert_eq!(comparison.worse_than(50.0).len(), 1);
        let page = comparison.page([Path::new("a<.json"), Path::new("b.json")]);
        assert!(page.contains("a&lt;.json") && page.contains("class=\"worse\""));
    }

    #[test]
    fn what_makes_it_doubtful_is_said() {
        let comparison =
            Comparison::of(&report(0.02, 1000.0, 0, 2), &report(0.02, 2000.0, 0, 4), 5.0).expect("alike");
        assert_eq!(comparison.warnings.len(), 2, "{:?}", comparison.warnings);
        let other = json!({ "figures": { "idle.opened": { "value": 1, "unit": "1/s" } } });
        assert!(Comparison::of(&report(0.1, 1.0, 0, 1), &other, 5.0).is_err());
        assert!(Comparison::of(&json!({}), &other, 5.0).is_err());
    }
}
