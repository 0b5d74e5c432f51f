//! The queue table of docs/ARCHITECTURE.md: each queue has a bound, an action when full and a metric that exists, and each
//! channel made in the code has its file in the table.

use std::collections::BTreeSet;

use xtask::rust_text::{line_of, product_code};
use xtask::{inventory, tree};

struct Row {
    name: String,
    file: String,
    bound: String,
    full: String,
    metric: String,
}

fn rows(document: &str) -> Vec<Row> {
    let section = document.split("\n## Queues").nth(1).unwrap_or_default();
    let section = section.split("\n## ").next().unwrap_or_default();
    let lines = section.lines().filter(|line| line.starts_with('|')).skip(2);
    lines
        .map(|line| {
            let mut cells = line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned());
            let mut next = || cells.next().unwrap_or_default();
            Row { name: next(), file: next(), bound: next(), full: next(), metric: next() }
        })
        .collect()
}

fn code_words(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

#[test]
fn every_row_is_complete_and_names_what_exists() {
    let metrics: BTreeSet<_> = inventory::read().unwrap().into_iter().map(|metric| metric.name).collect();
    let sources = tree::rust_sources().unwrap();
    let settings = tree::document("server/config.default.toml").unwrap();
    let rows = rows(&tree::document("docs/ARCHITECTURE.md").unwrap());
    assert!(rows.len() >= 8, "the table was found");
    let mut problems = Vec::new();
    for row in &rows {
        if [&row.name, &row.file, &row.bound, &row.full, &row.metric].iter().any(|cell| cell.is_empty()) {
            problems.push(format!("{}: an empty cell", row.name));
        }
        for file in code_words(&row.file) {
            if !tree::root().join(file).is_file() {
                problems.push(format!("{}: no file {file}", row.name));
            }
        }
        for bound in code_words(&row.bound) {
            let known = settings.contains(&format!("{} = ", bound.rsplit('.').next().unwrap_or(bound)))
                || sources.iter().any(|source| source.text.contains(&format!("const {bound}:")));
            if !known {
                problems.push(format!("{}: {bound} is neither a setting nor a constant", row.name));
            }
        }
        if code_words(&row.metric).is_empty() {
            problems.push(format!("{}: names no metric", row.name));
        }
        for metric in code_words(&row.metric) {
            if !metrics.contains(metric) {
                problems.push(format!("{}: no metric {metric}", row.name));
            }
        }
    }
    assert_eq!(problems, Vec::<String>::new());
}

#[test]
fn every_channel_in_the_code_is_in_the_table() {
    let document = tree::document("docs/ARCHITECTURE.md").unwrap();
    let rows = rows(&document);
    let listed: BTreeSet<_> = rows.iter().flat_map(|row| code_words(&row.file)).collect();
    // Programs that measure or check, rather than serve.
    let tools = ["xtask/", "loadtest/", "client/"];
    let makers =
        ["mpsc::channel(", "mpsc::channel::<", "sync_channel(", "sync_channel::<", "broadcast::channel("];
    let mut missing = Vec::new();
    for source in tree::rust_sources().unwrap() {
        if !source.is_product() || tools.iter().any(|tool| source.path.starts_with(tool)) {
            continue;
        }
        let code = product_code(&source.text);
        for offset in makers.iter().filter_map(|maker| code.find(maker)) {
            if !listed.contains(source.path.as_str()) {
                missing.push(format!("{}:{} makes a queue", source.path, line_of(&code, offset)));
            }
        }
    }
    assert_eq!(missing, Vec::<String>::new(), "add it to the table in docs/ARCHITECTURE.md");
}
