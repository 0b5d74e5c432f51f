//! Parts as child processes: messages go in by standard input and come out by standard output.

use std::io::{BufReader, BufWriter};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context as _, bail};
use lifecycle::Tasks;

use super::follower::{Follower, Voice};
use super::team::{Clocks, Heard, Line, Team};
use super::{Assignment, Share, pipe};
use crate::clock::{Clock, Nanos, SECOND, machine};
use crate::tokens::TokenArguments;

/// Messages of all parts that wait for the lead.
const HEARD_MAX: usize = 256;

/// From the end of a part's pipe to its own.
const DYING: Nanos = 2 * SECOND;

/// A part and the way to it.
#[derive(Debug)]
struct Running {
    number: usize,
    process: Child,
    /// Closed last, when the part is to end.
    stdin: Option<ChildStdin>,
}

impl Line for Running {
    fn say(&mut self, message: &[u8]) -> anyhow::Result<()> {
        let stdin = self.stdin.as_ref().context("a part without pipes")?;
        pipe::write(stdin, message).context("a part does not listen")
    }

    fn name(&self) -> String {
        format!("part {} (process {})", self.number, self.process.id())
    }

    fn fate(&mut self) -> String {
        let since = Clock::start();
        while since.now() < DYING {
            if let Ok(Some(status)) = self.process.try_wait() {
                return format!("{} ended early: {status}", self.name());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        format!("{} does not listen", self.name())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.stdin.take());
        // One that has ended needs no end.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Team {
    /// So many processes of this program; each gets what `assignment` makes.
    pub fn of_processes(
        count: usize,
        tokens: &TokenArguments,
        clock: Clock,
        assignment: impl Fn(Share, i64) -> Assignment,
    ) -> anyhow::Result<Self> {
        let (sender, heard) = sync_channel(HEARD_MAX);
        let mut lines: Vec<Box<dyn Line>> = Vec::with_capacity(count);
        for number in 0..count {
            lines.push(Box::new(start(number, tokens, sender.clone())?));
        }
        Self::new((lines, heard), (clock, Clocks::One), assignment)
    }
}

fn start(number: usize, tokens: &TokenArguments, heard: SyncSender<Heard>) -> anyhow::Result<Running> {
    let mut command = Command::new(std::env::current_exe().context("this program")?);
    // The secret is for nobody to read in a list of processes.
    command.arg("part").args(tokens.words()).env_remove("TIDEGATE_SECRET");
    if let Some(secret) = &tokens.secret {
        command.env("TIDEGATE_SECRET", secret);
    }
    let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut process = spawned.context("starting a part")?;
    let (stdin, stdout) = (process.stdin.take(), process.stdout.take());
    let running = Running { number, process, stdin };
    let Some(stdout) = stdout else { bail!("a part without pipes") };
    let read = move || {
        let mut stdout = BufReader::new(stdout);
        while let Ok(Some(message)) = pipe::read(&mut stdout) {
            if heard.send(Heard::Said { who: number, at: machine(), message }).is_err() {
                return;
            }
        }
        // A lead that is gone needs no message.
        let _ = heard.send(Heard::Gone { who: number });
    };
    Tasks::default().thread("part", read).context("a thread")?;
    Ok(running)
}

/// Standard output, for messages.
#[derive(Debug)]
struct Stdout;

impl Voice for Stdout {
    fn say(&mut self, message: &[u8]) -> anyhow::Result<()> {
        let mut stdout = BufWriter::new(std::io::stdout().lock());
        pipe::write(&mut stdout, message).context("the process that began this run is gone")
    }
}

/// What a child process does: hears what it is to do by standard input. `run` does it.
pub fn serve(run: impl FnOnce(Assignment, Follower) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let voice: Arc<Mutex<dyn Voice>> = Arc::new(Mutex::new(Stdout));
    let (sender, heard): (_, Receiver<_>) = sync_channel(HEARD_MAX);
    let own = voice.clone();
    let read = move || {
        let mut stdin = std::io::stdin().lock();
        while let Ok(Some(message)) = pipe::read(&mut stdin) {
            if Follower::receive(&message, &own, &sender).is_err() {
                return;
            }
        }
    };
    Tasks::default().thread("lead", read).context("a thread")?;
    Follower::follow((voice, heard), None, run)
}
