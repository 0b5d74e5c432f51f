//! Pages and times: what readers see of a log.

use proto::{ConversationId, Entry, Seq, Timestamp};
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};
use store::{Bucket, PageRange, Store};

use crate::engines::contract;
use crate::samples::{applied, batch, conversation, entry, log_of, register};

contract!(
    a_page_walks_buckets_in_both_directions,
    a_page_ends_at_its_limits,
    a_page_never_goes_past_the_told_head,
    the_highest_epoch_wins_each_seq,
    an_unknown_conversation_has_no_page,
    a_bucket_that_is_not_in_the_register_yet_is_not_read,
    random_logs_read_like_their_model,
    a_time_is_found_in_its_bucket,
    a_time_is_found_where_buckets_are_odd,
);

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

fn range(from: u64, to: u64, limit: usize, head: u64) -> PageRange {
    PageRange { from: Seq(from), to: Seq(to), limit, bytes: 1 << 20, backwards: false, head: Seq(head) }
}

async fn seqs(store: &Store, log: &ConversationId, range: PageRange) -> Vec<u64> {
    store.page(log, range).await.unwrap().iter().map(|entry| entry.seq.0).collect()
}

async fn a_page_walks_buckets_in_both_directions(store: Store) {
    let log = conversation("g");
    log_of(&store, &log, &[(5, 3), (6, 4), (7, 9), (600, 12)]).await;
    for backwards in [false, true] {
        let all = PageRange { backwards, ..range(1, 12, 100, 12) };
        assert_eq!(seqs(&store, &log, all).await, (1..=12).collect::<Vec<_>>());
    }
    assert_eq!(seqs(&store, &log, range(3, 10, 100, 12)).await, (3..=10).collect::<Vec<_>>());
    assert_eq!(seqs(&store, &log, range(3, 10, 3, 12)).await, [3, 4, 5], "the oldest first");
    let newest = PageRange { backwards: true, ..range(3, 10, 4, 12) };
    assert_eq!(seqs(&store, &log, newest).await, [7, 8, 9, 10], "the newest, in rising order");
}

async fn a_page_ends_at_its_limits(store: Store) {
    let log = conversation("g");
    log_of(&store, &log, &[(5, 3), (6, 9)]).await;
    let each = entry(1, "x").body.encoded().len();
    for backwards in [false, true] {
        let two = PageRange { bytes: 2 * each, backwards, ..range(3, 8, 100, 9) };
        assert_eq!(seqs(&store, &log, two).await, if backwards { [7, 8] } else { [3, 4] });
        let one = PageRange { bytes: 1, backwards, ..range(3, 8, 100, 9) };
        assert_eq!(seqs(&store, &log, one).await, [if backwards { 8 } else { 3 }], "at least one");
    }
    for empty in [range(1, 9, 0, 9), range(5, 4, 9, 9), range(10, 20, 9, 9)] {
        assert!(seqs(&store, &log, empty).await.is_empty());
    }
    assert_eq!(seqs(&store, &log, range(0, 2, 9, 9)).await, [1, 2], "from 0 is from the first");
}

async fn a_page_never_goes_past_the_told_head(store: Store) {
    let log = conversation("g");
    log_of(&store, &log, &[(5, 3), (6, 9)]).await;
    for head in 0..=9 {
        let told: Vec<u64> = (1..=head).collect();
        for backwards in [false, true] {
            let all = PageRange { backwards, ..range(1, u64::MAX, 100, head) };
            assert_eq!(seqs(&store, &log, all).await, told);
        }
    }
}

async fn the_highest_epoch_wins_each_seq(store: Store) {
    let log = conversation("g");
    log_of(&store, &log, &[(5, 4)]).await;
    for (epoch, seqs) in [(3, 2..=3), (2, 2..=4)] {
        for seq in seqs {
            store.append(batch(&log, 5, epoch, vec![entry(seq, &epoch.to_string())])).await.unwrap();
        }
    }
    let expected = [entry(1, "x"), entry(2, "3"), entry(3, "3"), entry(4, "2")];
    for backwards in [false, true] {
        let all = PageRange { backwards, ..range(1, 4, 100, 4) };
        assert_eq!(store.page(&log, all).await.unwrap(), expected);
    }
}

async fn an_unknown_conversation_has_no_page(store: Store) {
    assert!(store.page(&conversation("g"), range(1, 9, 9, 9)).await.unwrap().is_empty());
    assert_eq!(store.seq_at(&conversation("g"), Timestamp(0), Seq(0)).await.unwrap(), Seq(1));
}

