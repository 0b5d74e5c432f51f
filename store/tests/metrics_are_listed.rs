//! Every metric that the store registers is in its inventory, and the other way round.

#![allow(clippy::unwrap_used, reason = "a test fails where it panics")]

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::Duration;

use lifecycle::Tasks;
use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use store::{Embedded, EmbeddedConfig};

/// Names and kinds of what was registered.
#[derive(Default)]
struct Names(Mutex<BTreeSet<(String, &'static str)>>);

impl Names {
    fn add(&self, key: &Key, kind: &'static str) {
        self.0.lock().unwrap().insert((key.name().to_owned(), kind));
    }
}

impl Recorder for Names {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        self.add(key, "counter");
        Counter::noop()
    }
    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        self.add(key, "gauge");
        Gauge::noop()
    }
    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        self.add(key, "histogram");
        Histogram::noop()
    }
}

#[test]
fn the_inventory_is_what_is_registered() {
    let names = Names::default();
    let dir = tempfile::tempdir().unwrap();
    let config = EmbeddedConfig {
        path: dir.path().join("data"),
        group_commit_records_max: 64,
        group_commit_interval: Duration::ZERO,
        queue_records_max: 16,
        reader_threads: 1,
        read_queue_max: 4,
        cache_bytes: 1 << 20,
        memtable_bytes: 1 << 20,
        journal_bytes_max: 64 << 20,
    };
    metrics::with_local_recorder(&names, || drop(Embedded::open(&config, &Tasks::default()).unwrap()));
    let listed: BTreeSet<(String, &str)> =
        store::metrics::INVENTORY.iter().map(|(name, kind, _)| ((*name).to_owned(), *kind)).collect();
    assert_eq!(*names.0.lock().unwrap(), listed);
}
