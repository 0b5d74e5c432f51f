//! What the buses of a test count, waited for.

use std::collections::HashMap;

use bus::metrics::INVENTORY;
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use tokio::time::{Duration, Instant};

use crate::messages::SOON;

/// Counts what buses count that are opened while it lives, in the one thread of the test.
pub struct Counted {
    snapshotter: Snapshotter,
    sums: HashMap<String, u64>,
    _recording: metrics::LocalRecorderGuard<'static>,
}

impl Counted {
    pub fn begin() -> Self {
        // One for each test, for the rest of the process.
        let recorder: &'static DebuggingRecorder = Box::leak(Box::default());
        Self {
            snapshotter: recorder.snapshotter(),
            sums: HashMap::new(),
            _recording: metrics::set_default_local_recorder(recorder),
        }
    }

    /// Waits until a counter, over all buses, is at least this.
    pub async fn until(&mut self, counter: &str, at_least: u64) {
        assert!(INVENTORY.iter().any(|(name, kind, _)| (*name, *kind) == (counter, "counter")), "{counter}");
        let since = Instant::now();
        while self.now(counter) < at_least {
            assert!(since.elapsed() < SOON, "{counter} is to be {at_least}: {:?}", self.sums);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// A counter, over all buses.
    pub fn now(&mut self, counter: &str) -> u64 {
        // A snapshot takes what was counted away.
        for (key, _, _, value) in self.snapshotter.snapshot().into_vec() {
            if let DebugValue::Counter(more) = value {
                *self.sums.entry(key.key().name().to_owned()).or_default() += more;
            }
        }
        self.sums.get(counter).copied().unwrap_or_default()
    }
}
