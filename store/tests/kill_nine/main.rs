//! What was acknowledged is there after SIGKILL at a random moment, once and in order, many times over; and a write or a
//! sync that the disk refuses ends the process before anyone is told.
//!
//! The tests start this same binary again as the process that writes. `STORE_KILL_ROUNDS` asks for more rounds than
//! the usual, `STORE_KILL_SEED` for those of an earlier run.

#![allow(clippy::unwrap_used, reason = "a test fails where it panics")]

mod child;
mod life;
mod verify;

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use lifecycle::Tasks;
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};
use store::{Embedded, OpenError};

use crate::child::config;
use crate::verify::everything_is_there;

/// A seq of each conversation, by its number.
type Seqs = BTreeMap<u64, u64>;

const ROUNDS: u64 = 20;
const ACKS_PER_ROUND_MAX: usize = 300;
/// More than a child can acknowledge on a disk that a test has broken.
const ACKS_ON_BROKEN_DISK_MAX: usize = 10_000;
const CONVERSATIONS: u64 = 24;
const SIGABRT: i32 = 6;
const SIGKILL: i32 = 9;

fn from_env(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

fn writer(dir: &Path, conversations: u64, bytes: usize) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "child::writes_until_it_is_killed", "--ignored", "--nocapture"]);
    command.env("STORE_KILL_DIR", dir).env("STORE_KILL_BYTES", bytes.to_string());
    command.env("STORE_KILL_CONVERSATIONS", conversations.to_string());
    command
}

/// Runs a child until it has acknowledged `acks` appends, then runs `last` and kills it; or until it ends by itself.
/// Gives all that it said.
fn run(mut command: Command, acks: usize, last: impl FnOnce()) -> (ExitStatus, Vec<String>) {
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
    let (mut seen, mut said, mut last) = (0, Vec::new(), Some(last));
    loop {
        if seen >= acks
            && let Some(last) = last.take()
        {
            last();
            child.kill().unwrap();
        }
        // What was still in the pipe when the child died was acknowledged, too.
        let Some(line) = output.next() else { break };
        let line = line.unwrap();
        seen += usize::from(acknowledgement(&line).is_some());
        said.push(line);
    }
    (child.wait().unwrap(), said)
}

/// The conversation and the seq of an acknowledgement; a line that was cut short is none.
fn acknowledgement(line: &str) -> Option<(u64, u64)> {
    let (conversation, seq) = line.strip_prefix("ack ")?.strip_suffix(" .")?.split_once(' ')?;
    Some((conversation.parse().unwrap(), seq.parse().unwrap()))
}

fn note(said: &[String], acknowledged: &mut Seqs) {
    for (conversation, seq) in said.iter().filter_map(|line| acknowledgement(line)) {
        let last = acknowledged.insert(conversation, seq);
        assert!(last.is_none_or(|last| last < seq), "acknowledged in order");
    }
}

#[test]
fn sigkill_loses_nothing_that_was_acknowledged() {
    let seed = from_env("STORE_KILL_SEED").unwrap_or_else(rand::random);
    println!("STORE_KILL_SEED={seed}");
    let mut random = SmallRng::seed_from_u64(seed);
    let dir = tempfile::tempdir().unwrap();
    let (mut acknowledged, mut verified) = (Seqs::new(), Seqs::new());
    for round in 0..from_env("STORE_KILL_ROUNDS").unwrap_or(ROUNDS) {
        // Some die while they open the directory, the others somewhere between two acknowledgements.
        let (acks, pause_us) = if random.random_ratio(1, 5) {
            (0, random.random_range(0..60_000))
        } else {
            (random.random_range(1..=ACKS_PER_ROUND_MAX), random.random_range(0..3_000))
        };
        let pause = || std::thread::sleep(Duration::from_micros(pause_us));
        let (status, said) = run(writer(dir.path(), CONVERSATIONS, 150), acks, pause);
        assert_eq!(status.signal(), Some(SIGKILL), "round {round}: {status}");
        note(&said, &mut acknowledged);
        everything_is_there(dir.path(), 150, &acknowledged, &mut verified);
    }
    everything_is_there(dir.path(), 150, &acknowledged, &mut Seqs::new());
    let total: u64 = acknowledged.values().sum();
    assert!(total > ROUNDS, "it was a test: {total} acknowledged entries");
}

