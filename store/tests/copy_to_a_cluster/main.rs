//! A store of one process moves to a cluster: interrupted wherever it may be, complete in the end, and refused where it
//! could do harm.

#![allow(clippy::unwrap_used, reason = "a test fails where it panics")]

mod compare;
mod fill;

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use lifecycle::Tasks;
use store::{
    Cas, CopyError, CopyProgress, CopyReport, Cql, CqlConfig, CqlError, Cursor, Embedded, EmbeddedConfig,
    IncarnationId, Level, OpenError, Ownership, Step, Store,
};

fn open(dir: &Path) -> Store {
    let config = EmbeddedConfig {
        path: dir.to_owned(),
        group_commit_records_max: 64,
        group_commit_interval: Duration::ZERO,
        queue_records_max: 16,
        reader_threads: 2,
        read_queue_max: 4,
        cache_bytes: 1 << 20,
        memtable_bytes: 1 << 20,
        journal_bytes_max: 64 << 20,
    };
    Store::Embedded(Embedded::open(&config, &Tasks::default()).unwrap())
}

async fn filled(dir: &Path) {
    let store = open(dir);
    fill::fill(&store).await;
    store.close().await;
}

async fn to_copy(config: &CqlConfig) -> Arc<Cql> {
    Cql::connect_to_copy(config, &Tasks::default()).await.unwrap()
}

