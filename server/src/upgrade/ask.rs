//! `tidegate upgrade`: asks the process of a data directory to hand over, and tells what comes of it.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use serde_json::Value;
use tokio::time::Instant;

use super::{Progress, State};
use crate::addresses;
use crate::exit::Exit;

/// Between two looks at the progress.
const PACE: Duration = Duration::from_millis(20);
/// An upgrade that takes longer is reported as hanging; it may still succeed.
const PATIENCE: Duration = Duration::from_secs(600);

/// How long one may take to tell where it listens that had the sockets already when this upgrade was asked for.
const SUCCESSOR_PATIENCE: Duration = Duration::from_secs(5);

/// How long a process that has the sockets may take to tell where it listens.
const ADDRESSES_PATIENCE: Duration = Duration::from_secs(30);

/// Asks, waits and tells. Gives how it ended as an exit code.
pub(crate) fn ask(data_dir: &Path) -> anyhow::Result<Exit> {
    let running = addresses::read(data_dir).with_context(|| {
        format!(
            "no tidegate runs in {}: is data.dir that of the server (--config, TIDEGATE_DATA__DIR)?",
            data_dir.display()
        )
    })?;
    let pid = running["pid"].as_i64().and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?));
    let pid = pid.context("its addresses file names no process")?;
    test_kill_process(pid)
        .with_context(|| format!("process {} is not there, or not yours", pid.as_raw_pid()))?;
    let version = version_on_disk(&running)?;
    let progress = Progress::of(data_dir);
    progress.forget();
    println!("asking process {} to hand over to {version}", pid.as_raw_pid());
    kill_process(pid, Signal::USR2).context("it cannot be asked")?;
    let exit = wait(data_dir, &progress, pid)?;
    if let Some(State::Moved { pid, .. }) = progress.read() {
        until_found(data_dir, pid)?;
    }
    Ok(exit)
}

/// Runs what would go on, far enough to know that it runs.
fn version_on_disk(running: &Value) -> anyhow::Result<String> {
    // An earlier version would be ended by the signal.
    let Some(path) = running["program"].as_str() else {
        bail!("the process that runs cannot hand over; restart it")
    };
    let output = Command::new(path).arg("--version").output();
    let output = output.with_context(|| format!("{path} cannot be started; the server goes on as it was"))?;
    if !output.status.success() {
        bail!("{path} does not run ({}); the server goes on as it was", output.status);
    }
    Ok(format!("{} of {path}", String::from_utf8_lossy(&output.stdout).trim()))
}

fn wait(data_dir: &Path, progress: &Progress, pid: Pid) -> anyhow::Result<Exit> {
    let (began, mut told) = (Instant::now(), None);
    while began.elapsed() < PATIENCE {
        // Asked before the file is read, so that a last word is heard.
        let is_there = test_kill_process(pid).is_ok();
        let state = progress.read();
        if state != told {
            if let Some(exit) = state.as_ref().and_then(tell) {
                return Ok(exit);
            }
            told = state;
        } else if !is_there {
            return ended(data_dir, pid, SUCCESSOR_PATIENCE);
        }
        std::thread::sleep(PACE);
    }
    bail!("process {} has said nothing more for {PATIENCE:?}; its log says why", pid.as_raw_pid())
}

/// It has ended, and there is no word of this upgrade: it was stopped, or an upgrade before this one came to its end.
fn ended(data_dir: &Path, pid: Pid, patience: Duration) -> anyhow::Result<Exit> {
    let began = Instant::now();
    loop {
        let running = addresses::read(data_dir).and_then(|running| running["pid"].as_i64());
        let next = running.and_then(|next| Pid::from_raw(i32::try_from(next).ok()?));
        if let Some(next) = next.filter(|next| *next != pid && test_kill_process(*next).is_ok()) {
            let (pid, next) = (pid.as_raw_pid(), next.as_raw_pid());
            eprintln!(
                "tidegate: process {pid} was handing over to process {next} already, by an upgrade before this one; \
                 that one serves now: ask again if it is not the program that it should be"
            );
            return Ok(Exit::NotStarted);
        }
        if began.elapsed() >= patience {
            bail!("process {} was stopped before it was upgraded; its log says why", pid.as_raw_pid());
        }
        std::thread::sleep(PACE);
    }
}

/// Until who asks next finds the process that goes on.
fn until_found(data_dir: &Path, pid: u32) -> anyhow::Result<()> {
    let began = Instant::now();
    while began.elapsed() < ADDRESSES_PATIENCE {
        if addresses::read(data_dir).is_some_and(|running| running["pid"] == pid) {
            return Ok(());
        }
        let there =
            i32::try_from(pid).ok().and_then(Pid::from_raw).is_some_and(|pid| test_kill_process(pid).is_ok());
        if !there {
            bail!("process {pid} had the sockets and has ended; its log says why")
        }
        std::thread::sleep(PACE);
    }
    bail!("process {pid} has the sockets and does not tell its addresses; its log says why")
}

/// Tells a person. Gives the exit code when that was the end.
fn tell(state: &State) -> Option<Exit> {
    match state {
        State::Starting => println!("the new program starts"),
        State::Moving { sockets } => println!("{sockets} sockets are on their way"),
        State::Moved { sockets, pid, program, paused, took, refused } => {
            let ms = paused.as_millis();
            println!(
                "{sockets} sockets moved to process {pid}, tidegate {program}; they waited {ms} ms of {took:.1?}"
            );
            let Some(why) = refused else { return Some(Exit::Done) };
            eprintln!("tidegate: it is the same program as before: {why}");
            return Some(Exit::NotStarted);
        }
        State::Kept { why } => {
            eprintln!("tidegate: not upgraded, the server goes on as it was: {why}");
            return Some(Exit::NotStarted);
        }
        State::Lost { why } => {
            eprintln!("tidegate: the server has stopped, and its sockets are closed: {why}");
            return Some(Exit::Failed);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_ended_was_stopped_or_has_a_successor() {
        let folder = tempfile::tempdir().unwrap();
        let mut child = Command::new("true").spawn().unwrap();
        let gone = Pid::from_child(&child);
        child.wait().unwrap();
        let stopped = ended(folder.path(), gone, Duration::ZERO).expect_err("nobody has its place");
        assert!(stopped.to_string().contains("was stopped before"), "{stopped}");
        let admin = std::net::SocketAddr::from(([127, 0, 0, 1], 1));
        // This process has.
        let _kept = addresses::Addresses::write(folder.path(), None, admin, Path::new("tidegate")).unwrap();
        assert!(matches!(ended(folder.path(), gone, Duration::ZERO), Ok(Exit::NotStarted)));
    }
}
