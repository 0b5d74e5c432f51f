//! Two routers that never hear each other, each with a connection of its own to a real CQL cluster, in real time. And one alone there.

use std::sync::Arc;
use std::time::Duration;

use bus::{Bus, Limits};
use lifecycle::{Tasks, wall_clock_ms};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use store::{Bucket, Cql, CqlConfig, Fault, Level, Op, Rule, Store};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::clients::Clients;
use super::{clearing, config};
use crate::RouterConfig;
use crate::worker::Worker;

/// How long two routers fight; `ROUTER_FIGHT_SECONDS` says otherwise.
const FIGHT: Duration = Duration::from_secs(60);
/// What a programmed fault waits at most for the call that it is for.
const REACHED_WITHIN: Duration = Duration::from_secs(60);
const QUARTER_HOUR_MS: i64 = 15 * 60 * 1_000;
const WINDOW_MS: u64 = 10 * 24 * 60 * 60 * 1_000;

/// Two connections for two routers, and the keyspace.
struct Arena {
    keyspace: CqlConfig,
    stores: [Arc<Cql>; 2],
    tasks: Tasks,
}

impl Arena {
    /// `None`: there is no cluster to test on.
    async fn open(what: &str) -> Option<Self> {
        let keyspace = store::test_config(what)?;
        let tasks = Tasks::default();
        let one = Box::pin(store::test_cluster(&keyspace, &tasks)).await.unwrap();
        let other = Box::pin(Cql::connect(&keyspace, &tasks)).await.unwrap();
        Some(Self { keyspace, stores: [one, other], tasks })
    }

    /// Runs both routers while `talk` goes on, then waits until everything is acknowledged, and compares all that was
    /// told with the log, read through a connection that never read before. Gives the acknowledged messages and the
    /// highest epoch.
    async fn fight(
        self,
        routers: [(RouterConfig, i64); 2],
        patience_ms: u64,
        talk: impl AsyncFnOnce(&mut Clients, &[Arc<Cql>; 2]),
    ) -> Result<(u64, u64), String> {
        let buses: Vec<Bus> =
            (0..2).map(|_| Bus::local(Limits { commands: 1_000, deliveries: 100_000 })).collect();
        let seed = rand::random();
        let mut clients = Clients::new(buses.clone(), StdRng::seed_from_u64(seed)).patient(patience_ms);
        let partitions = clients.partitions();
        let stop = Tasks::default();
        let workers = routers.into_iter().zip(&buses).zip(&self.stores).enumerate();
        let workers = workers.map(|(number, (((config, ahead_ms), bus), cql))| {
            let store = Store::Cql(Arc::clone(cql));
            Worker::new(0, number as u64, config, bus.clone(), store, stop.clone())
                .only(partitions.clone())
                .ahead(ahead_ms)
                .run(oneshot::channel().0)
        });
        let workers = futures_util::future::join_all(workers.collect::<Vec<_>>());
        let ((), told) = tokio::join!(
            async {
                workers.await;
            },
            async {
                talk(&mut clients, &self.stores).await;
                for cql in &self.stores {
                    cql.heal();
                    cql.deliver_late().await;
                }
                let told = clients.finish().await;
                stop.drain();
                told
            }
        );
        told?;
        let again = Box::pin(Cql::connect(&self.keyspace, &self.tasks)).await;
        let log = Store::Cql(again.map_err(|error| error.to_string())?);
        let acknowledged = clients.check(&log).await?;
        let mut epoch = 0;
        for partition in partitions {
            let owner = log.owner(partition, Level::Serial).await.map_err(|error| error.to_string())?;
            epoch = epoch.max(owner.epoch.0);
        }
        for cql in &self.stores {
            cql.close().await;
        }
        // What is left here, a later test takes away.
        let _ = Box::pin(store::drop_test_keyspace(&self.keyspace)).await;
        Ok((acknowledged, epoch))
    }
}

fn configs() -> [RouterConfig; 2] {
    let mut random = StdRng::seed_from_u64(rand::random());
    // Others keep the machine busy: silence is not long at once.
    let patient = |config: RouterConfig| RouterConfig {
        suspect_after: Duration::from_millis(1_000),
        give_up_after: Duration::from_secs(2),
        ..config
    };
    [patient(config(&mut random)), patient(config(&mut random))]
}

fn fight_length() -> Duration {
    let asked = std::env::var("ROUTER_FIGHT_SECONDS").ok().and_then(|seconds| seconds.parse().ok());
    asked.map_or(FIGHT, Duration::from_secs)
}

/// Both want the same few conversations all the time.
#[tokio::test]
async fn two_routers_fight_on_a_cluster_for_a_minute_and_nothing_acknowledged_is_lost() {
    let Some(arena) = Arena::open("a fight of two routers on a CQL cluster").await else { return };
    let [one, other] = configs();
    let fought = arena.fight([(one, 0), (other, 0)], 10_000, async |clients, _| {
        clients.talk(fight_length()).await;
    });
    let (acknowledged, epoch) = Box::pin(fought).await.unwrap();
    println!("{acknowledged} acknowledged, highest epoch {epoch}");
    assert!(
        acknowledged > 50 && epoch > 3,
        "not much of a fight: {acknowledged} acknowledged, epoch {epoch}"
    );
}

