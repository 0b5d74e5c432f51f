//! The workspace on disk: its crates, their dependencies and their Rust files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context;

/// The workspace's root folder.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// A crate of the workspace.
#[derive(Clone, Debug)]
pub struct Member {
    /// Its name, which is its folder too.
    pub name: String,
    /// Names of what its library and binaries are built from.
    pub dependencies: Vec<String>,
    /// Names of what only its tests are built from.
    pub dev_dependencies: Vec<String>,
}

/// A text file of the workspace.
#[derive(Clone, Debug)]
pub struct Source {
    /// Path from the root, with `/`.
    pub path: String,
    /// What is in it.
    pub text: String,
}

impl Source {
    /// Whether it is built into a library or a binary, rather than a test, bench or example.
    pub fn is_product(&self) -> bool {
        let outside = ["/tests/", "/benches/", "/examples/", "fuzz/"];
        !outside.iter().any(|folder| self.path.contains(folder)) && !self.path.ends_with("tests.rs")
    }
}

/// Every crate, from the root's `Cargo.toml`.
pub fn members() -> anyhow::Result<Vec<Member>> {
    let workspace = toml_file(&root().join("Cargo.toml"))?;
    let names = workspace["workspace"]["members"].as_array().context("workspace.members")?;
    names.iter().filter_map(toml::Value::as_str).map(member).collect()
}

fn member(name: &str) -> anyhow::Result<Member> {
    let manifest = toml_file(&root().join(name).join("Cargo.toml"))?;
    let names = |section: &str| -> Vec<String> {
        let table = manifest.get(section).and_then(toml::Value::as_table);
        table.map(|table| table.keys().cloned().collect()).unwrap_or_default()
    };
    let mut dependencies = names("dependencies");
    dependencies.extend(names("build-dependencies"));
    let targets = manifest.get("target").and_then(toml::Value::as_table);
    for target in targets.into_iter().flat_map(toml::Table::values) {
        let table = target.get("dependencies").and_then(toml::Value::as_table);
        dependencies.extend(table.into_iter().flat_map(|table| table.keys().cloned()));
    }
    Ok(Member { name: name.to_owned(), dependencies, dev_dependencies: names("dev-dependencies") })
}

/// Reads a TOML file.
pub fn toml_file(path: &Path) -> anyhow::Result<toml::Value> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    Ok(toml::Value::Table(text.parse().with_context(|| path.display().to_string())?))
}

/// Every Rust file of the workspace's crates and of `fuzz`, by path.
pub fn rust_sources() -> anyhow::Result<Vec<Source>> {
    let mut found = BTreeMap::new();
    for member in members()? {
        collect(&root().join(member.name), &mut found)?;
    }
    collect(&root().join("fuzz"), &mut found)?;
    Ok(found.into_iter().map(|(path, text)| Source { path, text }).collect())
}

fn collect(folder: &Path, into: &mut BTreeMap<String, String>) -> anyhow::Result<()> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Ok(()) };
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() && !matches!(&*name, "target" | "node_modules") {
            collect(&path, into)?;
        } else if name.ends_with(".rs") {
            let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
            let relative = path.strip_prefix(root()).unwrap_or(&path);
            into.insert(relative.to_string_lossy().replace('\\', "/"), text);
        }
    }
    Ok(())
}

/// Reads a document under the root, or says that it is missing.
pub fn document(path: &str) -> anyhow::Result<String> {
    std::fs::read_to_string(root().join(path)).with_context(|| path.to_owned())
}
