//! Deliveries on their way to nodes.
//!
//! **Guarantees.** [`Downlink::publish`] never waits. Deliveries to one target arrive in the order in which they were
//! published. Those of one call to one target share messages, each as large as the server takes; an envelope that
//! several targets get is encoded once.

use std::sync::Arc;

use async_nats::Client;
use bytes::Bytes;
use hashbrown::HashMap;
use proto::envelope::{DELIVERY_OVERHEAD_BYTES_MAX, append_delivery};
use proto::{Delivery, Payload, Target, TraceId};

use super::connect::is_connected;
use super::uplink::handed_over;
use crate::metrics::NatsMeters;
use crate::subject::Subjects;

/// Messages that wait to be written to the connection of deliveries. Full: dropped and counted; the log heals it.
pub(super) const OUTGOING_MAX: usize = 65_536;

/// See the module.
pub(super) struct Downlink {
    client: Client,
    subjects: Subjects,
    meters: Arc<NatsMeters>,
}

impl Downlink {
    /// On a connection of its own.
    pub(super) fn new(client: Client, subjects: Subjects, meters: Arc<NatsMeters>) -> Self {
        Self { client, subjects, meters }
    }

    pub(super) fn is_connected(&self) -> bool {
        is_connected(&self.client)
    }

    pub(super) fn publish(&self, deliveries: &mut Vec<Delivery>) {
        if !is_connected(&self.client) {
            self.meters.publishes_lost.increment(deliveries.len() as u64);
            deliveries.clear();
            return;
        }
        let published = deliveries.len() as u64;
        let mut lost = 0;
        for batch in batches(deliveries, self.client.max_payload()) {
            let subject = self.subjects.delivery(&batch.target);
            if !handed_over(self.client.publish(subject, Bytes::from(batch.bytes))) {
                lost += batch.deliveries;
            }
        }
        self.meters.shared.deliveries.increment(published - lost);
        if lost > 0 {
            self.meters.publishes_lost.increment(lost);
        }
    }
}

/// One message.
struct Batch {
    target: Target,
    bytes: Vec<u8>,
    deliveries: u64,
}

/// Empties the buffer into messages of at most `bytes_max`, unless a single delivery is larger.
fn batches(deliveries: &mut Vec<Delivery>, bytes_max: usize) -> Vec<Batch> {
    let mut batches: Vec<Batch> = Vec::new();
    let mut open: HashMap<Target, usize> = HashMap::new();
    let mut envelope = Vec::new();
    let mut encoded: Option<(Payload, TraceId)> = None;
    for Delivery { target, payload, trace } in deliveries.drain(..) {
        let same = encoded.as_ref().is_some_and(|(also, of)| *of == trace && same_fanout(also, &payload));
        if !same {
            let delivery = Delivery { target: target.clone(), payload, trace };
            envelope = delivery.to_envelope();
            encoded = Some((delivery.payload, trace));
        }
        let more = envelope.len() + DELIVERY_OVERHEAD_BYTES_MAX;
        let fits = |batch: &Batch| batch.bytes.len() + more <= bytes_max;
        let index = match open.get(&target) {
            Some(index) if fits(&batches[*index]) => *index,
            _ => {
                let bytes = Vec::with_capacity(more);
                batches.push(Batch { target: target.clone(), bytes, deliveries: 0 });
                open.insert(target, batches.len() - 1);
                batches.len() - 1
            }
        };
        append_delivery(&mut batches[index].bytes, &envelope);
        batches[index].deliveries += 1;
    }
    batches
}

/// Whether two payloads have the same envelope. Only a fan-out has several targets.
fn same_fanout(one: &Payload, other: &Payload) -> bool {
    match (one, other) {
        (Payload::Fanout(one), Payload::Fanout(other)) => {
            Arc::ptr_eq(&one.frame, &other.frame)
                && one.except == other.except
                && one.class == other.class
                && one.seq == other.seq
                && one.conversation == other.conversation
        }
        _ => false,
    }
}
