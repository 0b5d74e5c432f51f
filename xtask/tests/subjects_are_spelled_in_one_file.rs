//! The subjects of the bus are spelled in `bus/src/subject.rs` and nowhere else.

use xtask::inventory::place;
use xtask::rust_text::{literals, product_code};
use xtask::tree::{Source, rust_sources};

const SPELLED_IN: &str = "bus/src/subject.rs";
const SUBJECTS: &[&str] = &["cmd.", "user.", "group.", "node.", "router.heartbeat", "revoke.", "presence."];

/// A literal that begins like a subject and goes on like one: a placeholder, a wildcard, a known word or nothing.
fn looks_like_a_subject(text: &str) -> bool {
    let rest = SUBJECTS.iter().find_map(|subject| text.strip_prefix(subject));
    rest.is_some_and(|rest| {
        rest.is_empty() || rest.starts_with(['{', '*', '>']) || rest == "any" || rest == "user."
    })
}

fn problems(source: &Source) -> Vec<String> {
    if !source.is_product() || source.path == SPELLED_IN || source.path.starts_with("xtask/") {
        return Vec::new();
    }
    let code = product_code(&source.text);
    let spelled = literals(&code).into_iter().filter(|literal| looks_like_a_subject(&literal.text));
    spelled
        .map(|literal| format!("{}: {:?}", place(&source.path, &code, literal.offset), literal.text))
        .collect()
}

#[test]
fn subjects_are_spelled_in_one_file() {
    let found: Vec<_> = rust_sources().unwrap().iter().flat_map(problems).collect();
    assert_eq!(found, Vec::<String>::new(), "spell subjects in {SPELLED_IN}");
}

#[test]
fn a_subject_elsewhere_is_found() {
    let text = "let a = format!(\"user.{id}\"); let b = \"cmd.any\"; let c = \"user.name\";".to_owned();
    let source = Source { path: "gateway/src/interest.rs".into(), text };
    assert_eq!(problems(&source).len(), 2);
}
