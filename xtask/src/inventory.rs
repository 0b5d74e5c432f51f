//! The metrics of every crate: what the sources use, what the inventories say, and the document made of it.

use std::fmt::Write;

use crate::rust_text::{first_literal, line_of, literals, macro_calls, product_code};
use crate::tree;

/// One line of a crate's `INVENTORY`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Metric {
    /// `<crate>_<what>_<unit>`.
    pub name: String,
    /// `counter`, `gauge` or `histogram`.
    pub kind: String,
    /// One sentence.
    pub help: String,
    /// Which crate's.
    pub owner: String,
}

/// A use of a metric in the code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    /// `None` when it is not spelled as a literal at the macro.
    pub name: Option<String>,
    /// Which macro.
    pub kind: String,
    /// `path:line`.
    pub place: String,
}

/// The inventories of all crates: the `INVENTORY` constants in `<crate>/src/**/metrics.rs`, by name.
pub fn read() -> anyhow::Result<Vec<Metric>> {
    let mut metrics = Vec::new();
    for source in tree::rust_sources()? {
        if source.is_product() && source.path.ends_with("/metrics.rs") {
            let owner = source.path.split('/').next().unwrap_or_default();
            metrics.extend(in_text(&source.text, owner)?);
        }
    }
    metrics.sort();
    Ok(metrics)
}

/// The tuples of three strings in the text's `INVENTORY`.
pub fn in_text(text: &str, owner: &str) -> anyhow::Result<Vec<Metric>> {
    let code = product_code(text);
    let Some(start) = code.find("const INVENTORY") else { return Ok(Vec::new()) };
    let end = code[start..].find("];").map_or(code.len(), |length| start + length);
    let words: Vec<_> =
        literals(&code[start..end]).into_iter().map(|literal| unescape(&literal.text)).collect();
    anyhow::ensure!(words.len() % 3 == 0, "{owner}: an entry of INVENTORY is not (name, kind, help)");
    Ok(words
        .chunks(3)
        .map(|entry| Metric {
            name: entry[0].clone(),
            kind: entry[1].clone(),
            help: entry[2].clone(),
            owner: owner.to_owned(),
        })
        .collect())
}

/// A string that goes on in the next line has a backslash there, and the indentation is not part of it.
fn unescape(text: &str) -> String {
    let lines: Vec<_> = text.split("\\\n").collect();
    let joined: String =
        lines.iter().enumerate().map(|(n, line)| if n == 0 { line } else { line.trim_start() }).collect();
    joined.replace("\\\"", "\"")
}

/// Every use of a metrics macro in what is built into the product.
pub fn uses() -> anyhow::Result<Vec<Use>> {
    let sources = tree::rust_sources()?;
    Ok(sources.iter().filter(|source| source.is_product()).flat_map(|s| uses_in(&s.text, &s.path)).collect())
}

/// The uses in one file. A crate's `metrics.rs` may pass names on, in macros or functions of its own; see [`named_in`].
pub fn uses_in(text: &str, path: &str) -> Vec<Use> {
    let code = product_code(text);
    let calls = macro_calls(&code, &["counter", "gauge", "histogram"]);
    calls
        .into_iter()
        .filter(|call| first_literal(call).is_some() || !path.ends_with("/metrics.rs"))
        .map(|call| Use {
            name: first_literal(&call),
            place: format!("{path}:{}", call.line),
            kind: call.name,
        })
        .collect()
}

/// Names that a crate's `metrics.rs` spells outside its `INVENTORY`: what its own macros register.
pub fn named_in(text: &str) -> Vec<String> {
    let code = product_code(text);
    let inventory = code
        .find("const INVENTORY")
        .map(|start| start..code[start..].find("];").map_or(code.len(), |length| start + length));
    let outside = literals(&code)
        .into_iter()
        .filter(|literal| inventory.as_ref().is_none_or(|inventory| !inventory.contains(&literal.offset)));
    outside.map(|literal| literal.text).collect()
}

/// `docs/METRICS.md`.
pub fn document(metrics: &[Metric]) -> String {
    let mut text = String::from(
        "# Metrics\n\nServed by the admin port at `/metrics` in the Prometheus text format. This page is made from the crates'\n\
         inventories by `cargo xtask metrics > docs/METRICS.md`, and a test keeps it true.\n",
    );
    let mut owner = "";
    for metric in metrics_by_owner(metrics) {
        if metric.owner != owner {
            owner = &metric.owner;
            let _ = write!(text, "\n## {owner}\n\n| metric | kind | what it says |\n|---|---|---|\n");
        }
        let _ = writeln!(text, "| `{}` | {} | {} |", metric.name, metric.kind, capitalised(&metric.help));
    }
    text
}

fn metrics_by_owner(metrics: &[Metric]) -> Vec<&Metric> {
    let mut sorted: Vec<_> = metrics.iter().collect();
    sorted.sort_by(|a, b| (&a.owner, &a.name).cmp(&(&b.owner, &b.name)));
    sorted
}

fn capitalised(sentence: &str) -> String {
    let mut letters = sentence.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// Where a text names something, as `path:line`, for failure messages.
pub fn place(path: &str, text: &str, offset: usize) -> String {
    format!("{path}:{}", line_of(text, offset))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inventory_is_read_from_its_text() {
        let text = "/// Doc.\npub const INVENTORY: &[(&str, &str, &str)] = &[\n    (\"a_total\", \"counter\", \"One \\\n        line.\"),\n];";
        let metrics = in_text(text, "a").unwrap();
        assert_eq!(metrics.len(), 1);
        assert_eq!(metrics[0].name, "a_total");
        assert_eq!(metrics[0].help, "One line.");
        assert!(document(&metrics).contains("| `a_total` | counter | One line. |"));
    }

    #[test]
    fn uses_are_found_with_and_without_a_literal() {
        let uses = uses_in(
            "metrics::counter!(\"a_total\", \"k\" => \"v\");\nhistogram!(NAME);\ndescribe_counter!(x);",
            "f.rs",
        );
        let names: Vec<_> = uses.iter().map(|used| used.name.as_deref()).collect();
        assert_eq!(names, [Some("a_total"), None]);
        assert_eq!(uses[1].place, "f.rs:2");
    }
}
