//! The pages in memory are those of the log, whatever was read and appended before.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};

use proto::{Body, ClientMessageId, Epoch, GroupId, MessageId, Timestamp, UserId};
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};

use super::*;
use crate::{Bucket, Durable, IncarnationId, Store};

/// A log of which every entry is as its seq says, and how often it was read.
#[derive(Default)]
struct Engine {
    reads: AtomicUsize,
}

fn conversation(number: usize) -> ConversationId {
    ConversationId::group(&GroupId::parse(&format!("g{number}")).unwrap())
}

fn entry(seq: u64) -> Entry {
    Entry {
        seq: Seq(seq),
        message_id: MessageId(seq * 7),
        sender: UserId::parse("alice").unwrap(),
        time: Timestamp(seq),
        counted: seq,
        client_message_id: ClientMessageId(u128::from(seq).to_be_bytes()),
        body: Body::text("x".repeat(usize::try_from(seq * 37 % 400).unwrap())),
    }
}

/// What a page must be, by the words of [`PageRange`].
fn expected(range: &PageRange) -> Vec<Entry> {
    let all: Vec<Entry> = (range.from.0.max(1)..=range.to.0.min(range.head.0)).map(entry).collect();
    let mut bytes = 0;
    let mut taken = 0;
    let mut fits = |entry: &Entry| {
        bytes += entry.body.encoded().len();
        taken += 1;
        taken <= range.limit && (bytes <= range.bytes || taken == 1)
    };
    if range.backwards {
        let kept = all.iter().rev().take_while(|entry| fits(entry)).count();
        all[all.len() - kept..].to_vec()
    } else {
        all.iter().take_while(|entry| fits(entry)).cloned().collect()
    }
}

impl Engine {
    async fn page(&self, cache: &Cache, log: usize, range: PageRange) -> Vec<Entry> {
        let read = |range: PageRange| {
            self.reads.fetch_add(1, Ordering::Relaxed);
            async move {
                tokio::task::yield_now().await;
                Ok(expected(&range))
            }
        };
        cache.page(&conversation(log), range, read).await.unwrap()
    }

    fn reads(&self) -> usize {
        self.reads.load(Ordering::Relaxed)
    }
}

fn newest(limit: usize, head: u64) -> PageRange {
    let (from, to) = (Seq(1), Seq(head));
    PageRange { from, to, limit, bytes: 1 << 20, backwards: true, head: Seq(head) }
}

#[tokio::test]
async fn every_page_is_what_the_log_has() {
    for seed in 0..20 {
        let mut random = SmallRng::seed_from_u64(seed);
        // From far too small to large enough.
        let cache = Cache::new(10_usize.pow(random.random_range(1..7)));
        let engine = Engine::default();
        let mut heads = [random.random_range(0..300_u64), random.random_range(0..1_000)];
        for _ in 0..500 {
            let log = random.random_range(0..2);
            heads[log] += random.random_range(0..3);
            let head = heads[log] - random.random_range(0..=heads[log].min(3));
            let range = PageRange {
                from: Seq(random.random_range(0..=head + 2)),
                to: Seq(random.random_range(0..=head + 2)),
                limit: random.random_range(0..120),
                bytes: random.random_range(1..20_000),
                backwards: random.random_bool(0.5),
                head: Seq(head),
            };
            assert_eq!(engine.page(&cache, log, range).await, expected(&range), "seed {seed}, {range:?}");
        }
    }
}

#[tokio::test]
async fn of_many_who_miss_the_same_one_reads() {
    let (cache, engine) = (Cache::new(1 << 20), Engine::default());
    let asks = (0..100).map(|_| engine.page(&cache, 0, newest(50, 60)));
    for page in futures_util::future::join_all(asks).await {
        assert_eq!(page, expected(&newest(50, 60)));
    }
    assert_eq!(engine.reads(), 1);
}

#[tokio::test]
async fn a_read_whose_caller_is_gone_does_not_stop_the_next() {
    let (cache, engine) = (Cache::new(1 << 20), Engine::default());
    assert!(engine.page(&cache, 0, newest(50, 60)).now_or_never().is_none(), "it waits for the engine");
    assert_eq!(engine.page(&cache, 0, newest(50, 60)).await, expected(&newest(50, 60)));
}

