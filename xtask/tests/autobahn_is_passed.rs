//! docs/autobahn.json, as `cargo xtask autobahn` keeps it: all groups of cases were run, none failed, and each that is not simply
//! OK is explained in docs/CONFORMANCE.md.

use xtask::autobahn::{Results, Verdict};
use xtask::tree;

fn results() -> Results {
    let document = tree::document("docs/autobahn.json").expect("cargo xtask autobahn keeps it");
    Results::of_document(&document).expect("as it was kept")
}

#[test]
fn every_group_of_cases_was_run_and_none_failed() {
    let results = results();
    let names = results.names();
    for group in ["1", "2", "3", "4", "5", "6", "7", "9", "10", "12", "13"] {
        let prefix = format!("{group}.");
        assert!(names.iter().any(|name| name.starts_with(&prefix)), "no case {prefix}*");
    }
    assert!(names.len() >= 500, "{} cases", names.len());
    assert_eq!(results.with(Verdict::Failed), Vec::<String>::new());
}

#[test]
fn what_is_not_strict_or_not_implemented_is_explained() {
    let results = results();
    let explanation = tree::document("docs/CONFORMANCE.md").unwrap();
    let unexplained = [Verdict::NonStrict, Verdict::Unimplemented, Verdict::Informational]
        .into_iter()
        .flat_map(|verdict| results.with(verdict))
        .filter(|name| !explanation.contains(&format!("`{name}`")));
    assert_eq!(unexplained.collect::<Vec<_>>(), Vec::<String>::new());
}
