//! Measures appends and pages on a CQL cluster, over the same path as a router takes.
//!
//! ```text
//! TIDEGATE_TEST_CQL_URL=cql://127.0.0.1:9042 cargo bench -p store --bench cql -- [--seconds N] [--warm-up N] [--rate N]
//! ```
//!
//! Hot: 64 conversations, one append of k messages in flight in each. Rare: 10,000 conversations, one message per append, on a
//! schedule that does not wait for the store; latency counts from the moment an append was due. Pages: the newest 50 of a
//! conversation, from the cluster and from memory. Every append is verified, as a router does before it tells.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement that cannot run should panic")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use lifecycle::Tasks;
use proto::{
    Body, ClientMessageId, ConversationId, Entry, Epoch, GroupId, MessageId, Seq, Timestamp, UserId,
};
use store::{Batch, Bucket, Cql, IncarnationId, PageRange, Register, Store};
use tokio::time::Instant;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ME: IncarnationId = IncarnationId(1);
const BUCKET: Bucket = Bucket(1);
const BODY_BYTES: usize = 200;

/// What to measure.
struct Plan {
    seconds: u64,
    warm_up: u64,
    rate: u64,
}

/// What was measured.
#[derive(Default)]
struct Times(Mutex<Vec<Duration>>);

impl Times {
    fn add(&self, time: Duration) {
        self.0.lock().unwrap().push(time);
    }

    fn line(&self, what: &str, messages: u64, elapsed: Duration) {
        let mut all = self.0.lock().unwrap();
        all.sort_unstable();
        let at = |part: f64| all.get((all.len() as f64 * part) as usize).copied().unwrap_or_default();
        let ms = |time: Duration| time.as_secs_f64() * 1_000.0;
        let rate = |count: u64| count as f64 / elapsed.as_secs_f64();
        println!(
            "| {what} | {:.0} | {:.0} | {:.2} | {:.2} | {:.2} |",
            rate(all.len() as u64),
            rate(all.len() as u64 * messages),
            ms(at(0.5)),
            ms(at(0.99)),
            ms(at(0.999)),
        );
    }
}

fn plan() -> Plan {
    let mut plan = Plan { seconds: 10, warm_up: 10, rate: 2_000 };
    let mut args = std::env::args().skip(1).filter(|arg| arg != "--bench");
    while let Some(name) = args.next() {
        let value = args.next().unwrap().parse().unwrap();
        match name.as_str() {
            "--seconds" => plan.seconds = value,
            "--warm-up" => plan.warm_up = value,
            "--rate" => plan.rate = value,
            _ => panic!("unknown argument {name}"),
        }
    }
    plan
}

fn conversation(name: &str, number: u64) -> ConversationId {
    ConversationId::group(&GroupId::parse(&format!("{name}{number}")).unwrap())
}

fn batch(conversation: &ConversationId, first: u64, messages: u64) -> Arc<Batch> {
    let entry = |seq: u64| Entry {
        seq: Seq(seq),
        message_id: MessageId(seq),
        sender: UserId::parse("alice").unwrap(),
        time: Timestamp(seq),
        counted: seq,
        client_message_id: ClientMessageId::now(),
        body: Body::text("x".repeat(BODY_BYTES)),
    };
    Arc::new(Batch {
        conversation: conversation.clone(),
        bucket: BUCKET,
        epoch: Epoch(1),
        entries: (first..first + messages).map(entry).collect(),
        touched: None,
    })
}

/// One append as a router makes it: durable, then verified.
async fn append(store: &Store, batch: Arc<Batch>) {
    let durable = store.append(batch).await.unwrap();
    let _ = store.verify(ME, vec![durable]).await.unwrap();
}

async fn hot(store: &Store, messages: u64, seconds: u64, name: &str) -> (Times, Duration) {
    let (times, begun) = (Times::default(), Instant::now());
    let until = begun + Duration::from_secs(seconds);
    let conversations = (0..64).map(|number| {
        let (log, times) = (conversation(name, number), &times);
        async move {
            let mut next = 1;
            while Instant::now() < until {
                let sent = Instant::now();
                append(store, batch(&log, next, messages)).await;
                times.add(sent.elapsed());
                next += messages;
            }
        }
    });
    futures_util::future::join_all(conversations).await;
    (times, begun.elapsed())
}