/// The border of two windows lies between their clocks, and buckets are left after five entries at most: both roll over
/// all the time, to buckets that the other one's clock would not choose.
#[tokio::test]
async fn two_routers_with_clocks_a_quarter_of_an_hour_apart_race_to_roll_over() {
    let Some(arena) = Arena::open("a race of two clocks on a CQL cluster").await else { return };
    let now = wall_clock_ms();
    let to_border = i64::try_from(WINDOW_MS - now % WINDOW_MS).unwrap();
    let slow = to_border - QUARTER_HOUR_MS / 2;
    let fast = slow + QUARTER_HOUR_MS;
    let window = |ahead: i64| Bucket::at(proto::Timestamp(now.saturating_add_signed(ahead))).window();
    assert_eq!(window(slow) + 1, window(fast));
    let routers = configs().map(|config| RouterConfig { bucket_entries_max: 5, ..config });
    let [one, other] = routers;
    let patience_ms = 2 * WINDOW_MS;
    let length = fight_length() / 2;
    let fought = arena.fight([(one, slow), (other, fast)], patience_ms, async |clients, _| {
        clients.talk(length).await;
    });
    let (acknowledged, epoch) = Box::pin(fought).await.unwrap();
    println!("{acknowledged} acknowledged, highest epoch {epoch}");
    assert!(acknowledged > 50 && epoch > 3, "not much of a race: {acknowledged} acknowledged, epoch {epoch}");
}

/// Where a call can end without an answer, one after the other, on whichever router comes there first: each kind of
/// call that a claim, a load, an append, a check and a roll-over are made of, with each outcome that it can have had.
/// Not the one that takes a touched mark away, which the next test has: these two take over from each other before a head was told for
/// the last time.
#[tokio::test]
async fn a_time_out_at_every_point_of_claim_load_append_check_and_roll_over_loses_nothing() {
    const READS: &[Op] = &[Op::Owner, Op::Owners, Op::Touched, Op::Register, Op::BucketTail, Op::Verify];
    const WRITES: &[Op] = &[Op::Announce, Op::Fence, Op::Claim, Op::MoveRegister, Op::Append, Op::WriteIndex];
    let Some(arena) = Arena::open("time-outs at every point on a CQL cluster").await else { return };
    let routers = configs().map(|config| RouterConfig { bucket_entries_max: 5, ..config });
    let [one, other] = routers;
    let mut faults: Vec<(Op, Fault)> = READS.iter().map(|op| (*op, Fault::Fail)).collect();
    for outcome in [Fault::UnknownApplied, Fault::UnknownNever, Fault::UnknownLate] {
        faults.extend(WRITES.iter().map(|op| (*op, outcome.clone())));
    }
    let mut random = StdRng::seed_from_u64(rand::random());
    let fought = arena.fight([(one, 0), (other, 0)], 10_000, async |clients, stores| {
        for (op, fault) in faults {
            for cql in stores {
                cql.program(Rule::new(fault.clone()).op(op));
            }
            let programmed = Instant::now();
            while stores.iter().all(|cql| cql.rules_left(op) > 0) {
                // An owner is read alone only where the outcome of a claim is unknown.
                for cql in stores.iter().filter(|cql| op == Op::Owner && cql.rules_left(Op::Claim) == 0) {
                    cql.program(Rule::new(Fault::UnknownApplied).op(Op::Claim));
                }
                assert!(programmed.elapsed() < REACHED_WITHIN, "{op:?} was not reached ({fault:?})");
                clients.talk(Duration::from_millis(100)).await;
                if random.random_bool(0.2) {
                    for cql in stores {
                        cql.deliver_late().await;
                    }
                }
            }
            stores.iter().for_each(|cql| cql.heal());
        }
    });
    let (acknowledged, epoch) = Box::pin(fought).await.unwrap();
    println!("{acknowledged} acknowledged, highest epoch {epoch}");
    // Every point was reached; how much is said meanwhile depends on how busy the machine is.
    assert!(acknowledged > 10 && epoch > 3, "{acknowledged} acknowledged, epoch {epoch}");
}

#[tokio::test]
async fn a_lone_router_falls_quiet_on_a_cluster_and_meets_each_outcome_of_taking_its_marks_away() {
    let Some(arena) = Arena::open("marks that are hard to take away on a CQL cluster").await else { return };
    let [one, other] = arena.stores.each_ref().map(|cql| Store::Cql(Arc::clone(cql)));
    let lives = clearing::every_outcome(&one, rand::random(), || {
        let [config, _] = configs();
        config
    });
    let mut clients = Box::pin(lives).await.unwrap();
    // Through a connection that never read before.
    let acknowledged = clients.check(&other).await.unwrap();
    assert!(acknowledged > 10, "{acknowledged} acknowledged");
    for cql in &arena.stores {
        cql.close().await;
    }
    // What is left here, a later test takes away.
    let _ = Box::pin(store::drop_test_keyspace(&arena.keyspace)).await;
}
