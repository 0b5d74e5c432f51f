//! The gateway's figures. A shard counts in plain numbers and hands the differences to the recorder once a tick, so
//! that nothing on the path of a message touches memory that another core writes.

use crate::admission::Admission;
use crate::budget::{Budget, COMPONENTS, tls_bytes};
use crate::tls;

/// Every metric of this crate: name, kind, help.
pub const INVENTORY: &[(&str, &str, &str)] = &[
    ("gateway_sessions", "gauge", "authenticated sessions"),
    (
        "gateway_users_lingering",
        "gauge",
        "users without a session whose subscriptions are kept for their return",
    ),
    ("gateway_presence_watches", "gauge", "users whose presence sessions watch, each for each session"),
    (
        "gateway_presence_told_total",
        "counter",
        "states of presence told to sessions that watch, one for each",
    ),
    ("gateway_connections", "gauge", "open connections of any kind, over all shards"),
    (
        "gateway_names_remembered",
        "gauge",
        "addresses and users whose places are counted, and users whose rates are",
    ),
    ("gateway_limited_total", "counter", "commands refused by a rate, by whose limit"),
    ("gateway_connections_total", "counter", "connections accepted"),
    ("gateway_accept_errors_total", "counter", "failed accepts"),
    ("gateway_connections_passed_total", "counter", "connections that a shard passed on to one with fewer"),
    ("gateway_handshakes_total", "counter", "requests for a socket, by outcome"),
    ("gateway_closes_total", "counter", "sockets closed, by close code and by who closed first"),
    ("gateway_slow_closes_total", "counter", "close handshakes that the peer did not finish in time"),
    ("gateway_reads_total", "counter", "reads that returned bytes"),
    ("gateway_received_bytes_total", "counter", "bytes read from sockets"),
    ("gateway_frames_received_total", "counter", "client frames"),
    ("gateway_writes_total", "counter", "writes to sockets, of any number of frames each"),
    ("gateway_sent_bytes_total", "counter", "bytes written to sockets"),
    ("gateway_frames_queued_total", "counter", "frames put into mailboxes"),
    ("gateway_writes_blocked_total", "counter", "writes that found the socket full"),
    (
        "gateway_deflated_bytes_total",
        "counter",
        "bytes of messages that were compressed, once for all who share one",
    ),
    ("gateway_deflated_to_bytes_total", "counter", "bytes of these messages after that"),
    (
        "gateway_protocol_errors_total",
        "counter",
        "sockets that broke the WebSocket protocol or its limits, by how",
    ),
    ("gateway_mailbox_lagging_total", "counter", "times a mailbox was full and events became heads"),
    ("gateway_mailbox_signals_dropped_total", "counter", "signals dropped because a mailbox was filling"),
    (
        "gateway_mailbox_signals_replaced_total",
        "counter",
        "signals that took the place of an earlier one about the same thing",
    ),
    ("gateway_live_missed_total", "counter", "messages of live rooms that a mailbox had no room for"),
    ("gateway_broadcast_told_total", "counter", "sessions that were told a broadcast"),
    ("gateway_broadcast_missed_total", "counter", "sessions whose mailbox had no room for a broadcast"),
    ("gateway_broadcast_left", "gauge", "sessions that are still to be told the broadcast under way"),
    ("gateway_mailbox_bytes", "gauge", "bytes that wait in the mailboxes of all sessions"),
    ("gateway_mailbox_owed_total", "counter", "frames that a lagging mailbox turned into heads or a resync"),
    ("gateway_commands_total", "counter", "commands sent to the bus"),
    ("gateway_commands_busy_total", "counter", "commands that the bus had no room for"),
    ("gateway_nacks_total", "counter", "frames refused by the gateway itself, by code"),
    (
        "gateway_reading_paused_total",
        "counter",
        "times a socket was not read until replies came, or were taken",
    ),
    ("gateway_unanswered_lost_total", "counter", "commands given up as unanswered"),
    ("gateway_deliveries_total", "counter", "deliveries taken from the bus"),
    ("gateway_gaps_total", "counter", "times the bus lost deliveries and all sessions were told to resync"),
    ("gateway_pings_total", "counter", "pings sent to silent peers"),
    ("gateway_memory_bytes", "gauge", "memory that sockets cost, by component; divide by their number"),
    ("gateway_tls_connections", "gauge", "connections with TLS, in their handshake or after it"),
    ("gateway_tls_handshakes_total", "counter", "TLS handshakes, by outcome"),
    (
        "gateway_tls_handshake_busy_microseconds_total",
        "counter",
        "time that TLS handshakes took of the shards",
    ),
    ("gateway_tls_reloads_total", "counter", "certificates that had changed on disk, by outcome"),
    ("gateway_tls_certificate_expires_seconds", "gauge", "when the certificate in use ends, Unix time"),
    ("gateway_drain_told_total", "counter", "sessions told to go away by a drain"),
    ("gateway_drain_closed_total", "counter", "sessions closed by a drain"),
    ("gateway_drain_abandoned_total", "counter", "sessions cut off at the end of a drain"),
    ("gateway_sockets_inherited_total", "counter", "sockets taken over from another process"),
];

