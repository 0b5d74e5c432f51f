//! Dropping old buckets: what goes, what stays, and what an interrupted drop leaves.

use proto::{ConversationId, Seq, Timestamp};
use store::{Bucket, Level, OverlayRow, PageRange, Store};

use crate::engines::contract;
use crate::samples::{applied, conversation, id, log_of, register, write};

contract!(
    a_bucket_goes_when_all_of_it_is_old,
    nothing_goes_that_is_not_projected_or_is_appended_to,
    a_drop_that_was_interrupted_is_finished_by_the_next,
    a_log_goes_on_after_a_drop,
    large_buckets_go_whole_and_neighbours_stay,
);

const LATER: Timestamp = Timestamp(u64::MAX / 4);

/// Entry `n` was taken at millisecond `n`.
async fn four_buckets(store: &Store) -> ConversationId {
    let log = conversation("g");
    log_of(store, &log, &[(5, 3), (6, 6), (7, 9), (600, 12)]).await;
    let overlay = |seq| OverlayRow {
        conversation: log.clone(),
        seq: Seq(seq),
        watermark: Seq(12),
        value: b"x".to_vec().into(),
    };
    store.write_overlays([0, 1, 3, 4, 9, 11].map(overlay).to_vec()).await.unwrap();
    log
}

async fn seqs(store: &Store, log: &ConversationId, head: u64) -> Vec<u64> {
    let range = |backwards| PageRange {
        from: Seq(1),
        to: Seq(head),
        limit: 1_000,
        bytes: 1 << 20,
        backwards,
        head: Seq(head),
    };
    let forwards = store.page(log, range(false)).await.unwrap();
    assert_eq!(store.page(log, range(true)).await.unwrap(), forwards);
    forwards.iter().map(|entry| entry.seq.0).collect()
}

async fn index(store: &Store, log: &ConversationId) -> Vec<u32> {
    store.index(log).await.unwrap().iter().map(|(bucket, _)| bucket.0).collect()
}

async fn overlaid(store: &Store, log: &ConversationId) -> Vec<u64> {
    store.overlays(log, Seq(0), Seq(100)).await.unwrap().iter().map(|row| row.seq.0).collect()
}

async fn a_bucket_goes_when_all_of_it_is_old(store: Store) {
    let log = four_buckets(&store).await;
    assert_eq!(seqs(&store, &log, 12).await, (1..=12).collect::<Vec<_>>());
    let before = store.register(&log, Level::Quorum).await.unwrap();
    let drop = |oldest| store.drop_old_buckets(&log, Timestamp(oldest), Seq(12));
    assert_eq!(drop(3).await.unwrap(), 0, "its last entry is not older than that");
    assert_eq!(drop(6).await.unwrap(), 1, "the second one's is not");
    assert_eq!(seqs(&store, &log, 12).await, (4..=12).collect::<Vec<_>>());
    assert_eq!(index(&store, &log).await, [7, 6]);
    assert_eq!(overlaid(&store, &log).await, [0, 4, 9, 11], "what is of the whole conversation stays");
    assert_eq!(store.register(&log, Level::Quorum).await.unwrap(), before);
    assert!(store.dedupe(&log, Bucket(5), id(1)).await.unwrap().is_empty());
    assert_eq!(store.dedupe(&log, Bucket(6), id(4)).await.unwrap().len(), 1);
    assert_eq!(store.seq_at(&log, Timestamp(0), Seq(12)).await.unwrap(), Seq(4), "the first that is there");
    assert_eq!(drop(6).await.unwrap(), 0);
    assert_eq!(store.drop_old_buckets(&conversation("none"), LATER, Seq(12)).await.unwrap(), 0);
}

async fn nothing_goes_that_is_not_projected_or_is_appended_to(store: Store) {
    let log = four_buckets(&store).await;
    assert_eq!(store.drop_old_buckets(&log, LATER, Seq(5)).await.unwrap(), 1, "6 is not projected yet");
    // A roll-over was begun: the bucket being left has its index row, and is the register's still.
    store.write_index(&log, Bucket(600), Seq(10)).await.unwrap();
    assert_eq!(store.drop_old_buckets(&log, LATER, Seq(12)).await.unwrap(), 2);
    assert_eq!(seqs(&store, &log, 12).await, [10, 11, 12]);
    assert_eq!(overlaid(&store, &log).await, [0, 11]);
    assert_eq!(store.bucket_tail(&log, Bucket(600), 100).await.unwrap().len(), 3, "as loads read it");
}

async fn a_drop_that_was_interrupted_is_finished_by_the_next(store: Store) {
    let log = four_buckets(&store).await;
    // Its rows went and its index row did not.
    store.drop_rows(&log, Bucket(5), Seq(1)..=Seq(3)).await.unwrap();
    assert_eq!(index(&store, &log).await, [7, 6, 5], "it is still found");
    assert_eq!(
        seqs(&store, &log, 12).await,
        (4..=12).collect::<Vec<_>>(),
        "readers see a log that begins later"
    );
    let at = store.seq_at(&log, Timestamp(5), Seq(12)).await.unwrap();
    assert_eq!(at, Seq(5));
    // Whatever is old by then: there is nothing in it that is not.
    assert_eq!(store.drop_old_buckets(&log, Timestamp(0), Seq(12)).await.unwrap(), 1);
    assert_eq!(index(&store, &log).await, [7, 6]);
    // All steps again are harmless.
    store.drop_rows(&log, Bucket(5), Seq(1)..=Seq(3)).await.unwrap();
    store.drop_index(&log, Bucket(5)).await.unwrap();
    assert_eq!(seqs(&store, &log, 12).await, (4..=12).collect::<Vec<_>>());
}

async fn a_log_goes_on_after_a_drop(store: Store) {
    let log = four_buckets(&store).await;
    assert_eq!(store.drop_old_buckets(&log, LATER, Seq(12)).await.unwrap(), 3);
    store.write_index(&log, Bucket(600), Seq(10)).await.unwrap();
    let now = store.register(&log, Level::Quorum).await.unwrap().unwrap();
    applied(store.move_register(&log, Some(now.version), register(1, 601, 13)).await);
    write(&store, &log, 601, 13..=15).await;
    assert_eq!(seqs(&store, &log, 15).await, (10..=15).collect::<Vec<_>>());
    assert_eq!(store.drop_old_buckets(&log, LATER, Seq(15)).await.unwrap(), 1);
    assert_eq!(seqs(&store, &log, 15).await, [13, 14, 15]);
    assert!(index(&store, &log).await.is_empty());
}

async fn large_buckets_go_whole_and_neighbours_stay(store: Store) {
    let (log, neighbour) = (conversation("g"), conversation("gg"));
    for log in [&log, &neighbour] {
        log_of(&store, log, &[(5, 300), (6, 302)]).await;
    }
    assert_eq!(store.drop_old_buckets(&log, LATER, Seq(302)).await.unwrap(), 1);
    assert_eq!(seqs(&store, &log, 302).await, [301, 302]);
    assert!(store.bucket_rows(&log, Bucket(5), Seq(1), 1_000).await.unwrap().is_empty());
    assert_eq!(seqs(&store, &neighbour, 302).await.len(), 302);
}
