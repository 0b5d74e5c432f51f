//! Appends: all or nothing, once for ever, each under its own epoch.

use proto::{Epoch, Seq};
use store::{Bucket, Store};

use crate::engines::contract;
use crate::samples::{batch, conversation, entry, id, write};

contract!(
    an_append_is_there_with_its_dedupe_rows,
    the_same_append_again_changes_nothing,
    rows_of_two_epochs_live_side_by_side,
    rows_begin_at_a_seq_and_end_at_a_limit,
    a_tail_counts_seqs_and_not_rows,
    buckets_and_conversations_do_not_mix,
    an_append_without_entries_is_refused,
    many_appends_at_once_are_all_there,
);

async fn an_append_is_there_with_its_dedupe_rows(store: Store) {
    let log = conversation("g");
    let entries = vec![entry(1, "one"), entry(2, "two"), entry(3, "three")];
    let durable = store.append(batch(&log, 5, 9, entries.clone())).await.unwrap();
    assert_eq!((durable.conversation(), durable.epoch(), durable.upto()), (&log, Epoch(9), Seq(3)));
    let rows = store.bucket_rows(&log, Bucket(5), Seq(1), 100).await.unwrap();
    assert!(rows.iter().all(|row| row.epoch == Epoch(9)));
    assert_eq!(rows.into_iter().map(|row| row.entry).collect::<Vec<_>>(), entries);
    for seq in 1..=3 {
        let found = store.dedupe(&log, Bucket(5), id(seq)).await.unwrap();
        assert_eq!(found, [(Epoch(9), Seq(seq))]);
    }
}

async fn the_same_append_again_changes_nothing(store: Store) {
    let log = conversation("g");
    let twice = batch(&log, 5, 1, vec![entry(1, "one"), entry(2, "two")]);
    let first = store.append(twice.clone()).await.unwrap();
    let before = store.bucket_rows(&log, Bucket(5), Seq(1), 100).await.unwrap();
    assert_eq!(store.append(twice).await.unwrap(), first);
    assert_eq!(store.bucket_rows(&log, Bucket(5), Seq(1), 100).await.unwrap(), before);
    assert_eq!(store.dedupe(&log, Bucket(5), id(1)).await.unwrap().len(), 1);
}

async fn rows_of_two_epochs_live_side_by_side(store: Store) {
    let log = conversation("g");
    for epoch in [2, 300, 1] {
        let text = format!("under {epoch}");
        store.append(batch(&log, 5, epoch, vec![entry(1, &text)])).await.unwrap();
    }
    let rows = store.bucket_rows(&log, Bucket(5), Seq(1), 100).await.unwrap();
    let epochs: Vec<u64> = rows.iter().map(|row| row.epoch.0).collect();
    assert_eq!(epochs, [300, 2, 1], "the highest epoch first");
    assert_eq!(rows[2].entry, entry(1, "under 1"));
    let found = store.dedupe(&log, Bucket(5), id(1)).await.unwrap();
    assert_eq!(found, [(Epoch(1), Seq(1)), (Epoch(2), Seq(1)), (Epoch(300), Seq(1))]);
}

async fn rows_begin_at_a_seq_and_end_at_a_limit(store: Store) {
    let log = conversation("g");
    write(&store, &log, 5, 1..=300).await;
    let rows = store.bucket_rows(&log, Bucket(5), Seq(254), 4).await.unwrap();
    let seqs: Vec<u64> = rows.iter().map(|row| row.entry.seq.0).collect();
    assert_eq!(seqs, [254, 255, 256, 257]);
    assert!(store.bucket_rows(&log, Bucket(5), Seq(301), 4).await.unwrap().is_empty());
}

async fn a_tail_counts_seqs_and_not_rows(store: Store) {
    let log = conversation("g");
    write(&store, &log, 5, 1..=9).await;
    store.append(batch(&log, 5, 2, vec![entry(8, "again"), entry(9, "again")])).await.unwrap();
    let rows = store.bucket_tail(&log, Bucket(5), 3).await.unwrap();
    let places: Vec<(u64, u64)> = rows.iter().map(|row| (row.entry.seq.0, row.epoch.0)).collect();
    assert_eq!(places, [(7, 1), (8, 2), (8, 1), (9, 2), (9, 1)]);
    assert_eq!(store.bucket_tail(&log, Bucket(5), 100).await.unwrap().len(), 11);
    assert!(store.bucket_tail(&log, Bucket(6), 3).await.unwrap().is_empty());
}

async fn buckets_and_conversations_do_not_mix(store: Store) {
    let (short, long) = (conversation("g"), conversation("gg"));
    for (log, bucket) in [(&short, 5), (&short, 6), (&long, 5)] {
        let text = format!("{log} {bucket}");
        store.append(batch(log, bucket, 1, vec![entry(1, &text)])).await.unwrap();
    }
    for (log, bucket) in [(&short, 5), (&short, 6), (&long, 5)] {
        let rows = store.bucket_tail(log, Bucket(bucket), 9).await.unwrap();
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0].entry, entry(1, &format!("{log} {bucket}")));
        assert_eq!(store.bucket_rows(log, Bucket(bucket), Seq(0), 9).await.unwrap(), rows);
    }
    assert!(store.dedupe(&long, Bucket(6), id(1)).await.unwrap().is_empty());
}

async fn an_append_without_entries_is_refused(store: Store) {
    assert!(store.append(batch(&conversation("g"), 5, 1, vec![])).await.is_err());
}

async fn many_appends_at_once_are_all_there(store: Store) {
    let logs: Vec<_> = (0..20).map(|number| conversation(&format!("g{number}"))).collect();
    let appends = logs.iter().flat_map(|log| {
        let store = &store;
        (1..=20).map(move |seq| async move { store.append(batch(log, 5, 1, vec![entry(seq, "x")])).await })
    });
    for done in futures_util::future::join_all(appends).await {
        done.unwrap();
    }
    for log in &logs {
        assert_eq!(store.bucket_rows(log, Bucket(5), Seq(1), 100).await.unwrap().len(), 20);
    }
}
