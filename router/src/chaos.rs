//! Routers on a store that fails, delays, answers "unknown" and applies writes late; clients that resend until they are
//! acknowledged; and a record of everything that was ever told. Four kinds of worlds:
//!
//! - apart: two routers that never hear each other take the same partitions from each other again and again;
//! - together: three that do, of which each sleeps, is killed and stopped in order, and starts again, at random;
//! - alone: one after the other, each of which takes its touched marks away as well as that goes;
//! - on a cluster: two apart, in real time, on a real CQL server; and those alone there.
//!
//! Checked at the end, on the whole log: what was acknowledged is there, at its place; seqs are contiguous; no client
//! message id is there twice; a sender's messages are in the order of their `after`; nothing shown ever changed; what became
//! of messages is what the log says, and nothing changed a message after its recall. Each
//! check is shown to be able to fail by breaking a rule.

mod changes;
mod clearing;
mod clients;
mod cluster;
mod members;
mod record;
mod together;

use std::time::Duration;

use bus::{Bus, Limits};
use lifecycle::Tasks;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use store::mutation::{Mutation, break_rule};
use store::{Rates, Store};
use tokio::sync::oneshot;

use crate::worker::Worker;
use crate::{GroupRules, History, RouterConfig};
use clients::Clients;

fn config(random: &mut StdRng) -> RouterConfig {
    RouterConfig {
        workers: 1,
        heartbeat_interval: Duration::from_millis(100),
        suspect_after: Duration::from_millis(random.random_range(250..700)),
        listen: Duration::from_millis(random.random_range(0..700)),
        steady_after: Duration::from_millis(random.random_range(0..1_500)),
        grace: Duration::from_millis(random.random_range(0..1_000)),
        claims_max: random.random_range(1..4),
        commands_kept_max: random.random_range(0..50),
        group: GroupRules { members_max: 100, history: History::Whole },
        recall_window: Duration::from_secs(120),
        edit_window: Duration::from_secs(86_400),
        retention: Duration::ZERO,
        retention_sweep: Duration::ZERO,
        contacts: crate::ContactRules::OPEN,
        confirms: crate::ConfirmRules::USUAL,
        bucket_entries_max: random.random_range(3..40),
        bucket_bytes_max: 1 << 20,
        conversation_queue_max: 100,
        commands_wait_max: Duration::from_secs(1),
        commands_waiting_max: random.random_range(2..20),
        // What an owner has touched stays for five seconds, and these two take over from each other more often than that.
        conversations_max: random.random_range(4..7),
        conversation_idle: Duration::from_millis(300),
        loads_max: 2,
        reads_max: 100,
        flush_interval: Duration::from_millis(100),
        quiet_after: Duration::from_millis(200),
        give_up_after: Duration::from_millis(random.random_range(300..3_000)),
        turn_interval: Duration::from_millis(1),
        restart_pause: Duration::from_millis(random.random_range(100..1_500)),
        lease: Duration::from_secs(30),
        drain_timeout: Duration::from_secs(5),
    }
}

fn rates(random: &mut StdRng) -> Rates {
    Rates {
        fail: random.random_range(0..30),
        unknown_applied: random.random_range(0..30),
        unknown_never: random.random_range(0..30),
        unknown_late: random.random_range(0..60),
        slow: random.random_range(0..200),
        fenced: 0,
        slow_max: Duration::from_millis(random.random_range(1..800)),
        arrival: random.random_range(1..200),
    }
}

/// Runs one world; an error says what was violated.
async fn apart(seed: u64) -> Result<u64, String> {
    let mut random = StdRng::seed_from_u64(seed);
    let store = Store::memory();
    let Store::Memory(memory) = &store else { return Err("not in memory".into()) };
    memory.program_random(seed, rates(&mut random));
    let tasks = Tasks::default();
    let buses: Vec<Bus> =
        (0..2).map(|_| Bus::local(Limits { commands: 1_000, deliveries: 100_000 })).collect();
    let mut clients = Clients::new(buses.clone(), StdRng::seed_from_u64(seed ^ 0x5eed));
    let workers = buses.iter().enumerate().map(|(number, bus)| {
        let router = number as u64;
        let worker = Worker::new(0, router, config(&mut random), bus.clone(), store.clone(), tasks.clone());
        let worker = worker.only(clients.partitions()).seeded(seed ^ router << 32);
        let late = Duration::from_millis(random.random_range(0..500) * number as u64);
        async move {
            tokio::time::sleep(late).await;
            worker.run(oneshot::channel().0).await;
        }
    });
    let workers = futures_util::future::join_all(workers.collect::<Vec<_>>());
    let (_, told) = tokio::join!(workers, async {
        clients.talk(Duration::from_secs(8)).await;
        memory.heal();
        memory.deliver_late();
        let told = clients.finish().await;
        tasks.drain();
        told
    });
    memory.deliver_late();
    told?;
    clients.check(&store).await
}

/// A kind of world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Apart,
    Together,
}

fn run(kind: Kind, seed: u64) -> Result<u64, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .map_err(|error| error.to_string())?;
    match kind {
        Kind::Apart => runtime.block_on(apart(seed)),
        Kind::Together => runtime.block_on(together::world(seed)),
    }
}

/// Seeds that once found something: a change of members that was lost on the way from one owner to the next.
const KEPT: &[(Kind, u64)] = &[(Kind::Apart, 1_134), (Kind::Together, 659)];

/// How many worlds fit a test run; `ROUTER_WORLDS` asks for more, `ROUTER_FIRST` leaves the first ones out.
fn worlds(default: u64) -> u64 {
    std::env::var("ROUTER_WORLDS").ok().and_then(|worlds| worlds.parse().ok()).unwrap_or(default)
}

fn nothing_is_violated(kind: Kind) {
    let mut acknowledged = 0;
    let first = std::env::var("ROUTER_FIRST").ok().and_then(|first| first.parse().ok()).unwrap_or(0);
    let kept = KEPT.iter().filter(|(of, _)| *of == kind).map(|(_, seed)| *seed);
    for seed in kept.chain(first..worlds(40)) {
        match run(kind, seed) {
            Ok(acks) => acknowledged += acks,
            Err(violation) => panic!("{kind:?}, seed {seed}: {violation}"),
        }
    }
    assert!(acknowledged > 1_000, "the worlds did not do much: {acknowledged} acknowledged");
}

#[test]
fn nothing_acknowledged_is_lost_doubled_reordered_or_changed_by_routers_apart() {
    nothing_is_violated(Kind::Apart);
}

#[test]
fn nothing_acknowledged_is_lost_doubled_reordered_or_changed_by_routers_together() {
    nothing_is_violated(Kind::Together);
}

/// The first seed at which a broken rule shows as one of these violations.
fn noticed(mutation: Mutation, violations: &[&str]) -> Option<u64> {
    break_rule(Some(mutation));
    let shows = |seed: &u64| {
        run(Kind::Apart, *seed).is_err_and(|error| violations.iter().any(|part| error.contains(part)))
    };
    let seed = (0..300).find(shows);
    break_rule(None);
    seed
}

#[test]
fn claiming_without_a_fence_is_noticed() {
    assert!(
        noticed(Mutation::UnfencedClaim, &["was shown", "lost or out of order", "at two places"]).is_some()
    );
}

#[test]
fn appending_without_a_look_up_is_noticed() {
    assert!(noticed(Mutation::SkippedLookUp, &["has one message at", "at two places"]).is_some());
}

#[test]
fn appending_without_the_predecessor_is_noticed() {
    assert!(noticed(Mutation::LostOrder, &["lost or out of order"]).is_some());
}
