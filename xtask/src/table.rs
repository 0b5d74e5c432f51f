//! `cargo xtask table`: the table of `bench-results/README.md`, made from the records that are kept there.
//!
//! ```text
//! table.toml: rows ──┐
//! <folder>/<row>.<server>.json, the one measured last ──► README.md
//! ```
//!
//! **Guarantees.** No figure is typed by hand: each is read from a record and links to it. A test compares the page with what
//! comes out here. A run that was not good is marked.
//!
//! **Does not** measure: `cargo xtask bench` does.

mod page;
mod rows;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use serde_json::Value;

use crate::tree;
pub use page::page;
pub use rows::{Manifest, Row, Server};

/// A record that is kept.
#[derive(Clone, Debug)]
pub struct Record {
    /// From the folder of all records.
    pub path: PathBuf,
    /// The report.
    pub report: Value,
}

/// Where records are kept.
pub fn folder() -> PathBuf {
    tree::root().join("bench-results")
}

/// Writes the page.
pub fn main() -> anyhow::Result<ExitCode> {
    let folder = folder();
    let path = folder.join("README.md");
    std::fs::write(&path, generate(&folder)?).with_context(|| path.display().to_string())?;
    println!("table: written to {}", path.display());
    Ok(ExitCode::SUCCESS)
}

/// The page of the records in `folder`.
pub fn generate(folder: &Path) -> anyhow::Result<String> {
    let manifest = Manifest::read(&folder.join("table.toml"))?;
    page(&manifest, |row, server| find(folder, row, server))
}

/// The record of a row that was measured last, or else the one that the row names.
pub fn find(folder: &Path, row: &Row, server: Server) -> anyhow::Result<Option<Record>> {
    let name = format!("{}.{}.json", row.name, server.name());
    let mut records = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = PathBuf::from(entry?.file_name()).join(&name);
        if folder.join(&path).is_file() {
            records.push(read(folder, path)?);
        }
    }
    if let Some(last) = records.into_iter().max_by_key(|record| record.report["unix_time_ms"].as_u64()) {
        return Ok(Some(last));
    }
    row.records.get(&server).map(|path| read(folder, PathBuf::from(path))).transpose()
}

fn read(folder: &Path, path: PathBuf) -> anyhow::Result<Record> {
    let text = std::fs::read_to_string(folder.join(&path)).with_context(|| path.display().to_string())?;
    let report = serde_json::from_str(&text).with_context(|| path.display().to_string())?;
    Ok(Record { path, report })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_measurement_counts_before_what_a_row_names() {
        let kept = tempfile::tempdir().expect("a folder");
        let write = |path: &str, time: u32| {
            let path = kept.path().join(path);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            std::fs::write(path, format!("{{\"unix_time_ms\": {time}}}")).expect("written");
        };
        let text = "[[row]]\nname = \"idle\"\nwhat = \"x\"\nloadtest = \"idle\"\nservers = [\"tidegate\", \"raw\"]\n\
                    figures = []\nrecords = { tidegate = \"old/idle.json\" }\n";
        let row = Manifest::parse(text).expect("good").row.remove(0);
        let found = |server| {
            find(kept.path(), &row, server).expect("read").map(|one| one.report["unix_time_ms"].clone())
        };
        write("old/idle.json", 4);
        assert_eq!((found(Server::Tidegate), found(Server::Raw)), (Some(4.into()), None));
        write("2026-01-01-ninth/idle.tidegate.json", 3);
        write("2026-01-01-seventh/idle.tidegate.json", 2);
        assert_eq!(found(Server::Tidegate), Some(3.into()));
    }
}
