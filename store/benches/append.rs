//! Measures durable appends of the embedded store: rate, CPU by thread, fsyncs, latency.
//!
//! ```text
//! cargo bench -p store --bench append -- [--rate N] [--seconds N] [--tasks N] [--conversations N] [--bytes N]
//!                                        [--interval-us N] [--memtable-mib N] [--dir PATH]
//! ```
//!
//! `--rate 0` appends as fast as it goes, each task one at a time; otherwise tasks append on a schedule that does not
//! wait for the store, and latency counts from the moment an append was due.

#![allow(clippy::unwrap_used, reason = "a measurement that cannot run should panic")]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use lifecycle::Tasks;
use metrics::{
    Counter, CounterFn, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};
use proto::{
    Body, ClientMessageId, ConversationId, Entry, Epoch, MessageId, Partition, Seq, Timestamp, UserId,
};
use store::{Batch, Bucket, Embedded, EmbeddedConfig, Store};
use tokio::time::Instant;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What to measure.
#[derive(Clone)]
struct Plan {
    rate: u64,
    seconds: u64,
    tasks: u64,
    conversations: u64,
    bytes: usize,
    interval: Duration,
    memtable_bytes: u64,
    dir: Option<PathBuf>,
}

impl Plan {
    fn from_args() -> Self {
        let mut plan = Self {
            rate: 40_000,
            seconds: 20,
            tasks: 2_000,
            conversations: 20_000,
            bytes: 200,
            interval: Duration::from_millis(2),
            memtable_bytes: 16 << 20,
            dir: None,
        };
        let mut args = std::env::args().skip(1).filter(|arg| arg != "--bench");
        while let Some(name) = args.next() {
            let value = args.next().unwrap();
            let number = || value.parse::<u64>().unwrap();
            match name.as_str() {
                "--rate" => plan.rate = number(),
                "--seconds" => plan.seconds = number(),
                "--tasks" => plan.tasks = number(),
                "--conversations" => plan.conversations = number(),
                "--bytes" => plan.bytes = value.parse().unwrap(),
                "--interval-us" => plan.interval = Duration::from_micros(number()),
                "--memtable-mib" => plan.memtable_bytes = number() << 20,
                "--dir" => plan.dir = Some(value.into()),
                _ => panic!("unknown argument {name}"),
            }
        }
        plan
    }
}

/// Counters by name and the times of syncs; everything else is dropped.
#[derive(Default)]
struct Counters {
    counts: Mutex<BTreeMap<String, Arc<Count>>>,
    syncs: Arc<Syncs>,
}

/// Seconds of each sync.
#[derive(Default)]
struct Syncs(Mutex<Vec<f64>>);

impl HistogramFn for Syncs {
    fn record(&self, value: f64) {
        self.0.lock().unwrap().push(value);
    }
}

#[derive(Default)]
struct Count(AtomicU64);

impl CounterFn for Count {
    fn increment(&self, value: u64) {
        self.0.fetch_add(value, Ordering::Relaxed);
    }
    fn absolute(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }
}

impl Counters {
    fn read(&self, name: &str) -> u64 {
        self.counts.lock().unwrap().get(name).map_or(0, |count| count.0.load(Ordering::Relaxed))
    }
}

impl Recorder for &'static Counters {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.counts.lock().unwrap().entry(key.name().to_owned()).or_default().clone())
    }
    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }
    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        if key.name() == "store_sync_seconds" {
            Histogram::from_arc(self.syncs.clone())
        } else {
            Histogram::noop()
        }
    }
}

/// CPU seconds of each thread of this process by its name (proc_pid_stat(5); 100 ticks a second).
fn cpu_by_thread() -> BTreeMap<String, f64> {
    let mut cpu = BTreeMap::new();
    for task in std::fs::read_dir("/proc/self/task").unwrap() {
        let Ok(stat) = std::fs::read_to_string(task.unwrap().path().join("stat")) else { continue };
        let (name, rest) = stat.split_once('(').unwrap().1.rsplit_once(')').unwrap();
        let ticks = |field: usize| rest.split_whitespace().nth(field).unwrap().parse::<f64>().unwrap();
        *cpu.entry(name.to_owned()).or_insert(0.0) += (ticks(11) + ticks(12)) / 100.0;
    }
    cpu
}

/// One conversation that a task appends to.
struct Log {
    conversation: ConversationId,
    seq: u64,
}

async fn append(store: &Store, log: &mut Log, sender: &UserId, body: &Body) {
    log.seq += 1;
    let now = lifecycle::wall_clock_ms();
    let entry = Entry {
        seq: Seq(log.seq),
        message_id: MessageId::from_parts(Timestamp(now), 1, 1),
        sender: sender.clone(),
        time: Timestamp(now),
        counted: log.seq,
        client_message_id: ClientMessageId::now(),
        body: body.clone(),
    };
    let batch = Batch {
        touched: Some(Partition::of(&log.conversation)),
        conversation: log.conversation.clone(),
        bucket: Bucket::at(Timestamp(now)),
        epoch: Epoch(1),
        entries: vec![entry],
    };
    store.append(Arc::new(batch)).await.unwrap();
}

