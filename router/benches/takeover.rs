//! A router takes over conversations of one that died, while messages come for all of them: how many it loads a second, and
//! how long the unluckiest message waits.
//!
//! ```text
//! TIDEGATE_TEST_CQL_URL=cql://127.0.0.1:9042 cargo bench -p router --bench takeover -- [conversations] [senders] [loads_max…]
//! ```
//!
//! Each sender waits for its acknowledgement and goes on to the next conversation, until there was a message in each. One that
//! is refused with BUSY sends again when it is told to, and its wait goes on. That is done once by a first router; then its
//! incarnations are fenced, as if it had died, and it is done again for each `loads_max` (loads of one worker at the same time;
//! there are two), each time by a new router that finds nothing in memory.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark ends and speaks that way")]

mod messages;
mod setting;
mod stage;

use std::time::Duration;

use lifecycle::Tasks;
use messages::{NODE, message};
use proto::{Code, Delivery, Payload, Reply, ServerFrame, UserId};
use router::RouterConfig;
use setting::config;
use stage::{Stage, WORKERS};
use store::{Store, drop_test_keyspace, test_cluster, test_config};
use tokio::time::Instant;

/// What the senders see of a router.
impl Stage {
    /// Each conversation gets a message.
    async fn touch(&self, conversations: usize, senders: usize, what: &str) {
        let inbox = self.bus.node(NODE);
        let mut sent = vec![Instant::now(); conversations];
        let say = |n: usize| {
            let user = |side| UserId::parse(&format!("{side}{n}")).unwrap();
            self.bus.send_command(message(&self.bus, &user("a"), &user("b"), n as u64)).unwrap();
        };
        let begun = Instant::now();
        let mut next = senders.min(conversations);
        (0..next).for_each(say);
        // Refused because too many wait: when they are to come again.
        let (mut refused, mut refusals): (Vec<(Instant, usize)>, usize) = (Vec::new(), 0);
        let mut waits = Vec::with_capacity(conversations);
        let (quarter, mut quarters) = (conversations.div_ceil(4), vec![Duration::ZERO]);
        let mut batch: Vec<Delivery> = Vec::new();
        while waits.len() < conversations {
            let again = refused.iter().map(|(at, _)| *at).min();
            tokio::select! {
                _ = inbox.recv(&mut batch) => {}
                () = tokio::time::sleep_until(again.unwrap_or(begun)), if again.is_some() => {}
            }
            let now = Instant::now();
            refused.extract_if(.., |(at, _)| *at <= now).for_each(|(_, n)| say(n));
            for delivery in batch.drain(..) {
                let Payload::Reply(n, reply) = delivery.payload else { continue };
                let n = usize::try_from(n).unwrap();
                match reply {
                    Reply::Frame(ServerFrame::Ack(_)) => {
                        waits.push(sent[n].elapsed());
                        if waits.len().is_multiple_of(quarter) || waits.len() == conversations {
                            quarters.push(begun.elapsed());
                        }
                    }
                    Reply::Frame(ServerFrame::Nack(nack)) if nack.code == Code::Busy => {
                        refusals += 1;
                        refused.push((now + Duration::from_millis(nack.retry_after_ms.into()), n));
                        continue;
                    }
                    reply => panic!("{reply:?}"),
                }
                if next < conversations {
                    sent[next] = Instant::now();
                    say(next);
                    next += 1;
                }
            }
        }
        print(what, waits, &quarters, refusals);
    }
}

/// A row of the table: what the senders saw, and when each quarter of them had seen it.
fn print(what: &str, mut waits: Vec<Duration>, quarters: &[Duration], refusals: usize) {
    waits.sort_unstable();
    let ms = |part: f64| waits[((waits.len() - 1) as f64 * part) as usize].as_secs_f64() * 1_000.0;
    let (conversations, elapsed) = (waits.len() as f64, quarters.last().unwrap().as_secs_f64());
    let quarter = conversations / (quarters.len() - 1) as f64;
    let rates = quarters.windows(2).map(|ends| quarter / (ends[1] - ends[0]).as_secs_f64());
    let rates: Vec<String> = rates.map(|rate| format!("{rate:.0}")).collect();
    println!(
        "| {what} | {conversations} | {:.0} | {} | {elapsed:.1} | {:.0} | {:.0} | {:.0} | {refusals} |",
        conversations / elapsed,
        rates.join(", "),
        ms(0.5),
        ms(0.99),
        ms(1.0),
    );
}

/// A router that has room for all of them.
async fn open(store: &Store, conversations: usize, loads_max: usize) -> Stage {
    let conversations_max = conversations + 1_000;
    Stage::open(store, RouterConfig { loads_max, conversations_max, ..config(WORKERS) }).await
}

async fn measure(conversations: usize, senders: usize, loads: &[usize]) {
    let Some(config) = test_config("the take-over benchmark") else { return };
    let tasks = Tasks::default();
    let store = Store::Cql(test_cluster(&config, &tasks).await.unwrap());
    println!("{senders} senders, {WORKERS} workers");
    println!(
        "| what | conversations | loads/s | in each quarter | seconds | wait p50 ms | p99 ms | longest ms | refused |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    let mut stages = vec![open(&store, conversations, 64).await];
    stages[0].touch(conversations, senders, "begun, loads_max 64").await;
    for loads_max in loads {
        stages.last().unwrap().kill(&store).await;
        let begun = Instant::now();
        let stage = open(&store, conversations, *loads_max).await;
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