/// Copies until so many chunks were written, or to the end.
async fn copy(dir: &Path, to: &Arc<Cql>, chunks: usize) -> Result<CopyReport, CopyError> {
    let mut left = chunks;
    let watch = |progress: CopyProgress| {
        if progress.step == Step::Copy {
            left = left.saturating_sub(1);
        }
        if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    Box::pin(store::copy(dir, to, &Tasks::default(), watch)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interrupted_copy_goes_on_and_both_sides_answer_the_same() {
    let Some(config) = store::test_config("copying a store to a CQL cluster") else { return };
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path()).await;
    Cql::migrate(&config).await.unwrap();

    let to = to_copy(&config).await;
    for chunks in [1, 3, 8] {
        let stopped = copy(dir.path(), &to, chunks).await.unwrap_err();
        assert!(matches!(stopped, CopyError::Stopped), "{stopped}");
        let refused = Cql::connect(&config, &Tasks::default()).await.unwrap_err();
        assert!(matches!(refused, CqlError::HalfCopied { .. }), "nobody may serve it: {refused}");
    }
    // Another process goes on.
    to.close().await;
    let to = to_copy(&config).await;
    let report = copy(dir.path(), &to, usize::MAX).await.unwrap();
    assert!(report.resumed);
    for kind in &report.compared {
        assert!(kind.same && kind.source == kind.target && kind.source > 0, "{kind:?}");
    }
    let again = copy(dir.path(), &to, usize::MAX).await.unwrap_err();
    assert!(matches!(again, CopyError::Complete), "{again}");
    to.close().await;

    let source = open(dir.path());
    let target = Store::Cql(Cql::connect(&config, &Tasks::default()).await.unwrap());
    compare::same(&source, &target).await;
    an_owner_takes_over(&target).await;
    source.close().await;
    target.close().await;
    take_away(&[config]).await;
}

/// A cluster that is busy may take too long for it; a later test takes away what is left.
async fn take_away(keyspaces: &[CqlConfig]) {
    for config in keyspaces {
        let _ = store::drop_test_keyspace(config).await;
    }
}

/// FENCE: who claims a partition of the copy has a larger epoch than every entry, and goes on where the log ended.
async fn an_owner_takes_over(target: &Store) {
    let me = IncarnationId(77);
    target.announce(me).await.unwrap();
    for conversation in fill::conversations() {
        let partition = proto::Partition::of(&conversation);
        let before = target.owner(partition, Level::Serial).await.unwrap();
        if before.owner.is_none() {
            let Cas::Applied(claimed) = target.claim(partition, before, me).await else {
                panic!("{before:?}")
            };
            assert_eq!(claimed, Ownership { owner: Some(me), epoch: proto::Epoch(before.epoch.0 + 1) });
        }
        let epoch = target.owner(partition, Level::Serial).await.unwrap().epoch;
        let register = target.register(&conversation, Level::Serial).await.unwrap().unwrap();
        assert!(register.epoch < epoch);
        let rows = target.bucket_tail(&conversation, register.bucket, 1_000).await.unwrap();
        assert!(rows.iter().all(|row| row.epoch < epoch));
        let end = rows.last().unwrap().entry.seq;
        let moved = store::Register { epoch, start: end.next(), ..register };
        let Cas::Applied(moved) = target.move_register(&conversation, Some(register.version), moved).await
        else {
            panic!("{register:?}")
        };
        let next = fill::entry(end.0 + 1, "after the copy");
        let batch = fill::batch(&conversation, register.bucket, epoch, vec![next.clone()]);
        let durable = target.append(Arc::new(batch)).await.unwrap();
        assert_eq!(target.verify(me, vec![durable]).await.unwrap().len(), 1);
        assert_eq!(fill::page(target, &conversation, end.0 + 1).await.last(), Some(&next));
        assert_eq!(moved.version, register.version + 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_could_do_harm_is_refused() {
    let Some(config) = store::test_config("refusing to copy into a CQL cluster") else { return };
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    filled(dir.path()).await;
    filled(other.path()).await;
    Cql::migrate(&config).await.unwrap();
    let to = to_copy(&config).await;

    let empty = tempfile::tempdir().unwrap();
    let nothing = copy(empty.path(), &to, 1).await.unwrap_err();
    assert!(matches!(nothing, CopyError::NoSource { .. }), "{nothing}");
    assert_eq!(std::fs::read_dir(empty.path()).unwrap().count(), 0, "nothing is made there");

    let running = open(dir.path());
    let locked = copy(dir.path(), &to, 1).await.unwrap_err();
    assert!(matches!(locked, CopyError::Source(OpenError::Locked { .. })), "{locked}");
    running.close().await;

    let foreign = Store::Cql(Arc::clone(&to));
    let (user, conversation) = (fill::user(1), fill::conversations().remove(0));
    let cursor = Cursor { read: proto::Seq(1), ..Cursor::default() };
    foreign.advance_cursor(&user, &conversation, cursor).await.unwrap();
    let full = copy(dir.path(), &to, 1).await.unwrap_err();
    assert!(matches!(full, CopyError::NotEmpty { table: "read_cursor" }), "{full}");
    to.close().await;

    let Some(second) = store::test_config("refusing to go on with another copy") else { return };
    Cql::migrate(&second).await.unwrap();
    let to = to_copy(&second).await;
    assert!(matches!(copy(dir.path(), &to, 6).await, Err(CopyError::Stopped)));
    let wrong = copy(other.path(), &to, 1).await.unwrap_err();
    assert!(matches!(wrong, CopyError::OtherSource), "{wrong}");

    // The source goes on after a part of it was copied: found, and never taken for a copy.
    let running = open(dir.path());
    let late =
        fill::batch(&conversation, store::Bucket(1), proto::Epoch(1), vec![fill::entry(9_999, "late")]);
    running.append(Arc::new(late)).await.unwrap();
    running.close().await;
    let differs = copy(dir.path(), &to, usize::MAX).await.unwrap_err();
    let CopyError::Differs(kinds) = &differs else { panic!("{differs}") };
    let differ: Vec<&str> = kinds.iter().filter(|kind| !kind.same).map(|kind| kind.rows).collect();
    assert_eq!(differ, ["entries", "dedupe rows"], "{differs}");
    let refused = Cql::connect(&second, &Tasks::default()).await.unwrap_err();
    assert!(matches!(refused, CqlError::HalfCopied { .. }), "{refused}");
    to.close().await;
    take_away(&[config, second]).await;
}
