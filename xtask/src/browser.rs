//! The page in a real browser: `web/tests`, run by `node --test`.
//!
//! What those tests are given: `TIDEGATE_BIN` (the binary that cargo just built) and `CHROMIUM` (a browser to start).
//! Their node packages come from `npm ci`. As root in CI a missing Chromium is installed with apt-get.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Context;

use crate::check::{Outcome, show};
use crate::tree;

const HOW_TO_GET: &str = "install node 20 or newer with npm, and chromium (Debian: apt-get install chromium nodejs npm; \
     elsewhere set CHROMIUM to a Chrome or Chromium binary), then run cargo xtask test again";

/// Runs the tests in `web/tests`; there is nothing to run before that folder exists.
pub fn run() -> anyhow::Result<Outcome> {
    let tests = tree::root().join("web/tests");
    if !tests.is_dir() {
        return Ok(Outcome::Skipped("there is no web/tests".into()));
    }
    match prepare() {
        Ok(chromium) => show(
            Command::new("node")
                .arg("--test")
                .current_dir(&tests)
                .env("TIDEGATE_BIN", built_program()?)
                .env("CHROMIUM", chromium),
        ),
        Err(missing) if in_ci() => {
            println!("{missing:#}");
            Ok(Outcome::Failed)
        }
        Err(missing) => Ok(Outcome::Skipped(format!("{missing:#}. To run it: {HOW_TO_GET}"))),
    }
}

/// Gets node packages and a browser; gives the browser's path.
fn prepare() -> anyhow::Result<PathBuf> {
    let tests = tree::root().join("web/tests");
    let npm = Command::new("npm")
        .args(["ci", "--no-audit", "--no-fund"])
        .current_dir(tests)
        .status()
        .context("npm could not be started")?;
    anyhow::ensure!(npm.success(), "npm ci failed in web/tests");
    if let Some(chromium) = find_chromium() {
        return Ok(chromium);
    }
    if in_ci() {
        install_chromium()?;
    }
    find_chromium().context("no chromium on this machine")
}

fn find_chromium() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("CHROMIUM") {
        return Some(named.into());
    }
    let names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .flat_map(|folder| names.map(|name| folder.join(name)))
        .find(|candidate| candidate.is_file())
}

fn install_chromium() -> anyhow::Result<()> {
    for arguments in [&["update"][..], &["install", "--yes", "--no-install-recommends", "chromium"]] {
        let status = Command::new("apt-get")
            .args(arguments)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .status()
            .context("apt-get could not be started")?;
        anyhow::ensure!(status.success(), "apt-get {} failed", arguments.join(" "));
    }
    Ok(())
}

/// The binary that `cargo test` built beside its tests: this program lives in the same folder.
fn built_program() -> anyhow::Result<PathBuf> {
    let me = std::env::current_exe().context("where this program lives")?;
    let program = me.with_file_name("tidegate");
    anyhow::ensure!(program.is_file(), "cargo built no {}", program.display());
    Ok(program)
}

/// Whether this run is one that must not skip anything.
fn in_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| value != "false" && !value.is_empty())
}
