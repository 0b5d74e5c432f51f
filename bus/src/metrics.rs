//! The numbers of the bus.

use ::metrics::{Counter, Gauge};

/// Every metric of this crate: name, kind, help.
pub const INVENTORY: &[(&str, &str, &str)] = &[
    ("bus_commands_queued", "gauge", "Commands that the router workers took in their last turns"),
    (
        "bus_commands_refused_total",
        "counter",
        "Commands given back because a queue was full or nobody served",
    ),
    ("bus_deliveries_total", "counter", "Deliveries put into node inboxes"),
    ("bus_deliveries_lost_total", "counter", "Deliveries dropped at a full inbox; its node resyncs"),
    ("bus_heartbeats_lost_total", "counter", "Heartbeats dropped at a full inbox"),
];

/// Handles kept by the bus, so that no name is looked up on the path of a message.
pub(crate) struct Meters {
    pub(crate) commands_queued: Gauge,
    pub(crate) commands_refused: Counter,
    pub(crate) deliveries: Counter,
    pub(crate) deliveries_lost: Counter,
    pub(crate) heartbeats_lost: Counter,
}

impl Default for Meters {
    fn default() -> Self {
        Self {
            commands_queued: ::metrics::gauge!("bus_commands_queued"),
            commands_refused: ::metrics::counter!("bus_commands_refused_total"),
            deliveries: ::metrics::counter!("bus_deliveries_total"),
            deliveries_lost: ::metrics::counter!("bus_deliveries_lost_total"),
            heartbeats_lost: ::metrics::counter!("bus_heartbeats_lost_total"),
        }
    }
}