macro_rules! tally {
    ($($field:ident = $name:literal),+ $(,)?) => {
        /// What one shard counted since it last handed over.
        #[derive(Default)]
        pub(crate) struct Tally {
            $(pub(crate) $field: u64,)+
        }

        struct Counters {
            $($field: metrics::Counter,)+
        }

        impl Counters {
            fn register() -> Self {
                Self { $($field: metrics::counter!($name),)+ }
            }

            fn add(&self, tally: &mut Tally) {
                $(if tally.$field > 0 {
                    self.$field.increment(std::mem::take(&mut tally.$field));
                })+
            }
        }
    };
}

tally! {
    connections = "gateway_connections_total",
    accept_errors = "gateway_accept_errors_total",
    passed = "gateway_connections_passed_total",
    slow_closes = "gateway_slow_closes_total",
    reads = "gateway_reads_total",
    received_bytes = "gateway_received_bytes_total",
    frames_received = "gateway_frames_received_total",
    writes = "gateway_writes_total",
    sent_bytes = "gateway_sent_bytes_total",
    frames_queued = "gateway_frames_queued_total",
    deflated_bytes = "gateway_deflated_bytes_total",
    deflated_to_bytes = "gateway_deflated_to_bytes_total",
    writes_blocked = "gateway_writes_blocked_total",
    lagging = "gateway_mailbox_lagging_total",
    signals_dropped = "gateway_mailbox_signals_dropped_total",
    signals_replaced = "gateway_mailbox_signals_replaced_total",
    owed = "gateway_mailbox_owed_total",
    live_missed = "gateway_live_missed_total",
    broadcasts_told = "gateway_broadcast_told_total",
    broadcasts_missed = "gateway_broadcast_missed_total",
    commands = "gateway_commands_total",
    commands_busy = "gateway_commands_busy_total",
    reading_paused = "gateway_reading_paused_total",
    unanswered_lost = "gateway_unanswered_lost_total",
    deliveries = "gateway_deliveries_total",
    gaps = "gateway_gaps_total",
    pings = "gateway_pings_total",
    presence_told = "gateway_presence_told_total",
    drain_told = "gateway_drain_told_total",
    drain_closed = "gateway_drain_closed_total",
    drain_abandoned = "gateway_drain_abandoned_total",
}

/// The handles of one shard.
pub(crate) struct Metrics {
    counters: Counters,
    sessions: Level,
    lingering: Level,
    watches: Level,
    broadcast_left: Level,
    mailbox_bytes: Level,
    connections: metrics::Gauge,
    names_remembered: metrics::Gauge,
    tls_connections: metrics::Gauge,
    memory: [Level; COMPONENTS.len()],
    tls_memory: metrics::Gauge,
}

