//! How the program ends, as its exit code.

use std::process::ExitCode;

/// Why the program ended. The numbers are part of its interface: `--help` and docs/OPERATING.md list them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It did what was asked; a server stopped and everything in it had ended.
    Done = 0,
    /// It could not start: a port in use, a data directory that is locked or not writable. The message says what to do.
    NotStarted = 1,
    /// The command line or the configuration is wrong; every problem was named.
    Misconfigured = 2,
    /// It was asked to stop, and something had not ended when `drain.timeout` had passed; the log names it.
    Straggled = 3,
    /// It stopped by itself, because a part of it failed; the log has an ERROR line.
    Failed = 4,
    /// A second signal came while it drained, and it stopped at once. Nothing acknowledged is lost.
    Forced = 5,
}

impl Exit {
    /// For the operating system.
    pub(crate) fn code(self) -> ExitCode {
        ExitCode::from(self as u8)
    }
}
