//! `cargo xtask autobahn`: Autobahn's fuzzing client, every case of it, against the gateway's codec.
//!
//! ```text
//! pip install (Python 2.7, into the target folder) ─► example websocket_echo ─► wstest ─► docs/autobahn.json
//! ```
//!
//! **Guarantees.** The result of each case is kept, and a case that failed makes the run fail.
//!
//! **Does not** belong to `cargo xtask test`: it takes half an hour, and Python 2.7. `xtask/tests/autobahn_is_passed.rs` looks at the
//! kept results there.
//!
//! **Limits.** The server is an example that echoes, on the codec that the gateway is built on; what is above the codec has its own tests.

mod results;

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};

use anyhow::{Context as _, bail};
use clap::Args;
use serde_json::json;

use crate::{machine, tree};
pub use results::{Results, Verdict};

/// The suite, as the registry has it.
const SUITE: &str = "autobahntestsuite==25.10.1";
/// Where its own packages are found, those with namespaces too.
const RUN: &str =
    "import site, sys; site.addsitedir(sys.argv.pop(1)); from autobahntestsuite.wstest import run; run()";

/// The command line of a run.
#[derive(Args, Clone, Debug)]
pub struct Arguments {
    /// A Python 2.7; without it, the one on PATH or of pyenv
    #[arg(long, value_name = "PROGRAM")]
    pub python: Option<PathBuf>,
    /// Cases, such as "12.*"; all of them are kept, a part is only told
    #[arg(long, default_value = "*")]
    pub cases: String,
}

/// Runs the suite, tells what it found, and keeps it if it was all.
pub fn main(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let folder = target_folder().join("autobahn");
    std::fs::create_dir_all(&folder)?;
    let python = match &arguments.python {
        Some(python) => python.clone(),
        None => find_python().context("no Python 2.7: pyenv install 2.7.18, or --python")?,
    };
    let packages = install(&python, &folder)?;
    let mut server = EchoServer::start()?;
    let reports = folder.join("reports");
    let spec = folder.join("fuzzingclient.json");
    let servers = json!([{"agent": "tidegate", "url": format!("ws://{}", server.address)}]);
    let text = json!({
        "outdir": reports, "servers": servers, "cases": [arguments.cases],
        "exclude-cases": [], "exclude-agent-cases": {},
    });
    std::fs::write(&spec, text.to_string())?;
    let status = Command::new(&python)
        .args(["-c", RUN])
        .arg(&packages)
        .args(["--mode", "fuzzingclient", "--spec"])
        .arg(&spec)
        .status()
        .context("the fuzzing client")?;
    server.stop()?;
    if !status.success() {
        bail!("the fuzzing client failed: {status}");
    }
    let results = Results::of_report(SUITE, &std::fs::read_to_string(reports.join("index.json"))?)?;
    println!("{}", results.summary());
    if arguments.cases == "*" {
        let kept = tree::root().join("docs/autobahn.json");
        std::fs::write(&kept, results.document()?).context("docs/autobahn.json")?;
    }
    let failed = results.with(Verdict::Failed);
    failed.iter().for_each(|case| println!("FAILED: {case}"));
    Ok(if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn target_folder() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| tree::root().join("target"), PathBuf::from)
}

/// The suite speaks nothing newer. Where pyenv has it, what `PATH` has may be a stand-in that only says so.
fn find_python() -> Option<PathBuf> {
    python_of_pyenv().or_else(|| machine::on_path("python2.7"))
}

fn python_of_pyenv() -> Option<PathBuf> {
    let pyenv = |arguments: &[&str]| {
        let output = Command::new("pyenv").args(arguments).output().ok()?;
        String::from_utf8(output.stdout).ok()
    };
    let versions = pyenv(&["versions", "--bare"])?;
    let version = versions.lines().map(str::trim).find(|version| version.starts_with("2.7"))?;
    let prefix = pyenv(&["prefix", version])?;
    Some(Path::new(prefix.trim()).join("bin/python2.7")).filter(|python| python.is_file())
}

/// Installs the suite with what it needs, unless an earlier run did; gives the folder.
fn install(python: &Path, folder: &Path) -> anyhow::Result<PathBuf> {
    let packages = folder.join(SUITE.replace("==", "-"));
    let complete = packages.join(".complete");
    if complete.is_file() {
        return Ok(packages);
    }
    let status = Command::new(python)
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--upgrade", "--target"])
        .arg(&packages)
        .arg(SUITE)
        .status()
        .context("pip")?;
    if !status.success() {
        bail!("pip could not install {SUITE}: {status}");
    }
    std::fs::write(complete, "")?;
    Ok(packages)
}

/// Builds it with its codecs optimised: the suite sends gigabytes, and has time-outs.
fn build_echo_server() -> anyhow::Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["build", "--locked", "--package", "gateway", "--example", "websocket_echo"])
        .args(["--config", "profile.dev.package.zlib-rs.opt-level=3"])
        .args(["--config", "profile.dev.package.gateway.opt-level=2"])
        .arg("--message-format=json-render-diagnostics")
        .current_dir(tree::root())
        .stderr(Stdio::inherit())
        .output()
        .context("cargo build")?;
    let text = String::from_utf8(output.stdout).context("cargo's messages")?;
    let mut messages = text.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let built = messages.find(|message| message["target"]["kind"][0] == "example");
    let path = built.and_then(|message| message["executable"].as_str().map(PathBuf::from));
    path.context("cargo built no example websocket_echo")
}

/// The example, running.
struct EchoServer {
    process: Child,
    address: String,
}

impl EchoServer {
    fn start() -> anyhow::Result<Self> {
        let mut process = Command::new(build_echo_server()?)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("the echo server")?;
        let mut address = String::new();
        let output = process.stdout.take().context("the echo server's output")?;
        BufReader::new(output).read_line(&mut address)?;
        if address.is_empty() {
            bail!("the echo server did not start");
        }
        Ok(Self { process, address: address.trim().to_owned() })
    }

    fn stop(&mut self) -> anyhow::Result<()> {
        self.process.kill()?;
        self.process.wait()?;
        Ok(())
    }
}

impl Drop for EchoServer {
    fn drop(&mut self) {
        // It has ended already, unless something failed before.
        let _ = self.stop();
    }
}
