//! What the embedded store counts.

use metrics::{Counter, Gauge, Histogram};

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
];

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
