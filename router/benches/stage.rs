//! A router that a benchmark starts, and takes away as if it had died.

use std::collections::BTreeSet;
use std::time::Duration;

use bus::{Bus, Limits};
use lifecycle::Tasks;
use proto::Partition;
use router::{Router, RouterConfig, Sight};
use store::{IncarnationId, Level, Store};

/// Workers of the router.
pub const WORKERS: usize = 2;

/// A router, and the bus between it and the senders.
pub struct Stage {
    pub bus: Bus,
    pub tasks: Tasks,
}

impl Stage {
    /// Ready once it serves every partition.
    pub async fn open(store: &Store, config: RouterConfig) -> Self {
        let stage = Self {
            bus: Bus::local(Limits { commands: 200_000, deliveries: 1_000_000 }),
            tasks: Tasks::default(),
        };
        let config = RouterConfig { restart_pause: Duration::from_secs(3_600), ..config };
        let (bus, tasks) = (stage.bus.clone(), stage.tasks.clone());
        Router::start(config, bus, store.clone(), Sight::default(), tasks).await.unwrap();
        stage
    }

    /// Fences its incarnations, and waits until they know it: while they do not, they fence others.
    pub async fn kill(&self, store: &Store) {
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
}
