//! See the name.

use std::time::Duration;

use bus::{Bus, Limits, NatsAuth, NatsConfig, NatsTls};
use lifecycle::Tasks;
use proto::Heartbeat;
use store::{CqlConfig, Store, drop_test_keyspace, test_cluster, test_config};
use tokio::time::{Instant, sleep, timeout};

use crate::process::RouterProcess;
use crate::talk::Talk;
use crate::wiretap::{Published, Wiretap};

/// Longer than anything takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// Longer than what was told stays in a queue.
const QUIET: Duration = Duration::from_millis(300);
const WHAT: &str = "two routers on real services";

/// `host:port` of the NATS server for tests.
fn nats() -> Option<String> {
    let Ok(url) = std::env::var("TIDEGATE_TEST_NATS_URL") else {
        let why = format!("skipped: {WHAT} (set TIDEGATE_TEST_NATS_URL, or cargo xtask services up)");
        assert!(std::env::var_os("CI").is_none(), "{why}");
        println!("{why}");
        return None;
    };
    Some(url.trim_start_matches("nats://").trim_end_matches('/').to_owned())
}

async fn bus(nats: &str, prefix: &str, tasks: &Tasks) -> Bus {
    let config = NatsConfig {
        urls: vec![format!("nats://{nats}")],
        prefix: prefix.to_owned(),
        auth: NatsAuth::None,
        tls: NatsTls::default(),
        connect_timeout: Duration::from_secs(5),
        ping_interval: Duration::from_secs(5),
        reconnect_pause_max: Duration::from_secs(1),
        subscribes_per_second: 10_000,
    };
    Bus::nats(config, Limits { commands: 10_000, deliveries: 100_000 }, tasks).await.unwrap()
}

/// The heartbeats among what was published, with where they stand in it.
fn heartbeats(published: &[Published]) -> impl Iterator<Item = (usize, Heartbeat)> {
    let beats = published.iter().enumerate().filter(|(_, one)| one.subject.ends_with(".router.heartbeat"));
    beats.map(|(at, one)| (at, Heartbeat::from_envelope(one.payload.as_slice()).unwrap()))
}

/// Waits for the first heartbeat of another incarnation that serves; gives what came before it.
async fn until_reborn(tap: &Wiretap, from: usize, old: u128) -> Vec<Published> {
    let reborn = async {
        loop {
            let published = tap.since(from);
            let serves = |beat: &Heartbeat| beat.incarnation != old && !beat.serving.is_empty();
            if let Some((at, _)) = heartbeats(&published).find(|(_, beat)| serves(beat)) {
                return published[..at].to_vec();
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, reborn).await.expect("it comes back as another incarnation")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_router_tells_nothing_when_it_wakes_and_a_killed_one_is_replaced() {
    let (Some(nats), Some(cql)) = (nats(), test_config(WHAT)) else { return };
    let tasks = Tasks::default();
    let store = Store::Cql(test_cluster(&cql, &tasks).await.unwrap());
    let prefix = cql.keyspace.clone();
    let tap = Wiretap::nats(&nats, &tasks).await;
    let answers = Wiretap::other(&cql.nodes[0], &tasks).await;
    let behind = CqlConfig { nodes: vec![answers.address()], ..cql.clone() };
    let sleeper = RouterProcess::start(&tap.address(), &prefix, &behind).await;
    let other = RouterProcess::start(&nats, &prefix, &cql).await;
    let mut talk = Talk::new(bus(&nats, &prefix, &tasks).await).await;
    talk.until_all_go_on().await;
    shared(&tap, &mut talk).await;

    // What it tells must not be on its way when it is paused. What it is to tell comes from the store while it is: the
    // outcome of its writes, and that nobody had fenced it.
    answers.hold(true);
    tokio::select! {
        quiet = timeout(PATIENCE, until_quiet(&tap)) => quiet.expect("without the store it has nothing to tell"),
        () = talk.go_on(2 * PATIENCE) => unreachable!("it goes on for longer"),
    }
    sleeper.signal("STOP");
    answers.hold(false);
    let published = tap.since(0);
    let (_, last) = heartbeats(&published).last().unwrap();
    let gap = talk.until_all_go_on().await;
    println!("paused: {gap:?} until everyone was answered again");
    talk.go_on(Duration::from_secs(2)).await;

    let from = tap.len();
    sleeper.signal("CONT");
    let told = tokio::select! {
        told = until_reborn(&tap, from, last.incarnation) => told,
        () = talk.go_on(PATIENCE) => unreachable!("it goes on for longer"),
    };
    let told: Vec<&Published> = told.iter().filter(|one| is_delivery(one)).collect();
    assert!(told.is_empty(), "it told {told:?}\n{}", sleeper.logs());
    talk.go_on(Duration::from_secs(2)).await;

    other.signal("KILL");
    let gap = talk.until_all_go_on().await;
    println!("killed: {gap:?} until everyone was answered again");
    talk.finish().await;
    println!("{} messages", talk.check(&store).await);
    assert_eq!(sleeper.stop().await, Some(0));
    drop(tasks);
    drop_test_keyspace(&cql).await.unwrap();
}

fn is_delivery(one: &Published) -> bool {
    matches!(one.subject.split('.').nth(1), Some("user" | "group" | "node"))
}

/// Waits until nothing was told for a while.
async fn until_quiet(tap: &Wiretap) {
    let mut since = Instant::now();
    let mut from = tap.len();
    while since.elapsed() < QUIET {
        sleep(Duration::from_millis(10)).await;
        let published = tap.since(from);
        from += published.len();
        if published.iter().any(is_delivery) {
            since = Instant::now();
        }
    }
}

/// Talks until the router behind the tap serves no more than its share, and some.
async fn shared(tap: &Wiretap, talk: &mut Talk) {
    let share = async {
        loop {
            let published = tap.since(0);
            let newest = heartbeats(&published).last();
            if newest.is_some_and(|(_, beat)| (300..700).contains(&beat.serving.len())) {
                return;
            }
            sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::select! {
        shared = timeout(PATIENCE, share) => shared.expect("two routers share the partitions"),
        () = talk.go_on(2 * PATIENCE) => unreachable!("it goes on for longer"),
    }
}
