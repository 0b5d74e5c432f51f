//! `[store]`: the embedded engine in the data directory.

use std::path::Path;

use store::EmbeddedConfig;

use super::reader::Reader;
use super::seconds;

pub(super) fn read(reader: &Reader, data_dir: &Path) -> EmbeddedConfig {
    const MIB: u64 = 1 << 20;
    EmbeddedConfig {
        path: data_dir.join("store"),
        group_commit_records_max: reader.whole("store.group_commit_records_max", 1..=1 << 16),
        group_commit_interval: reader.duration("store.group_commit_interval", seconds(0)..=seconds(1)),
        queue_records_max: reader.whole("store.queue_records_max", 16..=1 << 20),
        reader_threads: reader.whole("store.reader_threads", 1..=64),
        read_queue_max: reader.whole("store.read_queue_max", 16..=1 << 20),
        cache_bytes: reader.bytes("store.cache_bytes", MIB..=MIB << 20),
        memtable_bytes: reader.bytes("store.memtable_bytes", MIB..=MIB << 14),
        journal_bytes_max: reader.bytes("store.journal_bytes_max", 64 * MIB..=MIB << 20),
    }
}
