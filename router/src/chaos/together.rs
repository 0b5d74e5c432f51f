//! Three routers on one bus that hear each other. Each sleeps now and then, as a process that is paused: nothing of it
//! runs, and afterwards everything is there at once. Each is killed, or stopped in order, and starts again.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use bus::{Bus, Limits};
use lifecycle::Tasks;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use store::Store;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::clients::Clients;
use super::{config, rates};
use crate::RouterConfig;
use crate::worker::Worker;

const ROUTERS: u64 = 3;
const TALK: Duration = Duration::from_secs(12);

/// What all routers of a world share.
#[derive(Clone)]
struct World {
    bus: Bus,
    store: Store,
    partitions: Vec<proto::Partition>,
    /// Until then everything goes wrong.
    wild_until: Instant,
    /// The end of the world.
    end: Tasks,
}

/// Runs one world; an error says what was violated.
pub async fn world(seed: u64) -> Result<u64, String> {
    let mut random = StdRng::seed_from_u64(seed);
    let store = Store::memory();
    let Store::Memory(memory) = &store else { return Err("not in memory".into()) };
    memory.program_random(seed, rates(&mut random));
    let bus = Bus::local(Limits { commands: 1_000, deliveries: 100_000 });
    let mut clients = Clients::new(vec![bus.clone()], StdRng::seed_from_u64(seed ^ 0x5eed));
    let (partitions, wild_until) = (clients.partitions(), Instant::now() + TALK);
    let world = World { bus, store: store.clone(), partitions, wild_until, end: Tasks::default() };
    let routers = (0..ROUTERS).map(|number| {
        let random = StdRng::seed_from_u64(seed ^ (number + 1) << 40);
        lives(number, config(&mut StdRng::seed_from_u64(seed ^ number)), world.clone(), random)
    });
    let routers = futures_util::future::join_all(routers.collect::<Vec<_>>());
    let (_, told) = tokio::join!(routers, async {
        clients.talk(TALK).await;
        memory.heal();
        memory.deliver_late();
        let told = clients.finish().await;
        world.end.drain();
        told
    });
    memory.deliver_late();
    told?;
    clients.check(&store).await
}

/// One router process after another.
async fn lives(number: u64, config: RouterConfig, world: World, mut random: StdRng) {
    for life in 0.. {
        tokio::time::sleep(Duration::from_millis(random.random_range(0..1_500))).await;
        let tasks = Tasks::default();
        let router = number << 32 | life;
        let (bus, store) = (world.bus.clone(), world.store.clone());
        let worker = Worker::new(0, router, config.clone(), bus, store, tasks.clone())
            .only(world.partitions.clone())
            .seeded(random.random());
        let is_wild = Instant::now() < world.wild_until;
        let ends_after = Duration::from_millis(random.random_range(500..8_000));
        let is_killed = random.random_bool(0.5);
        let end = async {
            if is_wild {
                tokio::select! {
                    () = tokio::time::sleep(ends_after) => {}
                    () = world.end.draining() => {}
                }
            } else {
                world.end.draining().await;
            }
        };
        let pauses = if is_wild { pauses(&mut random) } else { Vec::new() };
        let mut run = pin!(with_pauses(worker.run(oneshot::channel().0), pauses));
        tokio::select! {
            () = &mut run => {}
            () = end => {
                let is_over = world.end.is_draining();
                if is_over || !is_killed {
                    tasks.drain();
                    run.await;
                }
                if is_over {
                    return;
                }
            }
        }
    }
}

/// When it sleeps, and for how long: from a hiccup to far beyond every patience.
fn pauses(random: &mut StdRng) -> Vec<(Duration, Duration)> {
    let count = random.random_range(0..4);
    let pause = |random: &mut StdRng| {
        let awake = Duration::from_millis(random.random_range(200..4_000));
        (awake, Duration::from_millis(random.random_range(50..3_000)))
    };
    std::iter::repeat_with(|| pause(random)).take(count).collect()
}

/// Runs a future that is not even looked at during its pauses.
pub async fn with_pauses(run: impl Future<Output = ()>, pauses: Vec<(Duration, Duration)>) {
    let mut run = pin!(run);
    for (awake, asleep) in pauses {
        tokio::select! {
            () = &mut run => return,
            () = tokio::time::sleep(awake) => {}
        }
        tokio::time::sleep(asleep).await;
    }
    run.await;
}
