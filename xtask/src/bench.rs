//! `cargo xtask bench`: measures rows of the table in `bench-results/README.md`, each against every server that is there.
//!
//! ```text
//! row ─► for each server: fresh data, fresh process ◄── loadtest ─► bench-results/<date>-bench/<row>.<server>.json ─► table
//! ```
//!
//! **Guarantees.** A measurement never meets the data or the memory of another one. Records are never written over.
//!
//! **Does not** install Centrifugo: where it is not on `PATH` (or `--centrifugo`), it is left out and that is said.

mod peer;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use serde_json::Value;

use crate::programs::{Profile, Programs};
use crate::record;
use crate::table::{self, Manifest, Row, Server};
use peer::Peer;

/// Longer than any row takes.
const PATIENCE: Duration = Duration::from_secs(3600);

/// The command line.
#[derive(Args, Clone, Debug)]
pub struct Arguments {
    /// Rows of bench-results/table.toml; without any, all that this chore measures
    pub rows: Vec<String>,
    /// Only these servers; may be repeated
    #[arg(long, value_enum)]
    pub server: Vec<Server>,
    /// The program Centrifugo, if it is not on PATH
    #[arg(long, value_name = "FILE")]
    pub centrifugo: Option<PathBuf>,
    /// What the folder is called, after the date
    #[arg(long, default_value = "bench")]
    pub name: String,
    /// Builds nothing: the programs are in this folder
    #[arg(long, value_name = "FOLDER")]
    pub programs: Option<PathBuf>,
}

/// Measures, and writes the table.
pub fn main(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let kept = table::folder();
    let manifest = Manifest::read(&kept.join("table.toml"))?;
    let folder = record::folder(&arguments.name, None)?;
    let programs = Programs::find_or_build(arguments.programs.as_deref(), Profile::Release)?;
    std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    let bench = Bench { programs: &programs, manifest: &manifest, kept: &kept, folder: &folder };
    let outcome = bench.measure_all(arguments);
    // A folder without a record says nothing.
    let _ = std::fs::remove_dir(&folder);
    let left_out = outcome?;
    table::main()?;
    for one in &left_out {
        println!("bench: left out: {one}");
    }
    Ok(ExitCode::SUCCESS)
}

/// Where measurements run and their reports go.
#[derive(Debug)]
pub struct Bench<'a> {
    /// What is measured, and with what.
    pub programs: &'a Programs,
    /// All rows.
    pub manifest: &'a Manifest,
    /// All records.
    pub kept: &'a Path,
    /// Where new ones go.
    pub folder: &'a Path,
}

impl Bench<'_> {
    /// Measures what is wanted; gives what was left out, and why.
    fn measure_all(&self, arguments: &Arguments) -> anyhow::Result<Vec<String>> {
        let rows: Vec<&Row> = match &arguments.rows[..] {
            [] => self.manifest.row.iter().filter(|row| row.loadtest.is_some()).collect(),
            names => names.iter().map(|name| self.manifest.get(name)).collect::<Result<_, _>>()?,
        };
        let mut left_out = Vec::new();
        for row in rows {
            let wanted = |server: &&Server| arguments.server.is_empty() || arguments.server.contains(server);
            for server in row.servers.iter().filter(wanted) {
                println!("bench: {} against {}", row.name, server.name());
                if let Some(why) = self.measure(row, *server, arguments.centrifugo.as_deref())? {
                    left_out.push(format!("{} against {}: {why}", row.name, server.name()));
                }
            }
        }
        Ok(left_out)
    }

    /// Measures one row against one server and keeps the report; or says why not.
    pub fn measure(
        &self,
        row: &Row,
        server: Server,
        centrifugo: Option<&Path>,
    ) -> anyhow::Result<Option<String>> {
        let Some(words) = &row.loadtest else { bail!("{} is measured by {}", row.name, row.repeated_by()) };
        let mut words: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
        match self.rate(row, server)? {
            Ok(Some(rate)) => words.extend(["--rate".to_owned(), rate]),
            Ok(None) => {}
            Err(why) => return Ok(Some(why)),
        }
        let scratch = tempfile::tempdir()?;
        let started = Peer::start(self.programs, (server, row), scratch.path(), centrifugo)?;
        let Some(peer) = started else { return Ok(Some("it is not installed".to_owned())) };
        let pid = peer.id().to_string();
        let mut arguments: Vec<&str> = words.iter().map(String::as_str).collect();
        if row.tls {
            arguments.push("--insecure");
        }
        arguments.extend(["--driver", server.name(), "--server-pid", &pid]);
        let (url, key_file) = (peer.url(), peer.key_file());
        let name = format!("{}.{}", row.name, server.name());
        let mut generator = self.programs.generator_at(&url, &key_file, scratch.path(), &name, &arguments)?;
        let mut figures = generator.wait(PATIENCE).with_context(|| name.clone())?;
        if let Some(version) = peer.version() {
            figures.report["server"] = Value::from(version);
        }
        let path = self.folder.join(format!("{name}.json"));
        let text = serde_json::to_string_pretty(&figures.report)? + "\n";
        std::fs::write(&path, text).with_context(|| path.display().to_string())?;
        if figures.code != 0 {
            println!("bench: {name} ended with code {}: {}", figures.code, figures.report["verdict"]);
        }
        Ok(None)
    }

    /// The rate that follows from another row; inside, why there is none.
    fn rate(&self, row: &Row, server: Server) -> anyhow::Result<Result<Option<String>, String>> {
        let Some(of) = &row.rate_of else { return Ok(Ok(None)) };
        let name = format!("{}.{}.json", of.row, server.name());
        let new = std::fs::read_to_string(self.folder.join(name)).ok();
        let report = match new {
            Some(text) => Some(serde_json::from_str(&text)?),
            None => table::find(self.kept, self.manifest.get(&of.row)?, server)?.map(|record| record.report),
        };
        let rate = report.and_then(|report: Value| report["figures"]["find.rate"]["value"].as_f64());
        Ok(match rate {
            Some(rate) => Ok(Some(format!("{:.0}", rate * of.share))),
            None => Err(format!("{} has to be measured first", of.row)),
        })
    }
}