async fn a_bucket_that_is_not_in_the_register_yet_is_not_read(store: Store) {
    let log = conversation("g");
    log_of(&store, &log, &[(5, 3)]).await;
    // A roll-over was begun: the index row of the bucket being left is there, the register has not moved.
    store.write_index(&log, Bucket(5), Seq(1)).await.unwrap();
    assert_eq!(seqs(&store, &log, range(1, 9, 9, 3)).await, [1, 2, 3]);
}

/// Entries at random in random buckets, with rows of lower epochs strewn in; every page is what a plain list gives.
async fn random_logs_read_like_their_model(store: Store) {
    for seed in 0..8_u64 {
        let mut random = SmallRng::seed_from_u64(seed);
        let log = conversation(&format!("g{seed}"));
        let (mut bucket, mut buckets, mut last) = (0, Vec::new(), 0);
        for _ in 0..random.random_range(1..6) {
            bucket += random.random_range(1..400);
            last += random.random_range(1..12);
            buckets.push((bucket, last));
        }
        log_of(&store, &log, &buckets).await;
        for _ in 0..10 {
            let seq = random.random_range(1..=last);
            let (bucket, _) = buckets.iter().find(|(_, last)| seq <= *last).unwrap();
            store.append(batch(&log, *bucket, 0, vec![entry(seq, "older epoch")])).await.unwrap();
        }
        for _ in 0..30 {
            let (from, to) = (random.random_range(0..=last + 1), random.random_range(0..=last + 1));
            let (limit, head) = (random.random_range(0..10), random.random_range(0..=last));
            let backwards = random.random_bool(0.5);
            let asked = PageRange { backwards, ..range(from, to, limit, head) };
            let all: Vec<Entry> = (from.max(1)..=to.min(head)).map(|seq| entry(seq, "x")).collect();
            let cut = all.len().saturating_sub(limit);
            let expected = if backwards { &all[cut..] } else { &all[..all.len() - cut] };
            assert_eq!(store.page(&log, asked).await.unwrap(), expected, "seed {seed}, {asked:?}");
        }
    }
}

/// Three windows with two entries a day, the second window split in two.
async fn a_time_is_found_in_its_bucket(store: Store) {
    let log = conversation("g");
    let time = |seq: u64| Timestamp((seq - 1) * DAY_MS / 2 + 1_000 * DAY_MS);
    let plan = [(100 << 8, 1..=20), (101 << 8, 21..=29), (101 << 8 | 1, 30..=40), (102 << 8, 41..=60)];
    let (mut version, mut left) = (None, None);
    for (bucket, seqs) in plan {
        let first = *seqs.start();
        if let Some((left, first)) = left.replace((bucket, first)) {
            store.write_index(&log, Bucket(left), Seq(first)).await.unwrap();
        }
        version = Some(applied(store.move_register(&log, version, register(1, bucket, first)).await).version);
        for seq in seqs {
            let taken = Entry { time: time(seq), ..entry(seq, "x") };
            store.append(batch(&log, bucket, 1, vec![taken])).await.unwrap();
        }
    }
    for seq in 1..=60 {
        let at = |time| store.seq_at(&log, time, Seq(60));
        assert_eq!(at(time(seq)).await.unwrap(), Seq(seq), "exactly at {seq}");
        assert_eq!(at(time(seq).minus_ms(1)).await.unwrap(), Seq(seq), "just before {seq}");
        assert_eq!(at(time(seq).plus_ms(1)).await.unwrap(), Seq(seq + 1), "just after {seq}");
    }
    assert_eq!(store.seq_at(&log, Timestamp(0), Seq(60)).await.unwrap(), Seq(1));
    assert_eq!(store.seq_at(&log, time(60), Seq(35)).await.unwrap(), Seq(36), "not past the told head");
}

/// The owner's clock was a window ahead, so buckets are named after a later time than their entries have.
async fn a_time_is_found_where_buckets_are_odd(store: Store) {
    let log = conversation("g");
    log_of(&store, &log, &[(1 << 8, 10), (1 << 8 | 1, 20), (1 << 8 | 2, 30)]).await;
    for time in [1, 5, 11, 20, 21, 30] {
        let found = store.seq_at(&log, Timestamp(time), Seq(30)).await.unwrap();
        assert!(found.0 <= time, "nothing at or after the time is missed");
    }
}
