//! The numbers of the router.

use hashbrown::HashMap;
use metrics::{Counter, Gauge, Histogram};
use proto::{Code, Request};

/// Every metric of this crate: name, kind, help.
pub const INVENTORY: &[(&str, &str, &str)] = &[
    ("router_commands_total", "counter", "Commands taken from the bus, by kind"),
    ("router_nacks_total", "counter", "Commands refused, by code"),
    ("router_commands_waiting", "gauge", "Commands in conversations that are not answered yet"),
    (
        "router_commands_waiting_limit",
        "gauge",
        "How many of them may wait at the present pace; more are refused with BUSY",
    ),
    ("router_live_messages_total", "counter", "Messages of live rooms that were told and not kept"),
    ("router_messages_total", "counter", "Entries appended, verified and told"),
    ("router_batch_entries", "histogram", "Entries of one append"),
    ("router_ack_seconds", "histogram", "From the arrival of a command to its answer"),
    ("router_publish_deliveries", "histogram", "Deliveries published in one turn of a worker"),
    ("router_append_retries_total", "counter", "Appends that failed and were written again"),
    ("router_verifies_total", "counter", "Checks of the own fence"),
    ("router_loads_queued", "gauge", "Conversations that wait to be loaded"),
    ("router_load_seconds", "histogram", "From the begin of a load to serving"),
    ("router_load_retries_total", "counter", "Loads that began again"),
    ("router_broadcasts_total", "counter", "Broadcasts begun"),
    ("router_roll_overs_total", "counter", "Buckets left"),
    ("router_conversations", "gauge", "Conversations in memory"),
    ("router_evictions_total", "counter", "Conversations that left memory"),
    ("router_dedupe_hits_total", "counter", "Sends that were stored already"),
    ("router_dedupe_lookups_total", "counter", "Sends that were looked up in the store"),
    ("router_heads_total", "counter", "Heads published: beacons and probes"),
    ("router_reads", "gauge", "Reads under way"),
    ("router_projections_total", "counter", "Conversations whose projections were written"),
    ("router_projection_failures_total", "counter", "Writes of projections that failed and are repeated"),
    ("router_projections_owed", "gauge", "Conversations left to recover after a claim"),
    ("router_partitions_owned", "gauge", "Partitions that are claimed and served"),
    ("router_peers", "gauge", "Other incarnations that are heard"),
    ("router_suspicions_total", "counter", "Incarnations suspected because they were silent"),
    ("router_fences_total", "counter", "Incarnations fenced in order to take their partitions"),
    ("router_partitions_released_total", "counter", "Partitions given back, to others or at the end"),
    ("router_commands_kept", "gauge", "Commands kept until it is known who serves their partition"),
    (
        "router_private_changes_waiting",
        "gauge",
        "Changes that users make for themselves and that wait for an earlier one of the same user",
    ),
    ("router_commands_forwarded_total", "counter", "Commands sent on to whoever serves their partition"),
    ("router_buckets_dropped_total", "counter", "Parts of logs dropped because they are no longer kept"),
    ("router_incarnations_total", "counter", "Lives begun by workers; more than workers means take-overs"),
];

/// Handles kept by a worker, so that no name is looked up on the path of a message.
pub(crate) struct Metrics {
    pub commands_waiting: Gauge,
    pub commands_waiting_limit: Gauge,
    pub live_messages: Counter,
    pub broadcasts: Counter,
    pub messages: Counter,
    pub batch_entries: Histogram,
    pub ack_seconds: Histogram,
    pub publish_deliveries: Histogram,
    pub append_retries: Counter,
    pub verifies: Counter,
    pub loads_queued: Gauge,
    pub load_seconds: Histogram,
    pub load_retries: Counter,
    pub roll_overs: Counter,
    pub conversations: Gauge,
    pub evictions: Counter,
    pub dedupe_hits: Counter,
    pub dedupe_lookups: Counter,
    pub heads: Counter,
    pub reads: Gauge,
    pub projections: Counter,
    pub projection_failures: Counter,
    pub projections_owed: Gauge,
    pub partitions: Gauge,
    pub incarnations: Counter,
    pub peers: Gauge,
    pub suspicions: Counter,
    pub fences: Counter,
    pub released: Counter,
    pub kept: Gauge,
    pub private_waiting: Gauge,
    pub forwarded: Counter,
    pub buckets_dropped: Counter,
    nacks: HashMap<Code, Counter>,
    commands: [Counter; KINDS.len()],
}

