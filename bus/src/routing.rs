//! Who serves which partition, as far as heartbeats told.

use std::sync::atomic::{AtomicU64, Ordering};

use proto::id::PARTITIONS;
use proto::{Epoch, Heartbeat, Partition};

/// The highest epoch told of each partition (FENCE D2).
pub(crate) struct Routing(Vec<AtomicU64>);

impl Default for Routing {
    fn default() -> Self {
        Self((0..PARTITIONS).map(|_| AtomicU64::new(0)).collect())
    }
}

impl Routing {
    pub(crate) fn hear(&self, heartbeat: &Heartbeat) {
        for (partition, epoch) in &heartbeat.serving {
            self.0[usize::from(partition.number())].fetch_max(epoch.0, Ordering::AcqRel);
        }
    }

    pub(crate) fn epoch(&self, partition: Partition) -> Epoch {
        Epoch(self.0[usize::from(partition.number())].load(Ordering::Acquire))
    }
}
