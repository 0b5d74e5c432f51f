//! Registers: one row for each conversation, moved one version at a time; and the index of buckets.

use proto::{Epoch, Seq};
use store::{Bucket, Cas, Level, Register, Store};

use crate::engines::contract;
use crate::samples::{applied, conversation, register};

contract!(
    a_conversation_begins_without_register,
    a_register_moves_one_version_at_a_time,
    of_many_moves_of_one_version_one_applies,
    a_refused_move_shows_the_row,
    the_index_lists_buckets_newest_first,
);

async fn a_conversation_begins_without_register(store: Store) {
    let log = conversation("g");
    for level in [Level::Quorum, Level::Serial] {
        assert_eq!(store.register(&log, level).await.unwrap(), None);
    }
    assert_eq!(store.move_register(&log, Some(1), register(1, 5, 1)).await, Cas::Refused(None));
}

async fn a_register_moves_one_version_at_a_time(store: Store) {
    let log = conversation("g");
    let first = applied(store.move_register(&log, None, register(3, 5, 1)).await);
    assert_eq!(first, Register { version: 1, ..register(3, 5, 1) });
    let other = Register {
        version: 77,
        epoch: Epoch(u64::MAX),
        start: Seq(u64::MAX),
        bucket: Bucket(u32::MAX),
        bucket_first: Seq(u64::MAX - 1),
        window: u16::MAX,
        counted: u64::MAX,
    };
    let second = applied(store.move_register(&log, Some(1), other).await);
    assert_eq!(second, Register { version: 2, ..other });
    for level in [Level::Quorum, Level::Serial] {
        assert_eq!(store.register(&log, level).await.unwrap(), Some(second));
    }
    assert_eq!(store.register(&conversation("gg"), Level::Quorum).await.unwrap(), None);
}

async fn of_many_moves_of_one_version_one_applies(store: Store) {
    let log = conversation("g");
    for expected in [None, Some(1), Some(2)] {
        let moves = (1..=20).map(|epoch| store.move_register(&log, expected, register(epoch, 5, 1)));
        let outcomes = futures_util::future::join_all(moves).await;
        let row = store.register(&log, Level::Serial).await.unwrap();
        let applied = outcomes.iter().filter(|outcome| matches!(outcome, Cas::Applied(_))).count();
        let refused = outcomes.iter().filter(|outcome| **outcome == Cas::Refused(row)).count();
        assert_eq!((applied, refused), (1, 19));
    }
}

async fn a_refused_move_shows_the_row(store: Store) {
    let log = conversation("g");
    let now = applied(store.move_register(&log, None, register(1, 5, 1)).await);
    for expected in [None, Some(0), Some(2)] {
        assert_eq!(store.move_register(&log, expected, register(9, 9, 9)).await, Cas::Refused(Some(now)));
    }
    assert_eq!(store.register(&log, Level::Serial).await.unwrap(), Some(now));
}

async fn the_index_lists_buckets_newest_first(store: Store) {
    let log = conversation("g");
    assert!(store.index(&log).await.unwrap().is_empty());
    for (bucket, first) in [(5, 1), (256, 40), (6, 20)] {
        store.write_index(&log, Bucket(bucket), Seq(first)).await.unwrap();
        store.write_index(&log, Bucket(bucket), Seq(first)).await.expect("the same again");
    }
    store.write_index(&conversation("gg"), Bucket(7), Seq(9)).await.unwrap();
    let index = store.index(&log).await.unwrap();
    assert_eq!(index, [(Bucket(256), Seq(40)), (Bucket(6), Seq(20)), (Bucket(5), Seq(1))]);
}
