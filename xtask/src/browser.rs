//! The page in a real browser: `web/tests`, run by `node --test`.
//!
//! What those tests are given: `TIDEGATE_BIN` (the binary that cargo just built) and `CHROMIUM` (a browser to start).
//! Their node packages come from `npm ci`. In CI a missing node or Chromium is installed with apt-get, and whatever is
//! still missing then fails the step; elsewhere nothing is installed on the machine, and the step says what it skipped.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

use crate::check::{Outcome, show};
use crate::machine::{apt_install, in_ci, on_path};
use crate::tree;

/// Oldest node that playwright-core and the tests run on.
const NODE_MAJOR_MIN: u32 = 20;
const CHROMIUM_NAMES: &[&str] = &["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
const HOW_TO_GET: &str = "install node 20 or newer with npm, and chromium (Debian: apt-get install chromium nodejs npm; \
     elsewhere set CHROMIUM to a Chrome or Chromium binary), then run cargo xtask page";

/// Builds the program and runs the tests of the page alone.
pub fn build_and_run() -> anyhow::Result<Outcome> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = show(Command::new(cargo).args(["build", "--package", "server"]).current_dir(tree::root()))?;
    if built == Outcome::Passed { run() } else { Ok(built) }
}

/// Runs the tests in `web/tests` against the program that cargo built before.
pub fn run() -> anyhow::Result<Outcome> {
    let tests = tree::root().join("web/tests");
    let chromium = match prepare(&tests) {
        Ok(chromium) => chromium,
        Err(missing) if in_ci() => {
            println!("{missing:#}");
            return Ok(Outcome::Failed(format!("{missing:#}")));
        }
        Err(missing) => {
            return Ok(Outcome::Skipped(format!(
                "the page in a browser: {missing:#}. To run it: {HOW_TO_GET}"
            )));
        }
    };
    let program = built_program()?;
    let kept = program.with_file_name("page-tests.txt");
    let outcome = show(
        Command::new("node")
            .args(["--test", "--test-reporter=spec", "--test-reporter-destination=stdout"])
            .arg("--test-reporter=spec")
            .arg(format!("--test-reporter-destination={}", kept.display()))
            .current_dir(&tests)
            .env("TIDEGATE_BIN", program)
            .env("CHROMIUM", chromium),
    )?;
    Ok(match outcome {
        Outcome::Failed(_) => {
            Outcome::Failed(failing_tests(&std::fs::read_to_string(&kept).unwrap_or_default()).into())
        }
        other => other,
    })
}

/// The end of what node's `spec` reporter wrote, which repeats the tests that failed; nothing where none did.
fn failing_tests(report: &str) -> &str {
    report.rfind("failing tests:").map_or("", |at| &report[at..])
}

/// Gets node packages and a browser; gives the browser's path.
fn prepare(tests: &Path) -> anyhow::Result<PathBuf> {
    if in_ci() {
        install_missing()?;
    }
    let node = node_major()?;
    anyhow::ensure!(node >= NODE_MAJOR_MIN, "node {node} is here, {NODE_MAJOR_MIN} is needed");
    let chromium = find_chromium().context("no chromium on this machine")?;
    let npm = Command::new("npm")
        .args(["ci", "--prefer-offline", "--no-audit", "--no-fund"])
        .current_dir(tests)
        .status()
        .context("npm could not be started")?;
    anyhow::ensure!(npm.success(), "npm ci failed in web/tests");
    Ok(chromium)
}

fn node_major() -> anyhow::Result<u32> {
    let output = Command::new("node").arg("--version").output().context("node could not be started")?;
    let version = String::from_utf8_lossy(&output.stdout);
    let major = version.trim().trim_start_matches('v').split('.').next().unwrap_or_default();
    major.parse().with_context(|| format!("node --version said {version:?}"))
}

fn find_chromium() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("CHROMIUM") {
        return Some(named.into());
    }
    CHROMIUM_NAMES.iter().find_map(|name| on_path(name))
}

/// Installs with apt-get what is not here; nothing when all is.
fn install_missing() -> anyhow::Result<()> {
    let mut packages = Vec::new();
    if on_path("node").is_none() {
        packages.push("nodejs");
    }
    if on_path("npm").is_none() {
        packages.push("npm");
    }
    if find_chromium().is_none() {
        packages.push("chromium");
    }
    apt_install(&packages)
}

/// The binary that cargo built beside its tests: this program lives in the same folder.
fn built_program() -> anyhow::Result<PathBuf> {
    let me = std::env::current_exe().context("where this program lives")?;
    let program = me.with_file_name(format!("tidegate{}", std::env::consts::EXE_SUFFIX));
    anyhow::ensure!(program.is_file(), "cargo built no {}", program.display());
    Ok(program)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_failed_is_cut_from_the_end_of_a_report() {
        let report = "✔ one (1ms)\n✖ two (1ms)\nℹ fail 1\n\n✖ failing tests:\n\n✖ two (1ms)\n  Error: no\n";
        assert_eq!(failing_tests(report), "failing tests:\n\n✖ two (1ms)\n  Error: no\n");
        assert_eq!(failing_tests("✔ one (1ms)\nℹ fail 0\n"), "");
    }
}
