//! `cargo xtask schemathesis`: requests that are made up from the document of the API, good and bad; every answer is judged by it.
//!
//! ```text
//! pip install (a virtual environment in the target folder) ─► for a service, then for a user: a new server ─► schemathesis
//! ```
//!
//! **Guarantees.** An answer of 5xx, or one that the document does not have, makes the run fail. Both callers keep their rights
//! however long the tool signs out, changes passwords and ends logins: their tokens belong to no login.
//!
//! **Does not** belong to `cargo xtask test`: it takes twenty minutes. What the last runs found is in `docs/CONFORMANCE.md`.
//!
//! **Limits.** One process with the embedded store; made-up requests do not reach everything.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context as _, bail, ensure};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use crate::programs::{Profile, Programs, Server};
use crate::tree;

/// The tool, as the registry has it.
const TOOL: &str = "schemathesis==4.32.5";
/// What answers are held to.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,\
    response_headers_conformance,unsupported_method";

/// The command line of a run.
#[derive(Args, Clone, Debug)]
pub struct Arguments {
    /// How long requests are made up for each caller
    #[arg(long, default_value_t = 600)]
    pub seconds: u32,
    /// As one of them alone; without it, as each in turn
    #[arg(long, value_enum)]
    pub caller: Option<Caller>,
    /// Makes up the same requests as the run that told this number
    #[arg(long)]
    pub seed: Option<String>,
    /// Builds nothing: the programs are in this folder
    #[arg(long, value_name = "FOLDER")]
    pub programs: Option<PathBuf>,
}

/// Whose requests they are.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Caller {
    /// A service with every scope
    Service,
    /// A user with an account
    User,
}

/// Runs the tool for each caller.
pub fn main(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let programs = Programs::find_or_build(arguments.programs.as_deref(), Profile::Dev)?;
    let tool = install()?;
    let mut found = ExitCode::SUCCESS;
    for caller in arguments.caller.map_or(vec![Caller::Service, Caller::User], |caller| vec![caller]) {
        println!("as a {}", format!("{caller:?}").to_lowercase());
        if !passes(arguments, &programs, &tool, caller)? {
            found = ExitCode::FAILURE;
        }
    }
    Ok(found)
}

/// Whether every answer was as documented.
fn passes(arguments: &Arguments, programs: &Programs, tool: &Path, caller: Caller) -> anyhow::Result<bool> {
    let scratch = tempfile::tempdir().context("a folder")?;
    let mut server = programs.server(scratch.path(), &[])?;
    let words: Vec<String> = match caller {
        Caller::Service => ["--user", "desk", "--scope", "server"].map(str::to_owned).into(),
        Caller::User => vec!["--user".to_owned(), register(&server)?],
    };
    let token = token(programs, scratch.path(), &words)?;
    let mut command = Command::new(tool);
    command
        .current_dir(scratch.path())
        .arg("run")
        .arg(format!("http://{}/openapi.json", server.public()))
        .args(["--header", &format!("Authorization: Bearer {token}")])
        .args(["--checks", CHECKS, "--max-time", &arguments.seconds.to_string()])
        .arg("--continue-on-failure");
    if let Some(seed) = &arguments.seed {
        command.args(["--seed", seed]);
    }
    let status = command.status().context("schemathesis")?;
    ensure!(server.is_running()?, "the server ended by itself: {}", log(scratch.path()));
    Ok(status.success())
}

/// A token of no login: nothing that the tool does ends it.
fn token(programs: &Programs, folder: &Path, words: &[String]) -> anyhow::Result<String> {
    let output = Command::new(programs.tidegate())
        .current_dir(folder)
        .env("TIDEGATE_DATA__DIR", folder.join("data"))
        .args(["token", "--ttl", "1d"])
        .args(words)
        .output()
        .context("tidegate token")?;
    ensure!(output.status.success(), "tidegate token: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

/// Makes an account; its id.
fn register(server: &Server) -> anyhow::Result<String> {
    let body = json!({"username": "carla", "password": "123456ab"}).to_string();
    let mut stream = TcpStream::connect(server.public())?;
    write!(
        stream,
        "POST /api/v1/auth/register HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let account =
        answer.split_once("\r\n\r\n").and_then(|(_, body)| serde_json::from_str::<Value>(body).ok());
    let id = account.and_then(|account| account["user_id"].as_str().map(str::to_owned));
    id.with_context(|| format!("no account was made: {answer}"))
}

fn log(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("tidegate.log")).unwrap_or_default()
}

/// Installs the tool, unless an earlier run did; gives its program.
fn install() -> anyhow::Result<PathBuf> {
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| tree::root().join("target"), PathBuf::from);
    let folder = target.join(TOOL.replace("==", "-"));
    let (program, complete) = (folder.join("bin/schemathesis"), folder.join(".complete"));
    if complete.is_file() {
        return Ok(program);
    }
    let run = |program: &Path, words: &[&str]| {
        let status = Command::new(program).args(words).status();
        match status.with_context(|| program.display().to_string())? {
            status if status.success() => Ok(()),
            status => bail!("{} {}: {status}", program.display(), words.join(" ")),
        }
    };
    run(Path::new("python3"), &["-m", "venv", "--clear", &folder.to_string_lossy()])?;
    run(&folder.join("bin/pip"), &["install", "--quiet", "--disable-pip-version-check", TOOL])?;
    std::fs::write(complete, "")?;
    Ok(program)
}