/// Bodies of 32 KiB: one read of the engine ends in the middle of what the page needs, or before it.
#[tokio::test]
async fn large_bodies_take_several_reads() {
    let large = |seq: u64| Entry { body: Body::text("x".repeat(32_000)), ..entry(seq) };
    let cache = Cache::new(64 << 20);
    let read = |range: PageRange| async move {
        let fit = u64::try_from(range.bytes / 320_000).unwrap().max(1);
        Ok((range.from.0..=range.to.0.min(range.from.0 + fit - 1)).map(large).collect())
    };
    for (from, to) in [(60, 64), (30, 70), (1, 10)] {
        let range = PageRange { from: Seq(from), to: Seq(to), bytes: usize::MAX, ..newest(50, 100) };
        let page = cache.page(&conversation(0), range, read).await.unwrap();
        assert_eq!(page, (from..=to).map(large).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn without_room_each_page_is_one_read() {
    let (cache, engine) = (Cache::new(0), Engine::default());
    for reads in 1..=3 {
        assert_eq!(engine.page(&cache, 0, newest(50, 60)).await, expected(&newest(50, 60)));
        assert_eq!(engine.reads(), reads);
    }
}

#[tokio::test]
async fn a_read_that_fails_is_not_kept() {
    let cache = Cache::new(1 << 20);
    let down = || StoreError::Unavailable("down".to_owned());
    let failing = |_: PageRange| async move { Err(down()) };
    assert_eq!(cache.page(&conversation(0), newest(50, 60), failing).await, Err(down()));
    assert_eq!(Engine::default().page(&cache, 0, newest(50, 60)).await, expected(&newest(50, 60)));
}

#[tokio::test]
async fn an_append_follows_what_is_kept_once_it_is_verified() {
    let store = Store::memory();
    let me = IncarnationId(1);
    store.announce(me).await.unwrap();
    let (cache, engine) = (Cache::new(1 << 20), Engine::default());
    let batch = |epoch: u64, seqs: std::ops::RangeInclusive<u64>| {
        Arc::new(Batch {
            conversation: conversation(0),
            bucket: Bucket(1),
            epoch: Epoch(epoch),
            entries: seqs.map(entry).collect(),
            touched: None,
        })
    };
    let verify = |batch: Arc<Batch>| {
        let store = store.clone();
        async move {
            let durable: Durable = store.append(batch).await.unwrap();
            store.verify(me, vec![durable]).await.unwrap()
        }
    };
    // Nobody read it: not kept.
    cache.appended(&batch(3, 1..=2));
    cache.verified(&verify(batch(3, 1..=2)).await);
    engine.page(&cache, 0, newest(50, 60)).await;
    assert_eq!(engine.reads(), 1);
    // Durable under an epoch that was never verified: not kept.
    cache.appended(&batch(2, 61..=61));
    cache.verified(&verify(batch(3, 61..=61)).await);
    engine.page(&cache, 0, newest(50, 61)).await;
    assert_eq!(engine.reads(), 2, "read from the engine");
    for (first, last) in [(62, 64), (65, 65), (66, 140)] {
        cache.appended(&batch(3, first..=last));
        cache.verified(&verify(batch(3, first..=last)).await);
        let range = newest(50, last);
        assert_eq!(engine.page(&cache, 0, range).await, expected(&range));
    }
    assert_eq!(engine.reads(), 2, "not read again");
    cache.appended(&batch(3, 141..=141));
    cache.fenced();
    cache.verified(&verify(batch(3, 141..=141)).await);
    engine.page(&cache, 0, newest(50, 141)).await;
    assert_eq!(engine.reads(), 3, "what a fenced owner appended is not kept");
}

/// Readers and writers choose among 5,000 conversations by a Zipf law (exponent 1, as measured of chat groups), six
/// pages to an append.
#[tokio::test]
async fn nearly_all_pages_come_from_memory_when_use_follows_a_zipf_law() {
    const LOGS: usize = 5_000;
    let weights = (1..=LOGS).scan(0.0, |sum, rank| {
        *sum += 1.0 / rank as f64;
        Some(*sum)
    });
    let weights: Vec<f64> = weights.collect();
    let mut random = SmallRng::seed_from_u64(1);
    let cache = Cache::new(128 << 20);
    let engine = Engine::default();
    let mut heads = vec![100_u64; LOGS];
    let pages = Cell::new(0_usize);
    let (mut misses, mut counted) = (0, 0);
    for step in 0..100_000_usize {
        let at = random.random::<f64>() * weights[LOGS - 1];
        let log = weights.partition_point(|sum| *sum < at).min(LOGS - 1);
        if step % 7 == 0 {
            heads[log] += 1;
            let last = Seq(heads[log]);
            let mut inner = cache.lock();
            if inner.blocks.ends_before(&conversation(log), last) {
                inner.blocks.insert(&conversation(log), (last, last), &[entry(last.0)]);
            }
            continue;
        }
        let before = engine.reads();
        engine.page(&cache, log, newest(50, heads[log])).await;
        pages.set(pages.get() + 1);
        if pages.get() > 50_000 {
            counted += 1;
            misses += engine.reads() - before;
        }
    }
    assert!(misses * 20 < counted, "{misses} of {counted} pages were read from the engine");
}
