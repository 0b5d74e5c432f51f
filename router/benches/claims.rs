//! A router claims every partition of one that died: how long until it serves them all, and how long the store takes for
//! the same claims, and for the reading of touched marks, when nothing else is asked of it.
//!
//! ```text
//! TIDEGATE_TEST_CQL_URL=cql://127.0.0.1:9042 cargo bench -p router --bench claims -- [rounds] [claims_max…]
//! ```
//!
//! `claims_max` is for one worker; there are two, and the store alone is asked as much at a time as both together ask.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark ends and speaks that way")]

mod setting;
mod stage;

use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use lifecycle::Tasks;
use proto::Partition;
use router::RouterConfig;
use setting::config;
use stage::{Stage, WORKERS};
use store::{Cas, IncarnationId, Store, drop_test_keyspace, test_cluster, test_config};
use tokio::time::Instant;

/// Takes every partition, without a router. Nothing is served under these claims, so nobody is fenced.
async fn claim_alone(store: &Store, at_once: usize) -> Duration {
    let me = IncarnationId(rand::random());
    store.announce(me).await.unwrap();
    let begun = Instant::now();
    stream::iter(store.owners().await.unwrap())
        .for_each_concurrent(at_once, async |(partition, row)| {
            assert!(matches!(store.claim(partition, row, me).await, Cas::Applied(_)));
        })
        .await;
    begun.elapsed()
}

async fn read_marks_alone(store: &Store, at_once: usize) -> Duration {
    let begun = Instant::now();
    stream::iter(Partition::all())
        .for_each_concurrent(at_once, async |partition| drop(store.touched(partition).await.unwrap()))
        .await;
    begun.elapsed()
}

async fn measure(rounds: usize, claims: &[usize]) {
    let Some(connection) = test_config("the benchmark of claims") else { return };
    let tasks = Tasks::default();
    let store = Store::Cql(test_cluster(&connection, &tasks).await.unwrap());
    println!(
        "| claims_max | router serves all, ms | claims alone, ms | marks alone, ms |\n|---|---|---|---|"
    );
    // The first claims of all write rows that were not there.
    let first = Stage::open(&store, config(WORKERS)).await;
    first.kill(&store).await;
    let mut stages = vec![first];
    for _ in 0..rounds {
        for claims_max in claims {
            let begun = Instant::now();
            let stage =
                Stage::open(&store, RouterConfig { claims_max: *claims_max, ..config(WORKERS) }).await;
            let served = begun.elapsed();
            stage.kill(&store).await;
            stages.push(stage);
            let claimed = claim_alone(&store, WORKERS * claims_max).await;
            let read = read_marks_alone(&store, WORKERS * claims_max).await;
            let times = [served, claimed, read].map(|time| format!("{:.0}", time.as_secs_f64() * 1_000.0));
            println!("| {claims_max} | {} |", times.join(" | "));
        }
    }
    for stage in stages {
        // Fenced ones have nothing to give back.
        let _ = stage.tasks.close(Duration::from_secs(20)).await;
    }
    store.close().await;
    drop_test_keyspace(&connection).await.unwrap();
}

fn main() {
    let arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let numbers: Vec<usize> = arguments.map(|argument| argument.parse().unwrap()).collect();
    let rounds = numbers.first().copied().unwrap_or(3);
    let claims = numbers.get(1..).filter(|claims| !claims.is_empty()).unwrap_or(&[16, 128]);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(measure(rounds, claims));
}
