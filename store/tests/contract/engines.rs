//! Fresh stores of every kind.

use std::time::Duration;

use lifecycle::Tasks;
use store::{Embedded, EmbeddedConfig, Store};
use tempfile::TempDir;

/// A store and what must live as long.
pub struct Fresh {
    pub store: Store,
    _dir: Option<TempDir>,
}

pub fn memory() -> Fresh {
    Fresh { store: Store::memory(), _dir: None }
}

pub fn embedded() -> Fresh {
    let dir = tempfile::tempdir().unwrap();
    let config = EmbeddedConfig {
        path: dir.path().join("data"),
        group_commit_records_max: 64,
        group_commit_interval: Duration::ZERO,
        queue_records_max: 16,
        reader_threads: 2,
        read_queue_max: 4,
        cache_bytes: 1 << 20,
        memtable_bytes: 1 << 20,
        journal_bytes_max: 64 << 20,
    };
    let store = Store::Embedded(Embedded::open(&config, &Tasks::default()).unwrap());
    Fresh { store, _dir: Some(dir) }
}

/// Runs each test on each engine, named `<module>::on_<engine>::<test>`.
macro_rules! contract {
    ($($test:ident),+ $(,)?) => {
        mod on_memory {
            $(#[tokio::test]
            async fn $test() {
                let fresh = crate::engines::memory();
                super::$test(fresh.store.clone()).await;
            })+
        }
        mod on_embedded {
            $(#[tokio::test]
            async fn $test() {
                let fresh = crate::engines::embedded();
                super::$test(fresh.store.clone()).await;
                fresh.store.close().await;
            })+
        }
    };
}
pub(crate) use contract;
