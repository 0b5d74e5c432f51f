//! What a process uses, read about once a second on a thread of its own: a page that is slow to come must not keep
//! messages waiting.

use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use lifecycle::Tasks;
use serde::{Deserialize, Serialize};

use crate::clock::{Clock, Nanos};
use crate::server_process::{Usage, Watched};

/// Between two readings.
const EVERY: Duration = Duration::from_secs(1);

/// One reading.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// When, on the run's clock.
    pub at: Nanos,
    /// What was used by then.
    pub usage: Usage,
}

/// Reads until it is dropped.
#[derive(Debug)]
pub struct Sampler {
    /// Dropped with this; nothing is ever sent.
    _stop: SyncSender<()>,
    readings: Arc<Mutex<Vec<Reading>>>,
}

impl Sampler {
    /// Reads what `watched` uses, beginning now. A reading that fails is left out.
    pub fn start(watched: Watched, clock: Clock) -> anyhow::Result<Self> {
        let (stop, stopped) = sync_channel::<()>(1);
        let readings = Arc::new(Mutex::new(Vec::new()));
        let own = readings.clone();
        let run = move || loop {
            if let Ok(Some(usage)) = watched.usage() {
                let reading = Reading { at: clock.now(), usage };
                own.lock().unwrap_or_else(PoisonError::into_inner).push(reading);
            }
            if stopped.recv_timeout(EVERY) != Err(RecvTimeoutError::Timeout) {
                return;
            }
        };
        Tasks::default().thread("sampler", run).context("a thread")?;
        Ok(Self { _stop: stop, readings })
    }

    /// All readings so far.
    pub fn readings(&self) -> Vec<Reading> {
        self.readings.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The last two: what is used at present is between them.
    pub fn latest(&self) -> Option<(Reading, Reading)> {
        let readings = self.readings.lock().unwrap_or_else(PoisonError::into_inner);
        let [.., before, last] = readings[..] else { return None };
        Some((before, last))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_reading_is_taken_at_once() {
        let sampler = Sampler::start(Watched::this_process(), Clock::start()).expect("started");
        let since = Clock::start();
        while sampler.readings().is_empty() && since.now() < 20 * crate::clock::SECOND {
            std::thread::yield_now();
        }
        assert!(sampler.readings()[0].usage.anonymous_bytes > 0);
        assert_eq!(sampler.latest(), None);
    }
}