/// The kinds of commands, in the order of [`kind_of`].
const KINDS: [&str; 20] = [
    "send",
    "fetch",
    "sync",
    "read",
    "delivered",
    "typing",
    "heads",
    "connected",
    "disconnected",
    "group",
    "pins",
    "versions",
    "contact",
    "claim",
    "private",
    "presence",
    "join_room",
    "broadcast",
    "readers",
    "confirm",
];

fn kind_of(request: &Request) -> usize {
    match request {
        Request::Send(_) => 0,
        Request::Fetch(_) => 1,
        Request::Sync(_) => 2,
        Request::Read(_) => 3,
        Request::Delivered(_) => 4,
        Request::Typing(_) => 5,
        Request::Heads(_) => 6,
        Request::Connected(_) => 7,
        Request::Disconnected => 8,
        Request::Group(..) => 9,
        Request::Pins(_) => 10,
        Request::Versions(_) => 11,
        Request::Contact(..) => 12,
        Request::Claim { .. } => 13,
        Request::Private(_) => 14,
        Request::WatchPresence(_) | Request::PresenceChanged => 15,
        Request::JoinRoom(_) => 16,
        Request::Broadcast(_) => 17,
        Request::Readers(_) | Request::Confirmations(_) => 18,
        Request::Confirm(_) => 19,
    }
}

impl Metrics {
    /// Registers everything. Gauges are of one worker each.
    pub fn new(worker: usize) -> Self {
        let worker = worker.to_string();
        let gauge = |name: &'static str| metrics::gauge!(name, "worker" => worker.clone());
        let nack = |code: &Code| (*code, metrics::counter!("router_nacks_total", "code" => code.name()));
        Self {
            commands_waiting: gauge("router_commands_waiting"),
            commands_waiting_limit: gauge("router_commands_waiting_limit"),
            live_messages: metrics::counter!("router_live_messages_total"),
            broadcasts: metrics::counter!("router_broadcasts_total"),
            messages: metrics::counter!("router_messages_total"),
            batch_entries: metrics::histogram!("router_batch_entries"),
            ack_seconds: metrics::histogram!("router_ack_seconds"),
            publish_deliveries: metrics::histogram!("router_publish_deliveries"),
            append_retries: metrics::counter!("router_append_retries_total"),
            verifies: metrics::counter!("router_verifies_total"),
            loads_queued: gauge("router_loads_queued"),
            load_seconds: metrics::histogram!("router_load_seconds"),
            load_retries: metrics::counter!("router_load_retries_total"),
            roll_overs: metrics::counter!("router_roll_overs_total"),
            conversations: gauge("router_conversations"),
            evictions: metrics::counter!("router_evictions_total"),
            dedupe_hits: metrics::counter!("router_dedupe_hits_total"),
            dedupe_lookups: metrics::counter!("router_dedupe_lookups_total"),
            heads: metrics::counter!("router_heads_total"),
            reads: gauge("router_reads"),
            projections: metrics::counter!("router_projections_total"),
            projection_failures: metrics::counter!("router_projection_failures_total"),
            projections_owed: gauge("router_projections_owed"),
            partitions: gauge("router_partitions_owned"),
            incarnations: metrics::counter!("router_incarnations_total"),
            peers: gauge("router_peers"),
            suspicions: metrics::counter!("router_suspicions_total"),
            fences: metrics::counter!("router_fences_total"),
            released: metrics::counter!("router_partitions_released_total"),
            kept: gauge("router_commands_kept"),
            private_waiting: gauge("router_private_changes_waiting"),
            forwarded: metrics::counter!("router_commands_forwarded_total"),
            buckets_dropped: metrics::counter!("router_buckets_dropped_total"),
            nacks: Code::ALL.iter().map(nack).collect(),
            commands: KINDS.map(|kind| metrics::counter!("router_commands_total", "kind" => kind)),
        }
    }

    /// A command was refused.
    pub fn nack(&self, code: Code) {
        if let Some(counter) = self.nacks.get(&code) {
            counter.increment(1);
        }
    }

    /// A command came.
    pub fn command(&self, request: &Request) {
        self.commands[kind_of(request)].increment(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_the_names_of_their_requests() {
        for request in [Request::Connected(None), Request::Disconnected, Request::Heads(Vec::new())] {
            assert_eq!(KINDS[kind_of(&request)], request.name());
        }
    }
}
