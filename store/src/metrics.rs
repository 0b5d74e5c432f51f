//! What the store counts.

use metrics::{Counter, Gauge, Histogram};

use crate::StoreError;
use crate::ephemeral::meters::{self, PresenceMetrics, RedisMetrics};

/// Every metric of this crate: name, kind, meaning.
pub const INVENTORY: &[(&str, &str, &str)] = &[
    ("store_commits_total", "counter", "Commits of the embedded store, each with one fsync."),
    ("store_commit_records", "histogram", "Entries and transactions in one commit."),
    ("store_sync_seconds", "histogram", "Writing the journal and syncing it, for one commit."),
    ("store_queue_requests", "gauge", "Requests waiting for the writer."),
    ("store_memtables", "gauge", "Memtables in memory: those that take rows, and those being written out."),
    ("store_reads_total", "counter", "Reads of the embedded store."),
    ("store_read_seconds", "histogram", "Time of one read on its thread."),
    ("store_read_queue_requests", "gauge", "Reads waiting for a thread."),
    ("store_pages_hits_total", "counter", "Pages answered from memory."),
    ("store_pages_misses_total", "counter", "Pages for which the engine was asked."),
    ("store_pages_shared_total", "counter", "Misses that waited for the read of another."),
    ("store_pages_bytes", "gauge", "Memory for entries of pages, about."),
    ("store_cql_writes_in_flight", "gauge", "Writes sent to the cluster and not answered."),
    ("store_cql_reads_in_flight", "gauge", "Reads sent to the cluster and not answered."),
    ("store_cql_write_seconds", "histogram", "A call that writes to the cluster, its wait in line included."),
    (
        "store_cql_read_seconds",
        "histogram",
        "A call that reads from the cluster, its wait in line not included.",
    ),
    ("store_cql_unavailable_total", "counter", "Calls to the cluster that failed without an effect."),
    ("store_cql_unknown_total", "counter", "Writes to the cluster whose outcome is unknown."),
    (
        "store_presence_devices",
        "gauge",
        "Devices with a session in this process, or whose leaving is not written yet.",
    ),
    ("store_presence_waiting", "gauge", "Changes of presence that wait to be written."),
    ("store_presence_written_total", "counter", "Changes of presence written to Redis."),
    (
        "store_presence_refused_total",
        "counter",
        "Devices that do not show as online because there are too many.",
    ),
    (
        "store_presence_untold_total",
        "counter",
        "Changes of presence that those who watch are not told of because there are too many.",
    ),
    ("store_redis_connected", "gauge", "1 while Redis is connected."),
    ("store_redis_requests", "gauge", "Requests to Redis under way."),
    ("store_redis_seconds", "histogram", "Time of one request to Redis, answered or given up."),
    ("store_redis_failures_total", "counter", "Requests to Redis without a usable answer in time."),
    ("store_redis_refused_total", "counter", "Requests to Redis not made because too many were under way."),
];

/// Registers all of them with the recorder that is installed now, whatever engine is in use.
pub fn register() {
    let _ = (Metrics::new(), PageMetrics::new(), CqlMetrics::new());
    let _ = (PresenceMetrics::new(), meters::untold(), RedisMetrics::new());
}

/// Handles, kept because looking one up costs more than using it.
pub(crate) struct Metrics {
    pub(crate) commits: Counter,
    pub(crate) commit_records: Histogram,
    pub(crate) sync_seconds: Histogram,
    pub(crate) queue_requests: Gauge,
    pub(crate) memtables: Gauge,
    pub(crate) reads: Counter,
    pub(crate) read_seconds: Histogram,
    pub(crate) read_queue_requests: Gauge,
}

impl Metrics {
    /// Registers them with the recorder that is installed now.
    pub(crate) fn new() -> Self {
        Self {
            commits: metrics::counter!("store_commits_total"),
            commit_records: metrics::histogram!("store_commit_records"),
            sync_seconds: metrics::histogram!("store_sync_seconds"),
            queue_requests: metrics::gauge!("store_queue_requests"),
            memtables: metrics::gauge!("store_memtables"),
            reads: metrics::counter!("store_reads_total"),
            read_seconds: metrics::histogram!("store_read_seconds"),
            read_queue_requests: metrics::gauge!("store_read_queue_requests"),
        }
    }
}

/// Handles of the pages in memory.
pub(crate) struct PageMetrics {
    pub(crate) hits: Counter,
    pub(crate) misses: Counter,
    pub(crate) shared: Counter,
    pub(crate) bytes: Gauge,
}

impl PageMetrics {
    /// Registers them with the recorder that is installed now.
    pub(crate) fn new() -> Self {
        Self {
            hits: metrics::counter!("store_pages_hits_total"),
            misses: metrics::counter!("store_pages_misses_total"),
            shared: metrics::counter!("store_pages_shared_total"),
            bytes: metrics::gauge!("store_pages_bytes"),
        }
    }
}

/// Handles of the cluster's engine.
pub(crate) struct CqlMetrics {
    pub(crate) writes_in_flight: Gauge,
    pub(crate) reads_in_flight: Gauge,
    pub(crate) write_seconds: Histogram,
    pub(crate) read_seconds: Histogram,
    unavailable: Counter,
    unknown: Counter,
}

impl CqlMetrics {
    /// Registers them with the recorder that is installed now.
    pub(crate) fn new() -> Self {
        Self {
            writes_in_flight: metrics::gauge!("store_cql_writes_in_flight"),
            reads_in_flight: metrics::gauge!("store_cql_reads_in_flight"),
            write_seconds: metrics::histogram!("store_cql_write_seconds"),
            read_seconds: metrics::histogram!("store_cql_read_seconds"),
            unavailable: metrics::counter!("store_cql_unavailable_total"),
            unknown: metrics::counter!("store_cql_unknown_total"),
        }
    }

    /// Counts a failure.
    pub(crate) fn count(&self, error: Option<&StoreError>) {
        match error {
            Some(StoreError::Unavailable(_)) => self.unavailable.increment(1),
            Some(StoreError::Unknown(_)) => self.unknown.increment(1),
            Some(StoreError::Corrupt(_)) | None => {}
        }
    }
}

/// Counts one in a gauge as long as it lives.
pub(crate) struct InFlight(Gauge);

impl InFlight {
    pub(crate) fn new(gauge: &Gauge) -> Self {
        gauge.increment(1.0);
        Self(gauge.clone())
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}
