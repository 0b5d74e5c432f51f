//! Where the engine runs: on its own threads, and never on the one that asks. What it frees, and when.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use lifecycle::Tasks;
use metrics_util::debugging::{DebugValue, DebuggingRecorder};

use super::{Embedded, EmbeddedConfig};
use crate::engine::Table;

fn open(path: &Path) -> Arc<Embedded> {
    let config = EmbeddedConfig {
        path: path.to_owned(),
        group_commit_records_max: 64,
        group_commit_interval: Duration::ZERO,
        queue_records_max: 16,
        reader_threads: 1,
        read_queue_max: 4,
        cache_bytes: 1 << 20,
        memtable_bytes: 1 << 20,
        journal_bytes_max: 64 << 20,
    };
    Embedded::open(&config, &Tasks::default()).expect("a fresh store")
}

fn here() -> Option<String> {
    std::thread::current().name().map(str::to_owned)
}

#[tokio::test]
async fn reads_and_writes_run_on_the_stores_own_threads() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = open(&dir.path().join("data"));
    let reader = store.read(|_| Ok(here())).await;
    assert_eq!(reader, Ok(Some("store-reader-0".to_owned())));
    let writer = store.write(|_| Ok(here())).await;
    assert_eq!(writer, Ok(Some("store-writer".to_owned())));
    store.close().await;
}

#[tokio::test]
async fn reads_that_follow_from_each_other_take_one_thread_once() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let dir = tempfile::tempdir().expect("a directory");
    let store = metrics::with_local_recorder(&recorder, || open(&dir.path().join("data")));
    let reading = store.clone();
    let reads = async move {
        let first = reading.read(|_| Ok(here())).await?;
        // One that waits for something else may do so, if the thread is to be had for it.
        tokio::task::yield_now().await;
        let again = reading.clone();
        let second = reading.read_together(async move { again.read(|_| Ok(here())).await }).await?;
        Ok((first, second))
    };
    let reader = Some("store-reader-0".to_owned());
    assert_eq!(store.read_together(reads).await, Ok((reader.clone(), reader)));
    let reads = snapshotter
        .snapshot()
        .into_vec()
        .into_iter()
        .find_map(|(key, _, _, value)| (key.key().name() == "store_reads_total").then_some(value));
    assert_eq!(reads, Some(DebugValue::Counter(1)));
    store.close().await;
}

/// A thread that carried reads out holds nothing of the tables after it: the directory can be opened again.
#[tokio::test]
async fn nothing_of_the_tables_outlives_the_store() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("data");
    for _ in 0..2 {
        let store = open(&path);
        let reading = store.clone();
        let reads = async move { reading.read(|_| Ok(())).await };
        assert_eq!(store.read_together(reads).await, Ok(()));
        store.close().await;
    }
}

/// The only async worker waits for nothing but the answer: other tasks go on while a read is at the disk.
#[tokio::test]
async fn a_slow_read_does_not_hold_up_the_async_worker() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = open(&dir.path().join("data"));
    // The read ends only when a task of the same worker lets it.
    let (release, released) = tokio::sync::oneshot::channel();
    let slow = store.read(move |_| Ok(released.blocking_recv().is_ok()));
    let (slow, sent) = tokio::join!(slow, async { release.send(()) });
    assert_eq!((slow, sent), (Ok(true), Ok(())));
    store.close().await;
}

/// Rows of some thirty memtables: were one of them kept for good, all would be.
#[tokio::test]
async fn memtables_that_were_written_out_are_freed() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let dir = tempfile::tempdir().expect("a directory");
    let store = metrics::with_local_recorder(&recorder, || open(&dir.path().join("data")));
    let held = || {
        let metrics = snapshotter.snapshot().into_vec();
        metrics.into_iter().find_map(|(key, _, _, value)| match value {
            DebugValue::Gauge(held) if key.key().name() == "store_memtables" => Some(held.into_inner()),
            _ => None,
        })
    };
    let mut most: f64 = 0.0;
    for row in 0..120_u32 {
        let put = store.write(move |tx| {
            tx.put(Table::State, row.to_be_bytes().to_vec(), vec![b'x'; 256 << 10]);
            Ok(())
        });
        put.await.expect("written");
        most = most.max(held().unwrap_or_default());
    }
    let few = async {
        // One of each table takes rows; the last that was written out goes when the next one is.
        while !held().is_some_and(|held| (2.0..=4.0).contains(&held)) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(20), few).await;
    assert!(waited.is_ok(), "{:?} held in the end, {most} at most", held());
    store.close().await;
}
