//! One step: a fresh server on fresh data, one generator, its report kept.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::Value;

use crate::programs::{Figures, Programs};

/// Longer than any step takes.
const PATIENCE: Duration = Duration::from_secs(600);

/// Where steps run and where their reports go.
#[derive(Debug)]
pub(super) struct Bench<'a> {
    pub programs: &'a Programs,
    pub folder: &'a Path,
}

impl Bench<'_> {
    /// Runs `loadtest` with `arguments` against a server with `settings`, and keeps the report as `name.json`.
    pub(super) fn measure(
        &self,
        name: &str,
        settings: &[(&str, &str)],
        arguments: &[String],
    ) -> anyhow::Result<Figures> {
        let scratch = tempfile::tempdir()?;
        let server = self.programs.server(scratch.path(), settings)?;
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let mut generator = self.programs.generator(&server, scratch.path(), name, &arguments)?;
        let figures = generator.wait(PATIENCE).with_context(|| name.to_owned())?;
        self.keep(name, &figures.report)?;
        Ok(figures)
    }

    /// Keeps a report as `name.json`.
    pub(super) fn keep(&self, name: &str, report: &Value) -> anyhow::Result<()> {
        let path = self.folder.join(format!("{name}.json"));
        let text = serde_json::to_string_pretty(report)? + "\n";
        std::fs::write(&path, text).with_context(|| path.display().to_string())
    }
}
