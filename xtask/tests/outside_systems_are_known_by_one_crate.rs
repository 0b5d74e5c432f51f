//! Each outside system's library is a dependency of the crates named for it and of no other; `deny.toml` says the same to
//! cargo-deny.

use std::collections::BTreeMap;

use xtask::tree::{members, root, toml_file};

/// Library, and who alone may know it.
const OWNERS: &[(&str, &[&str])] = &[
    ("argon2", &["auth"]),
    ("async-nats", &["bus"]),
    ("axum", &["api"]),
    ("bcrypt", &["auth"]),
    ("clap", &["loadtest", "server", "sim", "xtask"]),
    ("fastwebsockets", &["client"]),
    ("fjall", &["store"]),
    ("hdrhistogram", &["loadtest"]),
    ("hyper", &["client", "gateway", "server"]),
    ("jsonwebtoken", &["auth"]),
    ("metrics-exporter-prometheus", &["lifecycle"]),
    ("prost", &["proto", "store"]),
    ("redis", &["store"]),
    ("rustls", &["bus", "client", "gateway", "store"]),
    ("scylla", &["store"]),
    ("tokio-util", &["lifecycle"]),
    ("toml", &["loadtest", "server", "xtask"]),
    ("tracing-subscriber", &["lifecycle"]),
    ("ureq", &["server"]),
    ("utoipa", &["api"]),
];

#[test]
fn outside_systems_are_known_by_one_crate() {
    let mut strangers = Vec::new();
    for member in members().unwrap() {
        for (library, owners) in OWNERS {
            if member.dependencies.iter().any(|d| d == library) && !owners.contains(&member.name.as_str()) {
                strangers.push(format!("{} depends on {library}; only {owners:?} may", member.name));
            }
        }
    }
    assert_eq!(strangers, Vec::<String>::new());
}

#[test]
fn deny_toml_names_the_same_owners() {
    let deny = toml_file(&root().join("deny.toml")).unwrap();
    let mut wrappers = BTreeMap::new();
    for ban in deny["bans"]["deny"].as_array().unwrap() {
        let Some(list) = ban.get("wrappers").and_then(toml::Value::as_array) else { continue };
        let ours: Vec<_> = list
            .iter()
            .filter_map(toml::Value::as_str)
            .filter(|name| root().join(name).join("Cargo.toml").is_file())
            .collect();
        wrappers.insert(ban["crate"].as_str().unwrap(), ours);
    }
    for (library, owners) in OWNERS {
        assert_eq!(wrappers.get(library).map(Vec::as_slice), Some(*owners), "{library} in deny.toml");
    }
    assert_eq!(wrappers.len(), OWNERS.len(), "deny.toml and this test name the same libraries");
}