/// What there is of everything that comes and goes, in one shard.
pub(crate) struct Levels {
    pub(crate) sessions: u64,
    /// Users without a session whose subscriptions are kept.
    pub(crate) lingering: u64,
    /// Users whose presence sessions watch.
    pub(crate) watches: u64,
    /// Sessions that are still to be told the broadcast under way.
    pub(crate) broadcast_left: u64,
    pub(crate) budget: Budget,
}

/// A gauge that is shared by all shards: each moves it by what changed.
struct Level {
    gauge: metrics::Gauge,
    told: u64,
}

impl Level {
    fn of(gauge: metrics::Gauge) -> Self {
        Self { gauge, told: 0 }
    }

    fn tell(&mut self, now: u64) {
        if now > self.told {
            self.gauge.increment((now - self.told) as f64);
        } else if now < self.told {
            self.gauge.decrement((self.told - now) as f64);
        }
        self.told = now;
    }
}

impl Metrics {
    pub(crate) fn register() -> Self {
        Self {
            counters: Counters::register(),
            sessions: Level::of(metrics::gauge!("gateway_sessions")),
            lingering: Level::of(metrics::gauge!("gateway_users_lingering")),
            watches: Level::of(metrics::gauge!("gateway_presence_watches")),
            broadcast_left: Level::of(metrics::gauge!("gateway_broadcast_left")),
            mailbox_bytes: Level::of(metrics::gauge!("gateway_mailbox_bytes")),
            connections: metrics::gauge!("gateway_connections"),
            names_remembered: metrics::gauge!("gateway_names_remembered"),
            tls_connections: metrics::gauge!("gateway_tls_connections"),
            memory: COMPONENTS.map(|component| {
                Level::of(metrics::gauge!("gateway_memory_bytes", "component" => component))
            }),
            tls_memory: metrics::gauge!("gateway_memory_bytes", "component" => "tls"),
        }
    }

    /// Hands over what was counted, and what there is.
    pub(crate) fn hand_over(&mut self, tally: &mut Tally, levels: &Levels) {
        self.counters.add(tally);
        self.sessions.tell(levels.sessions);
        self.lingering.tell(levels.lingering);
        self.watches.tell(levels.watches);
        self.broadcast_left.tell(levels.broadcast_left);
        self.mailbox_bytes.tell(levels.budget.queued);
        for (level, bytes) in self.memory.iter_mut().zip(levels.budget.bytes()) {
            level.tell(bytes);
        }
    }

    /// Says what the whole process holds; each shard says the same.
    pub(crate) fn tell_process(&self, admission: &Admission) {
        self.connections.set(admission.connections() as f64);
        self.names_remembered.set(admission.remembered() as f64);
        self.tls_connections.set(tls::connections() as f64);
        self.tls_memory.set(tls_bytes() as f64);
    }
}

/// Counts one close; rare enough to look the handle up.
pub(crate) fn count_close(code: u16, by: &'static str) {
    metrics::counter!("gateway_closes_total", "code" => code.to_string(), "by" => by).increment(1);
}

/// Counts one answer to a request for a socket.
pub(crate) fn count_handshake(outcome: &'static str) {
    handshakes(outcome).increment(1);
}

/// Counts answers of one kind.
pub(crate) fn handshakes(outcome: &'static str) -> metrics::Counter {
    metrics::counter!("gateway_handshakes_total", "outcome" => outcome)
}

/// Counts one violation of the WebSocket protocol.
pub(crate) fn count_protocol_error(error: &'static str) {
    metrics::counter!("gateway_protocol_errors_total", "error" => error).increment(1);
}

/// Counts one command that a rate refused.
pub(crate) fn count_limited(limit: &'static str) {
    metrics::counter!("gateway_limited_total", "limit" => limit).increment(1);
}

/// Counts sockets that came from another process.
pub(crate) fn count_inherited(sockets: usize) {
    metrics::counter!("gateway_sockets_inherited_total").increment(sockets as u64);
}

/// Counts one refusal by the gateway itself.
pub(crate) fn count_nack(code: proto::Code) {
    metrics::counter!("gateway_nacks_total", "code" => code.name()).increment(1);
}