async fn rare(store: &Store, rate: u64, seconds: u64) -> (Times, Duration) {
    const SENDERS: u64 = 500;
    let (times, begun) = (Times::default(), Instant::now());
    let senders = (0..SENDERS).map(|sender| {
        let times = &times;
        async move {
            let mut number = sender;
            while number < rate * seconds {
                let due = begun + Duration::from_secs_f64(number as f64 / rate as f64);
                tokio::time::sleep_until(due).await;
                let log = conversation("rare", number % 10_000);
                append(store, batch(&log, number / 10_000 + 1, 1)).await;
                times.add(due.elapsed());
                number += SENDERS;
            }
        }
    });
    futures_util::future::join_all(senders).await;
    (times, begun.elapsed())
}

/// The newest 50 of each of 64 conversations, again and again, by 32 readers.
async fn pages(store: &Store, head: u64, seconds: u64, name: &str) -> (Times, Duration) {
    let (times, begun) = (Times::default(), Instant::now());
    let until = begun + Duration::from_secs(seconds);
    let readers = (0..32_u64).map(|reader| {
        let times = &times;
        async move {
            let mut number = reader;
            while Instant::now() < until {
                let log = conversation(name, number % 64);
                let (from, to, head) = (Seq(1), Seq(head), Seq(head));
                let range = PageRange { from, to, limit: 50, bytes: 1 << 20, backwards: true, head };
                let sent = Instant::now();
                assert_eq!(store.page(&log, range).await.unwrap().len(), 50);
                times.add(sent.elapsed());
                number += 1;
                tokio::task::yield_now().await;
            }
        }
    });
    futures_util::future::join_all(readers).await;
    (times, begun.elapsed())
}

async fn prepare_history(store: &Store, name: &str) {
    for number in 0..64 {
        let log = conversation(name, number);
        let (epoch, start, bucket_first) = (Epoch(1), Seq(1), Seq(1));
        let new = Register { version: 0, epoch, start, bucket: BUCKET, bucket_first, window: 64, counted: 0 };
        let _ = store.move_register(&log, None, new).await;
        for first in (1..=1_000).step_by(50) {
            append(store, batch(&log, first, 50)).await;
        }
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let plan = plan();
    let Some(config) = store::test_config("the measurement of a CQL cluster") else { return };
    let tasks = Tasks::default();
    let cql: Arc<Cql> = Box::pin(store::test_cluster(&config, &tasks)).await.unwrap();
    let store = Store::Cql(cql);
    store.announce(ME).await.unwrap();
    hot(&store, 1, plan.warm_up, "warm").await;
    println!(
        "| what | per second | messages per second | p50 ms | p99 ms | p99.9 ms |\n|---|---|---|---|---|---|"
    );
    for messages in [1, 16, 64] {
        let (times, elapsed) = hot(&store, messages, plan.seconds, &format!("hot{messages}-")).await;
        times.line(&format!("appends of {messages}, 64 conversations"), messages, elapsed);
    }
    let (times, elapsed) = rare(&store, plan.rate, plan.seconds).await;
    times.line(&format!("appends of 1, rare, {} a second asked", plan.rate), 1, elapsed);
    prepare_history(&store, "history").await;
    // A connection that keeps nothing reads every page from the cluster.
    let nothing_kept = store::CqlConfig { pages_bytes: 0, ..config.clone() };
    let cold = Store::Cql(Box::pin(Cql::connect(&nothing_kept, &tasks)).await.unwrap());
    let (times, elapsed) = pages(&cold, 1_000, plan.seconds, "history").await;
    times.line("history pages from the cluster, 32 readers", 50, elapsed);
    let (times, elapsed) = pages(&store, 1_000, plan.seconds, "history").await;
    times.line("history pages from memory, 32 readers", 50, elapsed);
    Box::pin(store::drop_test_keyspace(&config)).await.unwrap();
}
