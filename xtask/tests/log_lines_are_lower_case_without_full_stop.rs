//! A log line is lower case, has no full stop, and says its values in fields rather than by formatting.

use xtask::rust_text::{macro_calls, message, product_code};
use xtask::tree::{Source, rust_sources};

const MACROS: &[&str] = &["error", "warn", "info", "debug", "trace"];

fn problem(line: &str) -> Option<&'static str> {
    if line.chars().next().is_some_and(char::is_uppercase) {
        return Some("begins with a capital");
    }
    if line.ends_with('.') {
        return Some("ends with a full stop");
    }
    line.contains('{').then_some("formats values instead of naming them as fields")
}

fn problems(source: &Source) -> Vec<String> {
    if !source.is_product() {
        return Vec::new();
    }
    let calls = macro_calls(&product_code(&source.text), MACROS);
    let with_message = calls.iter().filter_map(|call| Some((call.line, message(call)?)));
    with_message
        .filter_map(|(line, text)| Some(format!("{}:{line}: {text:?} {}", source.path, problem(&text)?)))
        .collect()
}

#[test]
fn log_lines_are_lower_case_without_full_stop() {
    let sources = rust_sources().unwrap();
    let found: Vec<_> = sources.iter().flat_map(problems).collect();
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn a_loud_line_is_found() {
    let text =
        "tracing::info!(\"Started\"); warn!(x, \"slow.\"); error!(a = \"B\", \"bad {x}\"); debug!(\"fine\");";
    let source = Source { path: "bus/src/local.rs".into(), text: text.into() };
    assert_eq!(problems(&source).len(), 3);
}
