//! Every metric that the store registers is in its inventory, and the other way round.

#![allow(clippy::unwrap_used, reason = "a test fails where it panics")]

use std::collections::BTreeSet;
use std::sync::Mutex;

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};

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
    metrics::with_local_recorder(&names, store::metrics::register);
    let listed: BTreeSet<(String, &str)> =
        store::metrics::INVENTORY.iter().map(|(name, kind, _)| ((*name).to_owned(), *kind)).collect();
    assert_eq!(*names.0.lock().unwrap(), listed);
}
