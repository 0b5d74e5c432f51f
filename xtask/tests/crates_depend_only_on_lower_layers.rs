//! A crate depends only on crates of lower layers, and the named pairs never meet.

use xtask::tree::{Member, members};

const LAYERS: &[&[&str]] = &[
    &["proto", "lifecycle", "dense"],
    &["auth", "bus", "store", "client"],
    &["gateway", "router", "api"],
    &["server", "loadtest", "sim", "xtask"],
];

/// Allowed by the layers, and still never.
const NEVER: &[(&str, &[&str])] = &[
    ("gateway", &["store"]),
    ("loadtest", &["bus", "store", "gateway", "router", "api"]),
    ("xtask", &["proto", "lifecycle", "auth", "bus", "store", "client", "gateway", "router", "api"]),
];

fn layer(name: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&name))
}

fn problems(members: &[Member]) -> Vec<String> {
    let mut problems = Vec::new();
    for member in members {
        let Some(own) = layer(&member.name) else {
            problems
                .push(format!("{} has no layer: give it one here and in docs/ARCHITECTURE.md", member.name));
            continue;
        };
        for dependency in &member.dependencies {
            if layer(dependency).is_some_and(|theirs| theirs >= own) {
                problems.push(format!(
                    "{} (layer {own}) depends on {dependency}, which is not below it",
                    member.name
                ));
            }
        }
        let never = NEVER.iter().find(|(name, _)| *name == member.name).map_or(&[][..], |(_, never)| never);
        for dependency in member.dependencies.iter().filter(|d| never.contains(&d.as_str())) {
            problems.push(format!("{} must never know {dependency}", member.name));
        }
    }
    problems
}

#[test]
fn crates_depend_only_on_lower_layers() {
    let members = members().unwrap();
    assert!(members.len() >= 12, "the workspace was read");
    assert_eq!(problems(&members), Vec::<String>::new());
}

#[test]
fn a_dependency_upwards_sideways_or_forbidden_is_found() {
    let member = |name: &str, dependency: &str| Member {
        name: name.into(),
        dependencies: vec![dependency.into()],
        dev_dependencies: Vec::new(),
    };
    for (name, dependency) in
        [("proto", "bus"), ("gateway", "router"), ("gateway", "store"), ("store", "bus")]
    {
        assert_eq!(problems(&[member(name, dependency)]).len(), 1, "{name} -> {dependency}");
    }
}
