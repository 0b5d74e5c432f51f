//! Decisions are numbered without a hole, and each says its context, decision, consequences and what would change it.

use xtask::tree::root;

const SECTIONS: &[&str] = &["\n## context", "\n## decision", "\n## consequences", "\n## what would change"];

#[test]
fn decisions_are_numbered() {
    let folder = std::fs::read_dir(root().join("docs/decisions")).unwrap();
    let mut names: Vec<_> = folder.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert!(!names.is_empty(), "there are decisions");
    let mut problems = Vec::new();
    for (index, name) in names.iter().enumerate() {
        if !name.starts_with(&format!("{:04}-", index + 1)) || !name.ends_with(".md") {
            problems.push(format!("{name}: expected number {:04}", index + 1));
        }
        let text = std::fs::read_to_string(root().join("docs/decisions").join(name)).unwrap().to_lowercase();
        let missing = SECTIONS.iter().filter(|section| !text.contains(*section));
        problems.extend(missing.map(|section| format!("{name}: no section {:?}", section.trim())));
    }
    assert_eq!(problems, Vec::<String>::new());
}
