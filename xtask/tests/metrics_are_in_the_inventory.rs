//! Every metric is spelled at its macro, listed in its crate's `INVENTORY`, named after its crate with a unit, and documented.
//! `cargo test -p xtask --test metrics_are_in_the_inventory -- --nocapture` prints the list.

use std::collections::BTreeSet;

use xtask::{inventory, tree};

const HISTOGRAM_UNITS: &[&str] = &["_seconds", "_bytes", "_entries", "_frames", "_records", "_deliveries"];

#[test]
fn every_use_is_in_an_inventory_and_every_line_of_one_is_used() {
    let metrics = inventory::read().unwrap();
    let uses = inventory::uses().unwrap();
    assert!(!uses.is_empty(), "the uses were found");
    let mut problems = Vec::new();
    for used in &uses {
        let Some(name) = &used.name else {
            problems.push(format!("{}: spell the metric's name at the macro", used.place));
            continue;
        };
        let owner = used.place.split('/').next().unwrap();
        match metrics.iter().find(|metric| metric.name == *name) {
            None => problems.push(format!("{}: {name} is in no INVENTORY", used.place)),
            Some(metric) if metric.kind != used.kind => {
                problems.push(format!("{}: {name} is a {} in the INVENTORY", used.place, metric.kind));
            }
            Some(metric) if metric.owner != owner => {
                problems.push(format!("{}: {name} belongs to {}", used.place, metric.owner));
            }
            Some(_) => {}
        }
    }
    let sources = tree::rust_sources().unwrap();
    let registries = sources.iter().filter(|source| source.path.ends_with("/metrics.rs"));
    let mut used: BTreeSet<_> = registries.flat_map(|source| inventory::named_in(&source.text)).collect();
    used.extend(uses.into_iter().filter_map(|used| used.name));
    let idle = metrics.iter().filter(|metric| !used.contains(&metric.name));
    problems.extend(idle.map(|metric| format!("{}: {} is listed and never used", metric.owner, metric.name)));
    assert_eq!(problems, Vec::<String>::new());
}

#[test]
fn names_say_whose_and_in_what_unit() {
    let mut problems = Vec::new();
    for metric in inventory::read().unwrap() {
        println!("{:<48} {:<10} {}", metric.name, metric.kind, metric.help);
        if !metric.name.starts_with(&format!("{}_", metric.owner)) && !metric.name.starts_with("process_") {
            problems.push(format!("{}: begin with {}_", metric.name, metric.owner));
        }
        let unit_fits = match metric.kind.as_str() {
            "counter" => metric.name.ends_with("_total"),
            "histogram" => HISTOGRAM_UNITS.iter().any(|unit| metric.name.ends_with(unit)),
            "gauge" => !metric.name.ends_with("_total"),
            _ => false,
        };
        if !unit_fits {
            problems.push(format!("{}: a {} does not end so", metric.name, metric.kind));
        }
        if metric.help.split_whitespace().count() < 1 || metric.help.contains('|') {
            problems.push(format!("{}: the help says nothing, or breaks the table", metric.name));
        }
    }
    assert_eq!(problems, Vec::<String>::new());
}

#[test]
fn the_document_lists_them_all() {
    let expected = inventory::document(&inventory::read().unwrap());
    let written = tree::document("docs/METRICS.md").unwrap();
    assert_eq!(written, expected, "run: cargo xtask metrics > docs/METRICS.md");
}
