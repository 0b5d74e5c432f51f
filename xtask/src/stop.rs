//! SIGINT and SIGTERM, as an order to end: heard between two steps of a chore, so that what it started ends in order.

use std::time::Duration;

use anyhow::bail;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// See the module. From its creation on, signals no longer end this program.
#[derive(Debug)]
pub struct Stop {
    runtime: tokio::runtime::Runtime,
    signals: [Signal; 2],
}

/// How a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waited {
    /// The time has passed.
    Whole,
    /// There was a signal.
    Stopped,
}

impl Stop {
    /// Begins to hear them.
    pub fn install() -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let signals = runtime.block_on(async {
            anyhow::Ok([signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?])
        })?;
        Ok(Self { runtime, signals })
    }

    /// Waits for `time`, or until there is a signal.
    pub fn wait(&mut self, time: Duration) -> Waited {
        let Self { runtime, signals: [interrupt, terminate] } = self;
        runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => Waited::Stopped,
                _ = terminate.recv() => Waited::Stopped,
                () = tokio::time::sleep(time) => Waited::Whole,
            }
        })
    }

    /// Waits for `time`; a signal is an error.
    pub fn sleep(&mut self, time: Duration) -> anyhow::Result<()> {
        match self.wait(time) {
            Waited::Whole => Ok(()),
            Waited::Stopped => bail!("stopped by a signal"),
        }
    }
}
