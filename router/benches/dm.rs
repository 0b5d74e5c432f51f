//! How many direct messages a second the router carries, and what CPU time one costs: 2,500 conversations, each with a
//! message on its way as soon as the last was acknowledged, over the bus within a process.
//!
//! `cargo bench -p router --bench dm -- [memory|embedded] [seconds] [workers]`

#![expect(clippy::unwrap_used, reason = "a benchmark ends that way")]

mod messages;
mod setting;

use std::time::Duration;

use bus::{Bus, Limits};
use lifecycle::Tasks;
use messages::{NODE, message};
use proto::{Delivery, Payload, Reply, ServerFrame, UserId};
use router::Router;
use setting::config;
use store::{Embedded, EmbeddedConfig, Store};
use tokio::time::Instant;

const CONVERSATIONS: usize = 2_500;
/// Messages of each conversation on their way at once.
const OUTSTANDING: usize = 1;

fn embedded(directory: &std::path::Path, tasks: &Tasks) -> Store {
    let config = EmbeddedConfig {
        path: directory.join("data"),
        group_commit_records_max: 1_024,
        group_commit_interval: Duration::ZERO,
        queue_records_max: 100_000,
        reader_threads: 2,
        read_queue_max: 10_000,
        cache_bytes: 64 << 20,
        memtable_bytes: 64 << 20,
        journal_bytes_max: 512 << 20,
    };
    Store::Embedded(Embedded::open(&config, tasks).unwrap())
}

/// CPU seconds of each thread of this process, by name without its number.
fn cpu_seconds() -> std::collections::BTreeMap<String, f64> {
    let mut seconds = std::collections::BTreeMap::new();
    for task in std::fs::read_dir("/proc/self/task").unwrap().flatten() {
        let Ok(stat) = std::fs::read_to_string(task.path().join("stat")) else { continue };
        let Some((before, after)) = stat.rsplit_once(')') else { continue };
        let name = before
            .split_once('(')
            .map_or("", |(_, name)| name)
            .trim_end_matches(|c: char| c.is_ascii_digit());
        let ticks: f64 = after.split_whitespace().skip(11).take(2).map(|n| n.parse::<f64>().unwrap()).sum();
        *seconds.entry(name.to_owned()).or_insert(0.0) += ticks / 100.0;
    }
    seconds
}

struct Talk {
    bus: Bus,
    pairs: Vec<(UserId, UserId)>,
}

impl Talk {
    fn say(&self, pair: usize) {
        let (from, to) = &self.pairs[pair];
        self.bus.send_command(message(&self.bus, from, to, pair as u64)).unwrap();
    }
}

async fn measure(name: &str, store: Store, seconds: u64, workers: usize) {
    let bus = Bus::local(Limits { commands: 100_000, deliveries: 1_000_000 });
    let tasks = Tasks::default();
    let inbox = bus.node(NODE);
    let begin = Instant::now();
    Router::start(config(workers), bus.clone(), store, router::Sight::default(), tasks.clone())
        .await
        .unwrap();
    let claimed = begin.elapsed();
    let user = |side: &str, n: usize| UserId::parse(&format!("user-{side}-{n}")).unwrap();
    let pairs: Vec<_> = (0..CONVERSATIONS).map(|n| (user("a", n), user("b", n))).collect();
    for (from, to) in &pairs {
        inbox.subscribe_user(from);
        inbox.subscribe_user(to);
    }
    let talk = Talk { bus, pairs };
    (0..CONVERSATIONS * OUTSTANDING).for_each(|n| talk.say(n % CONVERSATIONS));
    let mut batch: Vec<Delivery> = Vec::new();
    let (mut acks, mut events) = (0_u64, 0_u64);
    let warm = Instant::now() + Duration::from_secs(2);
    let mut started = None;
    loop {
        inbox.recv(&mut batch).await;
        for delivery in batch.drain(..) {
            match delivery.payload {
                Payload::Reply(pair, Reply::Frame(ServerFrame::Ack(_))) => {
                    acks += 1;
                    talk.say(usize::try_from(pair).unwrap());
                }
                Payload::Fanout(_) => events += 1,
                other => panic!("{other:?}"),
            }
        }
        match &started {
            None if Instant::now() > warm => {
                (acks, events) = (0, 0);
                started = Some((Instant::now(), cpu_seconds()));
            }
            Some((since, before)) if since.elapsed() > Duration::from_secs(seconds) => {
                let rate = acks as f64 / since.elapsed().as_secs_f64();
                println!(
                    "{name}: {workers} workers, claimed in {claimed:?}, {rate:.0} msgs/s, {events} events"
                );
                for (thread, after) in cpu_seconds() {
                    let spent = after - before.get(&thread).unwrap_or(&0.0);
                    if spent > 0.01 {
                        println!("  {thread:<16} {:.2} us of CPU per message", spent * 1e6 / acks as f64);
                    }
                }
                break;
            }
            _ => {}
        }
    }
    tasks.close(Duration::from_secs(20)).await.unwrap();
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let which = arguments.first().map_or("both", String::as_str);
    let number =
        |at: usize, default| arguments.get(at).map_or(default, |text: &String| text.parse().unwrap());
    let (seconds, workers) = (number(1, 5), usize::try_from(number(2, 1)).unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    if which != "embedded" {
        runtime.block_on(measure("memory", Store::memory(), seconds, workers));
    }
    if which != "memory" {
        let directory = tempfile::tempdir().unwrap();
        let tasks = Tasks::default();
        let store = embedded(directory.path(), &tasks);
        runtime.block_on(measure("embedded", store, seconds, workers));
    }
}