/// One task: its own conversations in turn, until the end; gives its latencies in microseconds.
async fn drive(store: Store, plan: Plan, number: u64, end: Instant) -> Vec<u32> {
    let sender = UserId::parse(&format!("user{number}")).unwrap();
    let body = Body::text("x".repeat(plan.bytes.saturating_sub(50)));
    let mut logs: Vec<Log> = (number..plan.conversations.max(plan.tasks))
        .step_by(usize::try_from(plan.tasks).unwrap())
        .map(|peer| UserId::parse(&format!("peer{peer}")).unwrap())
        .map(|peer| Log { conversation: ConversationId::direct(&sender, &peer), seq: 0 })
        .collect();
    let pause = (plan.rate > 0).then(|| Duration::from_secs(plan.tasks) / u32::try_from(plan.rate).unwrap());
    let mut due = Instant::now();
    if let Some(pause) = pause {
        due += pause.mul_f64(f64::from(u32::try_from(number).unwrap()) / plan.tasks as f64);
    }
    let mut latencies = Vec::new();
    for turn in 0.. {
        match pause {
            Some(pause) => {
                tokio::time::sleep_until(due).await;
                due += pause;
            }
            None => due = Instant::now(),
        }
        if due >= end {
            break;
        }
        let started = pause.map_or(due, |pause| due - pause);
        let at = turn % logs.len();
        append(&store, &mut logs[at], &sender, &body).await;
        latencies.push(u32::try_from(started.elapsed().as_micros()).unwrap());
    }
    latencies
}

fn report(
    plan: &Plan,
    mut latencies: Vec<u32>,
    seconds: f64,
    counters: &Counters,
    cpu: &BTreeMap<String, f64>,
) {
    let syncs = counters.read("store_commits_total");
    let mut sync_seconds = counters.syncs.0.lock().unwrap().clone();
    sync_seconds.sort_unstable_by(f64::total_cmp);
    let sync_ms = |share: f64| 1e3 * sync_seconds[((sync_seconds.len() - 1) as f64 * share) as usize];
    latencies.sort_unstable();
    let appends = latencies.len() as f64;
    let at = |share: f64| f64::from(latencies[((appends - 1.0) * share) as usize]) / 1000.0;
    let total: f64 = cpu.values().sum();
    println!("appends/s          {:.0}", appends / seconds);
    println!("fsyncs/s           {:.0}", syncs as f64 / seconds);
    println!("appends/fsync      {:.1}", appends / syncs as f64);
    println!(
        "latency ms         p50 {:.2}  p99 {:.2}  p99.9 {:.2}  max {:.2}",
        at(0.5),
        at(0.99),
        at(0.999),
        at(1.0)
    );
    println!(
        "commit ms          p50 {:.2}  p99 {:.2}  p99.9 {:.2}  max {:.2}",
        sync_ms(0.5),
        sync_ms(0.99),
        sync_ms(0.999),
        sync_ms(1.0)
    );
    println!("CPU us/append      {:.2} (all threads, the generator included)", total * 1e6 / appends);
    for (name, seconds_used) in cpu {
        let share = seconds_used / seconds;
        println!("  {name:<16} {:>6.2} us/append  {share:>5.2} core", seconds_used * 1e6 / appends);
    }
    println!(
        "plan               {} conversations, {} tasks, {} bytes",
        plan.conversations, plan.tasks, plan.bytes
    );
}

fn main() {
    let plan = Plan::from_args();
    let counters: &'static Counters = Box::leak(Box::default());
    metrics::set_global_recorder(counters).unwrap();
    let home = tempfile::tempdir_in(plan.dir.clone().unwrap_or_else(std::env::temp_dir)).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("generator")
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let tasks = Tasks::default();
        let config = EmbeddedConfig {
            path: home.path().join("data"),
            group_commit_records_max: 1024,
            group_commit_interval: plan.interval,
            queue_records_max: 8192,
            reader_threads: 1,
            read_queue_max: 64,
            cache_bytes: 64 << 20,
            memtable_bytes: plan.memtable_bytes,
            journal_bytes_max: 512 << 20,
        };
        let store = Store::Embedded(Embedded::open(&config, &tasks).unwrap());
        let begun = Instant::now();
        let end = begun + Duration::from_secs(plan.seconds);
        let before = cpu_by_thread();
        let (sender, mut done) = tokio::sync::mpsc::channel(16);
        for number in 0..plan.tasks {
            let (store, plan, sender) = (store.clone(), plan.clone(), sender.clone());
            tasks.spawn("driver", async move {
                sender.send(drive(store, plan, number, end).await).await.unwrap();
            });
        }
        drop(sender);
        let mut latencies = Vec::new();
        while let Some(some) = done.recv().await {
            latencies.extend(some);
        }
        let seconds = begun.elapsed().as_secs_f64();
        let mut cpu = cpu_by_thread();
        cpu.iter_mut().for_each(|(name, used)| *used -= before.get(name).unwrap_or(&0.0));
        report(&plan, latencies, seconds, counters, &cpu);
        store.close().await;
    });
}
