//! A file has one job: it says so in a `//!` header, is shorter than 500 lines and has a name that means something.

use xtask::tree::{Source, rust_sources};

const LINES_MAX: usize = 499;
const NAMES_THAT_SAY_NOTHING: &[&str] =
    &["util", "utils", "helper", "helpers", "misc", "common", "mod", "stuff"];

fn problems(source: &Source) -> Vec<String> {
    let mut problems = Vec::new();
    let lines = source.text.lines().count();
    if lines > LINES_MAX {
        problems.push(format!("{}: {lines} lines, at most {LINES_MAX}", source.path));
    }
    if !source.text.starts_with("//! ") && !source.text.starts_with("#!") {
        problems.push(format!("{}: does not open with a `//!` header", source.path));
    }
    let mut words = source.path.trim_end_matches(".rs").split('/');
    if words.any(|word| NAMES_THAT_SAY_NOTHING.contains(&word)) {
        problems.push(format!("{}: the name says nothing", source.path));
    }
    problems
}

#[test]
fn files_are_short_and_open_with_a_header() {
    let sources = rust_sources().unwrap();
    assert!(sources.len() > 40, "the sources were found");
    let found: Vec<_> = sources.iter().flat_map(problems).collect();
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn a_long_headless_file_without_a_name_is_found() {
    let source = Source { path: "bus/src/utils.rs".into(), text: "use x;\n".repeat(500) };
    assert_eq!(problems(&source).len(), 3);
}
