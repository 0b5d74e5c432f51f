//! The process that goes on, as seen by the one that ends.

use std::ffi::OsString;
use std::net::TcpListener;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use gateway::Handed;

use super::line::{self, Frame, Line, LineError};
use super::words::{ADMIN, AND_STOP, END, GO, HELLO, HTTP, Hello, PIECE, READY, REFUSED};
use crate::cli::TAKE_OVER;

/// How long it may take to read its configuration.
const HELLO_PATIENCE: Duration = Duration::from_secs(30);
/// How long it may take to open everything: a store may have a journal to read.
const READY_PATIENCE: Duration = Duration::from_secs(120);
/// The image of this process, there even when its file has been replaced.
const OWN_IMAGE: &str = "/proc/self/exe";

/// What runs here, to be run again.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    /// Where the file was when the process began; by now it may be a later version.
    pub(crate) path: PathBuf,
    pub(crate) arguments: Vec<OsString>,
}

/// Everything that goes on.
pub(super) struct Cargo {
    pub(super) admin: TcpListener,
    pub(super) http: Option<TcpListener>,
    pub(super) handed: Handed,
}

/// See the module. It is killed when dropped before it has taken over.
pub(super) struct Successor {
    /// Until it has taken over: then it must not be killed any more.
    child: Option<Child>,
    pid: u32,
    line: Line,
    program: String,
}

/// What it does once it has everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    Serve,
    /// This process was asked to stop after it had given everything away.
    Stop,
}

/// Why it does not go on. The words are for whoever asked.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Refusal(pub(super) String);

impl Program {
    /// This process. `path` is what its predecessor was asked to run, when it has one.
    pub(crate) fn of_this_process(path: Option<PathBuf>) -> std::io::Result<Self> {
        let mut arguments: Vec<_> = std::env::args_os().skip(1).collect();
        if path.is_some() && arguments.first().is_some_and(|first| first == TAKE_OVER) {
            arguments.drain(..2);
        }
        let path = path.map_or_else(std::env::current_exe, Ok)?;
        Ok(Self { path, arguments })
    }
}

impl Successor {
    /// Starts what is at the program's path now, and waits until it says that it could go on. Blocks.
    pub(super) fn start(program: &Program) -> Result<Self, Refusal> {
        Self::start_image(&program.path, program)
    }

    /// The same with what runs here.
    pub(super) fn start_own(program: &Program) -> Result<Self, Refusal> {
        Self::start_image(Path::new(OWN_IMAGE), program)
    }

    fn start_image(image: &Path, program: &Program) -> Result<Self, Refusal> {
        let refused =
            |error: std::io::Error| Refusal(format!("{} cannot be started: {error}", image.display()));
        let (line, far) = line::pair().map_err(refused)?;
        let mut command = Command::new(image);
        command.arg(TAKE_OVER).arg(&program.path).args(&program.arguments).stdin(Stdio::from(far));
        let child = command.spawn().map_err(refused)?;
        // The command holds the far end, whose last copy must be the child's.
        drop(command);
        let pid = child.id();
        let mut successor = Self { child: Some(child), pid, line, program: String::new() };
        successor.meet()?;
        Ok(successor)
    }

    fn meet(&mut self) -> Result<(), Refusal> {
        let hello = match self.line.receive(HELLO_PATIENCE) {
            Ok(frame) if frame.kind == HELLO => Hello::read(&frame.bytes),
            Ok(_) => None,
            Err(error) => return Err(self.failed("before it had read its configuration", &error)),
        };
        let hello = hello.ok_or_else(|| Refusal("the new program is no tidegate".to_owned()))?;
        if let Some(words) = hello.unreadable() {
            // It ends anyway.
            let _ = self.line.send([Frame { kind: REFUSED, bytes: words.as_bytes(), descriptor: None }]);
            return Err(Refusal(words));
        }
        self.program = hello.program;
        Ok(())
    }

    /// Its version.
    pub(super) fn program(&self) -> &str {
        &self.program
    }

    pub(super) fn pid(&self) -> u32 {
        self.pid
    }

    /// Whether it still runs.
    pub(super) fn is_there(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(None)))
    }

    /// Brings it everything, and waits until it could go on. What is in the cargo is still whole when it does not. Blocks.
    pub(super) fn bring(&mut self, cargo: &Cargo) -> Result<(), Refusal> {
        self.send(cargo).map_err(|error| self.failed("while the sockets were brought", &error))?;
        match self.line.receive(READY_PATIENCE) {
            Ok(frame) if frame.kind == READY => Ok(()),
            Ok(_) => Err(Refusal("the new process does not speak as it should".to_owned())),
            Err(error) => Err(self.failed("before it had opened everything", &error)),
        }
    }

    /// Lets it go on. Blocks.
    pub(super) fn go(&mut self, then: Then) -> Result<(), Refusal> {
        let bytes = match then {
            Then::Serve => &[],
            Then::Stop => AND_STOP,
        };
        let go = self.line.send([Frame { kind: GO, bytes, descriptor: None }]);
        go.map_err(|error| self.failed("at the last moment", &error))?;
        self.child = None;
        Ok(())
    }

    fn send(&self, cargo: &Cargo) -> Result<(), LineError> {
        let listeners = [Some((ADMIN, &cargo.admin)), cargo.http.as_ref().map(|http| (HTTP, http))];
        let listeners = listeners.into_iter().flatten().map(|(kind, listener)| Frame {
            kind,
            bytes: &[],
            descriptor: Some(listener.as_fd()),
        });
        let pieces = cargo.handed.pieces.iter().map(|piece| Frame {
            kind: PIECE,
            bytes: &piece.bytes,
            descriptor: piece.descriptor.as_ref().map(AsFd::as_fd),
        });
        let end = Frame { kind: END, bytes: &[], descriptor: None };
        self.line.send(listeners.chain(pieces).chain([end]))
    }

    /// Its exit code says more than the end of the line.
    fn failed(&mut self, when: &str, error: &LineError) -> Refusal {
        let Some(child) = self.child.as_mut().filter(|_| matches!(error, LineError::Ended)) else {
            return Refusal(format!("the new process failed {when}: {error}"));
        };
        match child.wait() {
            Ok(status) => Refusal(format!("the new process ended {when} ({status}); its log says why")),
            Err(error) => Refusal(format!("the new process ended {when}: {error}")),
        }
    }
}

impl Drop for Successor {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // It has ended, or does now.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
