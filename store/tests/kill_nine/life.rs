//! One life of a writer, by the rules of a router: it takes over from the life before, loads, appends, checks, and rolls
//! over every few entries.

use std::collections::BTreeMap;
use std::sync::Arc;

use proto::{ConversationId, Entry, Epoch, Partition, Seq};
use store::{Batch, Bucket, Cas, IncarnationId, Level, Register, Store};

use crate::child::conversation;

/// Entries in one bucket, so that a round goes through many.
const BUCKET_ENTRIES_MAX: u64 = 16;

pub struct Life {
    store: Store,
    me: IncarnationId,
    epochs: BTreeMap<Partition, Epoch>,
}

/// Where the writer is in one log.
pub struct Log {
    id: ConversationId,
    register: Register,
    pub next: u64,
}

impl Life {
    /// Fences the last life and claims what it had.
    pub async fn begin(store: Store, conversations: u64) -> Self {
        let me = IncarnationId(rand::random());
        store.announce(me).await.unwrap();
        let mut epochs = BTreeMap::new();
        for partition in (0..conversations).map(|number| Partition::of(&conversation(number))) {
            if epochs.contains_key(&partition) {
                continue;
            }
            let now = store.owner(partition, Level::Serial).await.unwrap();
            if let Some(other) = now.owner {
                store.fence(other).await.unwrap();
            }
            epochs.insert(partition, applied(store.claim(partition, now, me).await).epoch);
        }
        Self { store, me, epochs }
    }

    /// Makes the log's segment its own, with everything that the last life left in it.
    pub async fn load(&self, number: u64) -> Log {
        let id = conversation(number);
        let epoch = self.epochs[&Partition::of(&id)];
        let found = self.store.register(&id, Level::Serial).await.unwrap();
        let next = match found {
            None => 1,
            Some(found) => {
                let tail = self.store.bucket_tail(&id, found.bucket, 1).await.unwrap();
                tail.last().map_or(found.start.0, |row| row.entry.seq.0 + 1)
            }
        };
        let first = Register {
            version: 0,
            epoch,
            start: Seq(1),
            bucket: Bucket(5),
            bucket_first: Seq(1),
            window: 64,
            counted: 0,
        };
        let moved = Register { epoch, start: Seq(next), counted: next - 1, ..found.unwrap_or(first) };
        let register = applied(self.store.move_register(&id, found.map(|found| found.version), moved).await);
        Log { id, register, next }
    }

    /// Appends and checks; what comes after may be told.
    pub async fn append(&self, log: &mut Log, entries: Vec<Entry>) {
        if log.next - log.register.bucket_first.0 >= BUCKET_ENTRIES_MAX {
            self.roll_over(log).await;
        }
        log.next += entries.len() as u64;
        let batch = Batch {
            touched: Some(Partition::of(&log.id)),
            conversation: log.id.clone(),
            bucket: log.register.bucket,
            epoch: log.register.epoch,
            entries,
        };
        let durable = self.store.append(Arc::new(batch)).await.unwrap();
        let verified = self.store.verify(self.me, vec![durable]).await.unwrap();
        assert!(verified.iter().eq([(&log.id, log.register.epoch, Seq(log.next - 1))]));
    }

    async fn roll_over(&self, log: &mut Log) {
        let left = log.register;
        self.store.write_index(&log.id, left.bucket, left.bucket_first).await.unwrap();
        let next = Register {
            start: Seq(log.next),
            bucket: Bucket(left.bucket.0 + 1),
            bucket_first: Seq(log.next),
            counted: log.next - 1,
            ..left
        };
        log.register = applied(self.store.move_register(&log.id, Some(left.version), next).await);
    }
}

fn applied<T: std::fmt::Debug>(cas: Cas<T>) -> T {
    match cas {
        Cas::Applied(row) => row,
        other => panic!("not applied: {other:?}"),
    }
}
