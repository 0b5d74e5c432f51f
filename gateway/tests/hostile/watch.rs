//! Looks at the metrics of the process, while no other test moves them.

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use lifecycle::MetricsPage;
use tokio::time::Instant;

use crate::bench::PATIENCE;

static ALONE: Mutex<()> = Mutex::new(());
static PAGE: OnceLock<MetricsPage> = OnceLock::new();

/// What the metrics were when a test began.
pub struct Watch {
    before: String,
    _alone: MutexGuard<'static, ()>,
}

impl Watch {
    /// Waits for the tests before this one. Call it before anything is started.
    pub fn begin() -> Self {
        // A test that failed has failed alone.
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let page = PAGE.get_or_init(|| MetricsPage::install(&[gateway::metrics::INVENTORY]).unwrap());
        Self { before: page.render(), _alone: alone }
    }

    /// By how much a metric has risen. `labels` as on the page: `code="1009"`, in any order.
    pub fn risen(&self, name: &str, labels: &[&str]) -> f64 {
        sum(&now(), name, labels) - sum(&self.before, name, labels)
    }

    /// Waits until something is so.
    pub fn until(&self, met: impl FnMut() -> bool) {
        assert!(wait_until(met), "it never came about");
    }

    /// Waits until a metric has risen by exactly this much; shards hand over ten times a second.
    pub fn expect(&self, name: &str, labels: &[&str], by: f64) {
        let mut risen = 0.0;
        let met = wait_until(|| {
            risen = self.risen(name, labels);
            (risen - by).abs() < 0.5
        });
        assert!(met, "{name} {labels:?} has risen by {risen}, not by {by}");
    }
}

fn wait_until(mut met: impl FnMut() -> bool) -> bool {
    let until = Instant::now() + PATIENCE;
    while !met() {
        if Instant::now() >= until {
            return false;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    true
}

fn now() -> String {
    PAGE.get().expect("a test watches").render()
}

/// The sum of all series of a metric that have these labels.
fn sum(page: &str, name: &str, labels: &[&str]) -> f64 {
    let series = page.lines().filter(|line| {
        let own = line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']));
        own && labels.iter().all(|label| line.contains(label))
    });
    series.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}
