//! The table of docs/OPERATING.md that says what happens when something is away: each row is complete, and names tests that are
//! there.

use xtask::tree;

/// Problems of the last cell: files, each followed by tests in it.
fn missing(proof: &str) -> Vec<String> {
    let mut problems = Vec::new();
    let mut file = None;
    for word in proof.split('`').skip(1).step_by(2) {
        if word.ends_with(".rs") {
            file = tree::document(word).ok();
            problems.extend(file.is_none().then(|| format!("no file {word}")));
        } else if let Some(text) = &file
            && !is_test(text, word)
        {
            problems.push(format!("no test {word} there"));
        }
    }
    if file.is_none() {
        problems.push("no proof".to_owned());
    }
    problems
}

/// Whether there is a function of that name with an attribute that makes it a test.
fn is_test(text: &str, name: &str) -> bool {
    let before = |declared: &str| text.find(&format!("{declared} {name}()")).map(|at| &text[..at]);
    let attributes = before("\nasync fn").or_else(|| before("\nfn")).or_else(|| before("\n    async fn"));
    attributes.is_some_and(|before| before.lines().next_back().is_some_and(|line| line.contains("test")))
}

#[test]
fn every_row_names_tests_that_are_there() {
    let document = tree::document("docs/OPERATING.md").unwrap();
    let section = document.split("\n## When something is away").nth(1).unwrap_or_default();
    let section = section.split("\n## ").next().unwrap_or_default();
    let rows: Vec<_> = section.lines().filter(|line| line.starts_with('|')).skip(2).collect();
    assert!(rows.len() >= 11, "the table was found");
    let mut problems = Vec::new();
    for row in rows {
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        if cells.len() != 5 || cells.iter().any(|cell| cell.is_empty()) {
            problems.push(format!("{}: not five cells", cells[0]));
        }
        let missing = missing(cells.last().unwrap_or(&""));
        problems.extend(missing.into_iter().map(|problem| format!("{}: {problem}", cells[0])));
    }
    assert_eq!(problems, Vec::<String>::new());
}

#[test]
fn a_file_or_a_test_that_is_not_there_is_found() {
    let here = "xtask/tests/outages_are_proven.rs";
    assert_eq!(missing(&format!("`{here}`: `every_row_names_tests_that_are_there`")), Vec::<String>::new());
    assert_eq!(missing(&format!("`{here}`: `missing`")), ["no test missing there"]);
    assert_eq!(missing("`xtask/tests/none.rs`").len(), 2);
    assert_eq!(missing("nothing"), ["no proof"]);
}
