//! Short ways to make what tests talk about.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};

use proto::{
    Body, ClientMessageId, ConversationId, Entry, Epoch, GroupId, MessageId, Partition, Seq, Timestamp,
    UserId,
};
use rand::RngExt as _;
use store::{Batch, Bucket, Cas, IncarnationId, Register, Store};

/// What tells the rows of this test from those of others in the same tables. A test has one thread.
#[derive(Clone, Default)]
struct World {
    prefix: String,
    number: u64,
    partition: u16,
}

thread_local! {
    static WORLD: RefCell<World> = RefCell::default();
}

/// In tables of its own, a test names things as it likes.
pub fn names_begin_with(prefix: &str) {
    let world = World { prefix: prefix.to_owned(), number: 0, partition: 1023 };
    WORLD.with(|own| *own.borrow_mut() = world);
}

/// In shared tables, everything gets a new name.
pub fn names_are_new() {
    static TESTS: AtomicU64 = AtomicU64::new(1);
    static PARTITIONS: AtomicU16 = AtomicU16::new(300);
    let number = TESTS.fetch_add(1, Ordering::Relaxed);
    let prefix = format!("{number}-{:x}-", rand::rng().random::<u32>());
    let partition = PARTITIONS.fetch_add(1, Ordering::Relaxed);
    WORLD.with(|own| *own.borrow_mut() = World { prefix, number, partition });
}

fn world() -> World {
    WORLD.with(|own| own.borrow().clone())
}

/// A name, as this test spells it.
pub fn named(name: &str) -> String {
    world().prefix + name
}

/// A partition that no other test claims.
pub fn partition() -> Partition {
    Partition::new(world().partition).unwrap()
}

/// An incarnation that no other test has.
pub fn incarnation(number: u64) -> IncarnationId {
    IncarnationId(unlike_others(number) | 1 << 100)
}

/// A number that no other test has.
pub fn unlike_others(number: u64) -> u128 {
    u128::from(world().number) << 64 | u128::from(number)
}

/// A time after everything that an earlier test wrote.
pub fn at(ms: u64) -> Timestamp {
    Timestamp(world().number * 1_000_000_000 + ms)
}

pub fn user(name: &str) -> UserId {
    UserId::parse(&named(name)).unwrap()
}

pub fn group(name: &str) -> GroupId {
    GroupId::parse(&named(name)).unwrap()
}

pub fn conversation(name: &str) -> ConversationId {
    ConversationId::group(&group(name))
}

pub fn id(number: u64) -> ClientMessageId {
    ClientMessageId(u128::from(number).to_be_bytes())
}

/// Entry number `seq`, taken at millisecond `seq`; `text` tells several of one seq apart.
pub fn entry(seq: u64, text: &str) -> Entry {
    Entry {
        seq: Seq(seq),
        message_id: MessageId(seq * 7),
        sender: user("alice"),
        time: Timestamp(seq),
        counted: seq,
        client_message_id: id(seq),
        body: Body::text(text),
    }
}

pub fn batch(conversation: &ConversationId, bucket: u32, epoch: u64, entries: Vec<Entry>) -> Arc<Batch> {
    Arc::new(Batch {
        conversation: conversation.clone(),
        bucket: Bucket(bucket),
        epoch: Epoch(epoch),
        entries,
        touched: None,
    })
}

/// The same with a touched mark.
pub fn touching(conversation: &ConversationId, bucket: u32, epoch: u64, entries: Vec<Entry>) -> Arc<Batch> {
    let batch = Arc::unwrap_or_clone(batch(conversation, bucket, epoch, entries));
    Arc::new(Batch { touched: Some(Partition::of(conversation)), ..batch })
}

pub fn register(epoch: u64, bucket: u32, start: u64) -> Register {
    Register {
        version: 0,
        epoch: Epoch(epoch),
        start: Seq(start),
        bucket: Bucket(bucket),
        bucket_first: Seq(start),
        window: 64,
        counted: start - 1,
    }
}

pub fn applied<T: std::fmt::Debug>(cas: Cas<T>) -> T {
    match cas {
        Cas::Applied(row) => row,
        other => panic!("not applied: {other:?}"),
    }
}

/// Writes entries into a bucket under epoch 1, each on its own, all at once.
pub async fn write(
    store: &Store,
    conversation: &ConversationId,
    bucket: u32,
    seqs: std::ops::RangeInclusive<u64>,
) {
    let appends = seqs.map(|seq| store.append(batch(conversation, bucket, 1, vec![entry(seq, "x")])));
    for done in futures_util::future::join_all(appends).await {
        done.unwrap();
    }
}

/// Makes a log of buckets: `(bucket, last seq)`, rising; entry `n` was taken at millisecond `n`.
pub async fn log_of(store: &Store, conversation: &ConversationId, buckets: &[(u32, u64)]) {
    let mut version = None;
    let mut first = 1;
    for (at, (bucket, last)) in buckets.iter().enumerate() {
        if let Some((left, _)) = at.checked_sub(1).and_then(|before| buckets.get(before)) {
            let left_first =
                at.checked_sub(2).and_then(|before| buckets.get(before)).map_or(1, |(_, last)| last + 1);
            store.write_index(conversation, Bucket(*left), Seq(left_first)).await.unwrap();
        }
        let moved = store.move_register(conversation, version, register(1, *bucket, first)).await;
        version = Some(applied(moved).version);
        write(store, conversation, *bucket, first..=*last).await;
        first = last + 1;
    }
}
