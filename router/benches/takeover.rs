//! A router takes over conversations of one that died, while messages come for all of them: how many it loads a second, and
//! how long the unluckiest message waits.
//!
//! ```text
//! TIDEGATE_TEST_CQL_URL=cql://127.0.0.1:9042 cargo bench -p router --bench takeover -- [conversations] [senders] [loads_max…]
//! ```
//!
//! Each sender waits for its acknowledgement and goes on to the next conversation, until there was a message in each. That is
//! done once by a first router; then its incarnations are fenced, as if it had died, and it is done again for each `loads_max`
//! (loads of one worker at the same time; there are two), each time by a new router that finds nothing in memory.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark ends and speaks that way")]

mod setting;

use std::collections::BTreeSet;
use std::time::Duration;

use bus::{Bus, Limits};
use lifecycle::Tasks;
use proto::{Delivery, Partition, Payload, Reply, ServerFrame, UserId};
use router::{Router, RouterConfig};
use setting::{NODE, config, message};
use store::{IncarnationId, Level, Store, drop_test_keyspace, test_cluster, test_config};
use tokio::time::Instant;

const WORKERS: usize = 2;

/// A router, and the bus between it and the senders.
struct Stage {
    bus: Bus,
    tasks: Tasks,
}

impl Stage {
    async fn open(store: &Store, conversations: usize, loads_max: usize) -> Self {
        let stage = Self {
            bus: Bus::local(Limits { commands: 200_000, deliveries: 1_000_000 }),
            tasks: Tasks::default(),
        };
        let config = RouterConfig {
            loads_max,
            conversations_max: conversations + 1_000,
            restart_pause: Duration::from_secs(3_600),
            ..config(WORKERS)
        };
        Router::start(
            config,
            stage.bus.clone(),
            store.clone(),
            router::Sight::default(),
            stage.tasks.clone(),
        )
        .await
        .unwrap();
        stage
    }

    /// Fences its incarnations, and waits until they know it: while they do not, they fence others.
    async fn kill(&self, store: &Store) {
        let heartbeats = self.bus.heartbeats();
        let mut owners = BTreeSet::new();
        for partition in Partition::all() {
            owners.extend(store.owner(partition, Level::Serial).await.unwrap().owner);
        }
        for owner in &owners {
            store.fence(*owner).await.unwrap();
        }
        let mut beats = Vec::new();
        while !owners.is_empty() {
            heartbeats.recv(&mut beats).await;
            for beat in beats.drain(..).filter(|beat| beat.draining) {
                owners.remove(&IncarnationId(beat.incarnation));
            }
        }
    }

    /// Each conversation gets a message.
    async fn touch(&self, conversations: usize, senders: usize, what: &str) {
        let inbox = self.bus.node(NODE);
        let mut sent = vec![Instant::now(); conversations];
        let say = |n: usize, sent: &mut Vec<Instant>| {
            let user = |side| UserId::parse(&format!("{side}{n}")).unwrap();
            sent[n] = Instant::now();
            self.bus.send_command(message(&self.bus, &user("a"), &user("b"), n as u64)).unwrap();
        };
        let begun = Instant::now();
        let mut next = senders.min(conversations);
        (0..next).for_each(|n| say(n, &mut sent));
        let mut waits = Vec::with_capacity(conversations);
        let mut batch: Vec<Delivery> = Vec::new();
        while waits.len() < conversations {
            inbox.recv(&mut batch).await;
            for delivery in batch.drain(..) {
                let Payload::Reply(n, reply) = delivery.payload else { continue };
                let Reply::Frame(ServerFrame::Ack(_)) = reply else { panic!("{reply:?}") };
                waits.push(sent[usize::try_from(n).unwrap()].elapsed());
                if next < conversations {
                    say(next, &mut sent);
                    next += 1;
                }
            }
        }
        let elapsed = begun.elapsed();
        waits.sort_unstable();
        let ms = |part: f64| waits[((waits.len() - 1) as f64 * part) as usize].as_secs_f64() * 1_000.0;
        println!(
            "| {what} | {conversations} | {:.0} | {:.1} | {:.0} | {:.0} | {:.0} |",
            conversations as f64 / elapsed.as_secs_f64(),
            elapsed.as_secs_f64(),
            ms(0.5),
            ms(0.99),
            ms(1.0),
        );
    }
}

async fn measure(conversations: usize, senders: usize, loads: &[usize]) {
    let Some(config) = test_config("the take-over benchmark") else { return };
    let tasks = Tasks::default();
    let store = Store::Cql(test_cluster(&config, &tasks).await.unwrap());
    println!("{senders} senders, {WORKERS} workers");
    println!("| what | conversations | loads/s | seconds | wait p50 ms | p99 ms | longest ms |");
    println!("|---|---|---|---|---|---|---|");
    let mut stages = vec![Stage::open(&store, conversations, 64).await];
    stages[0].touch(conversations, senders, "begun, loads_max 64").await;
    for loads_max in loads {
        stages.last().unwrap().kill(&store).await;
        let begun = Instant::now();
        let stage = Stage::open(&store, conversations, *loads_max).await;
        let claimed = begun.elapsed();
        stage.touch(conversations, senders, &format!("taken over, loads_max {loads_max}")).await;
        println!("(partitions claimed in {claimed:.1?})");
        stages.push(stage);
    }
    for stage in stages {
        // Fenced ones have nothing to give back.
        let _ = stage.tasks.close(Duration::from_secs(20)).await;
    }
    store.close().await;
    drop_test_keyspace(&config).await.unwrap();
}

fn main() {
    let arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let numbers: Vec<usize> = arguments.map(|argument| argument.parse().unwrap()).collect();
    let (conversations, senders) =
        (numbers.first().copied().unwrap_or(10_000), numbers.get(1).copied().unwrap_or(1_000));
    let loads = numbers.get(2..).filter(|loads| !loads.is_empty()).unwrap_or(&[16, 64, 256]);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(measure(conversations, senders, loads));
}