#[test]
fn a_second_process_is_refused_while_the_first_lives() {
    let dir = tempfile::tempdir().unwrap();
    let open = || Embedded::open(&config(dir.path(), 150), &Tasks::default());
    let refused = || match open() {
        Err(error @ OpenError::Locked { .. }) => {
            let data = dir.path().join("data");
            let asked = format!(
                "{} is in use by another process; stop that one, or give this one another data directory",
                data.display()
            );
            assert_eq!(error.to_string(), asked);
        }
        other => panic!("not refused: {other:?}"),
    };
    let (status, said) = run(writer(dir.path(), 2, 150), 10, refused);
    assert_eq!(status.signal(), Some(SIGKILL), "it did not mind: {status}");
    let mut acknowledged = Seqs::new();
    note(&said, &mut acknowledged);
    // A lock dies with its process: this opens at once.
    everything_is_there(dir.path(), 150, &acknowledged, &mut Seqs::new());
}

#[test]
fn a_write_that_the_disk_refuses_ends_the_process() {
    let dir = tempfile::tempdir().unwrap();
    let child = writer(dir.path(), CONVERSATIONS, 30_000);
    // The journal cannot grow past the limit: writing it fails with EFBIG, as a full or broken disk would fail.
    let mut limited = Command::new("bash");
    limited.args(["-c", "trap '' XFSZ; ulimit -f \"$STORE_KILL_LIMIT_KIB\"; exec \"$0\" \"$@\""]);
    limited.arg(child.get_program()).args(child.get_args());
    limited.envs(child.get_envs().filter_map(|(name, value)| Some((name, value?))));
    limited.env("STORE_KILL_LIMIT_KIB", (66 * 1024).to_string());
    let (status, said) = run(limited, ACKS_ON_BROKEN_DISK_MAX, || {});
    assert_eq!(status.signal(), Some(SIGABRT), "{status}");
    let mut acknowledged = Seqs::new();
    note(&said, &mut acknowledged);
    assert!(!acknowledged.is_empty());
    everything_is_there(dir.path(), 30_000, &acknowledged, &mut Seqs::new());
}

/// With a library that stands before the system's and lets syncs fail after the first so many.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[test]
fn a_sync_that_fails_ends_the_process_and_is_never_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let library = dir.path().join("failing_sync.so");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/kill_nine/failing_sync.rs");
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let built = Command::new(rustc)
        .args(["--edition", "2024", "--crate-type", "cdylib", source, "-o"])
        .arg(&library)
        .status();
    assert!(built.unwrap().success());
    for syncs in [20, 75] {
        let data = tempfile::tempdir().unwrap();
        // One conversation appends one after the other: each acknowledgement is out before the next sync begins.
        let mut failing = writer(data.path(), 1, 150);
        failing.env("LD_PRELOAD", &library).env("STORE_KILL_SYNCS", syncs.to_string());
        let (status, said) = run(failing, ACKS_ON_BROKEN_DISK_MAX, || {});
        assert_eq!(status.signal(), Some(SIGABRT), "{status}");
        let failed = said.iter().position(|line| line == "a sync fails").expect("a sync failed");
        let (before, after) = said.split_at(failed);
        assert!(before.iter().any(|line| acknowledgement(line).is_some()), "it began well");
        assert!(
            after.iter().all(|line| acknowledgement(line).is_none()),
            "told after the failure: {after:?}"
        );
        let mut acknowledged = Seqs::new();
        note(&said, &mut acknowledged);
        everything_is_there(data.path(), 150, &acknowledged, &mut Seqs::new());
    }
}
