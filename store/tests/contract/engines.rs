//! Fresh stores of every kind.

use std::time::Duration;

use lifecycle::Tasks;
use store::{Embedded, EmbeddedConfig, Store};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::sync::{Mutex, MutexGuard, OnceCell};

use crate::samples;

/// A store and what must live as long.
pub struct Fresh {
    pub store: Store,
    _dir: Option<TempDir>,
    _alone: Option<MutexGuard<'static, ()>>,
}

/// One keyspace and one connection for all tests of the process: tables take a cluster their time. Tests tell their
/// rows apart by names of their own.
static CLUSTER: OnceCell<Option<Store>> = OnceCell::const_new();
/// For tests that cannot: one of them after the other.
static ALONE: Mutex<()> = Mutex::const_new(());

pub fn memory() -> Fresh {
    samples::names_begin_with("");
    Fresh { store: Store::memory(), _dir: None, _alone: None }
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
    samples::names_begin_with("");
    Fresh { store, _dir: Some(dir), _alone: None }
}

/// `None`, said in one line: there is no cluster to test on.
pub async fn cql() -> Option<Fresh> {
    let store = CLUSTER.get_or_init(connect).await.clone()?;
    samples::names_are_new();
    Some(Fresh { store, _dir: None, _alone: None })
}

/// The same for tests of tables that cannot be shared.
pub async fn cql_alone() -> Option<Fresh> {
    let alone = ALONE.lock().await;
    Some(Fresh { _alone: Some(alone), ..cql().await? })
}

/// The connection lives on a runtime of its own: that of the test that made it ends with the test.
async fn connect() -> Option<Store> {
    let config = store::test_config("the contract on a CQL cluster")?;
    let (answer, connected) = tokio::sync::oneshot::channel();
    let tasks = Tasks::default();
    let runtime = move || {
        Runtime::new().unwrap().block_on(async {
            let cql = store::test_cluster(&config, &Tasks::default()).await.unwrap();
            let _ = answer.send(Store::Cql(cql));
            std::future::pending::<()>().await;
        });
    };
    tasks.thread("cluster", runtime).unwrap();
    Some(connected.await.unwrap())
}

/// Runs each test on each engine, named `<module>::on_<engine>::<test>`. `alone:` for tests that on a cluster cannot
/// share a table with others.
macro_rules! contract {
    (alone: $($test:ident),+ $(,)?) => {
        crate::engines::contract!(@here $($test),+);
        crate::engines::contract!(@cql cql_alone $($test),+);
    };
    (@here $($test:ident),+) => {
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
    (@cql $fresh:ident $($test:ident),+) => {
        mod on_cql {
            $(#[tokio::test]
            async fn $test() {
                if let Some(fresh) = crate::engines::$fresh().await {
                    super::$test(fresh.store.clone()).await;
                }
            })+
        }
    };
    ($($test:ident),+ $(,)?) => {
        crate::engines::contract!(@here $($test),+);
        crate::engines::contract!(@cql cql $($test),+);
    };
}
pub(crate) use contract;
