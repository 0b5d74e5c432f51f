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
    ("bus_interest_connected", "gauge", "Interest connections to NATS that are up"),
    ("bus_interest_connects_total", "counter", "Interest connections that a NATS server accepted"),
    ("bus_interest_connect_failures_total", "counter", "Attempts to make one that failed"),
    (
        "bus_interest_lost_total",
        "counter",
        "Interest connections that broke; everything wanted is subscribed again",
    ),
    ("bus_interest_subscriptions", "gauge", "Subscriptions that interest connections hold"),
    ("bus_interest_waiting", "gauge", "Subscriptions that wait for their turn to be told to the server"),
    (
        "bus_interest_subscribes_total",
        "counter",
        "Subscriptions that servers were told, those after a reconnect among them",
    ),
    ("bus_interest_unsubscribes_total", "counter", "Subscriptions that servers were told to end"),
    (
        "bus_interest_refused_total",
        "counter",
        "Subscriptions that a server refused: see its permissions and limits",
    ),
    ("bus_interest_messages_total", "counter", "Messages received on interest connections"),
    ("bus_interest_dropped_total", "counter", "Messages dropped because too many waited; told as a gap"),
    (
        "bus_interest_gaps_total",
        "counter",
        "Times a node was told that messages on its interest connection were lost",
    ),
    ("bus_connected", "gauge", "Whether a connection to NATS stands, by connection"),
    ("bus_reconnects_total", "counter", "Connections to NATS that were made again, by connection"),
    ("bus_slow_consumers_total", "counter", "Messages dropped at a full subscription, by connection"),
    ("bus_commands_unserved", "gauge", "Commands that nobody received and that wait for one who serves them"),
    ("bus_commands_unserved_total", "counter", "Commands that came back because nobody listened"),
    ("bus_commands_unserved_lost_total", "counter", "Commands dropped because too many waited"),
    (
        "bus_commands_late_total",
        "counter",
        "Commands dropped at their deadline because nobody ever served them",
    ),
    (
        "bus_commands_unsettled_lost_total",
        "counter",
        "Published commands forgotten too early to be tried again if nobody listened",
    ),
    ("bus_commands_unanswered", "gauge", "Commands that were handed to an owner and are not answered"),
    (
        "bus_commands_again_total",
        "counter",
        "Unanswered commands that were sent again because their owner was gone",
    ),
    (
        "bus_commands_not_kept_total",
        "counter",
        "Commands that are sent again by their clients alone because too many were unanswered",
    ),
    ("bus_commands_misrouted_total", "counter", "Commands received for partitions that are not served here"),
    (
        "bus_commands_lost_total",
        "counter",
        "Times that received commands were lost to a full queue or a broken connection",
    ),
    (
        "bus_publishes_lost_total",
        "counter",
        "Deliveries not published, without a connection or with a full queue",
    ),
    ("bus_malformed_total", "counter", "Received messages that are no envelope"),
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

/// Handles kept by an interest connection.
pub(crate) struct InterestMeters {
    pub(crate) connected: Gauge,
    pub(crate) connects: Counter,
    pub(crate) connect_failures: Counter,
    pub(crate) lost: Counter,
    subscriptions: Gauge,
    waiting: Gauge,
    pub(crate) subscribes: Counter,
    pub(crate) unsubscribes: Counter,
    pub(crate) refused: Counter,
    pub(crate) messages: Counter,
    pub(crate) dropped: Counter,
    pub(crate) gaps: Counter,
}

/// What one connection adds to the gauges at the moment.
#[derive(Default)]
pub(crate) struct InterestShown {
    subscriptions: f64,
    waiting: f64,
}

impl Default for InterestMeters {
    fn default() -> Self {
        Self {
            connected: ::metrics::gauge!("bus_interest_connected"),
            connects: ::metrics::counter!("bus_interest_connects_total"),
            connect_failures: ::metrics::counter!("bus_interest_connect_failures_total"),
            lost: ::metrics::counter!("bus_interest_lost_total"),
            subscriptions: ::metrics::gauge!("bus_interest_subscriptions"),
            waiting: ::metrics::gauge!("bus_interest_waiting"),
            subscribes: ::metrics::counter!("bus_interest_subscribes_total"),
            unsubscribes: ::metrics::counter!("bus_interest_unsubscribes_total"),
            refused: ::metrics::counter!("bus_interest_refused_total"),
            messages: ::metrics::counter!("bus_interest_messages_total"),
            dropped: ::metrics::counter!("bus_interest_dropped_total"),
            gaps: ::metrics::counter!("bus_interest_gaps_total"),
        }
    }
}

impl InterestMeters {
    /// Several connections of one process share the gauges: each adds what changed.
    pub(crate) fn show(&self, shown: &mut InterestShown, subscriptions: usize, waiting: usize) {
        move_by(&self.subscriptions, &mut shown.subscriptions, subscriptions);
        move_by(&self.waiting, &mut shown.waiting, waiting);
    }
}

fn move_by(gauge: &Gauge, shown: &mut f64, now: usize) {
    let now = f64::from(u32::try_from(now).unwrap_or(u32::MAX));
    if now.to_bits() != shown.to_bits() {
        gauge.increment(now - *shown);
        *shown = now;
    }
}

/// Handles of the bus over NATS.
pub(crate) struct NatsMeters {
    pub(crate) commands_unserved: Gauge,
    pub(crate) commands_came_back: Counter,
    pub(crate) commands_unserved_lost: Counter,
    pub(crate) commands_late: Counter,
    pub(crate) commands_unsettled_lost: Counter,
    pub(crate) commands_unanswered: Gauge,
    pub(crate) commands_again: Counter,
    pub(crate) commands_not_kept: Counter,
    pub(crate) commands_misrouted: Counter,
    pub(crate) commands_lost: Counter,
    pub(crate) publishes_lost: Counter,
    pub(crate) malformed: Counter,
    pub(crate) shared: Meters,
}

impl Default for NatsMeters {
    fn default() -> Self {
        Self {
            commands_unserved: ::metrics::gauge!("bus_commands_unserved"),
            commands_came_back: ::metrics::counter!("bus_commands_unserved_total"),
            commands_unserved_lost: ::metrics::counter!("bus_commands_unserved_lost_total"),
            commands_late: ::metrics::counter!("bus_commands_late_total"),
            commands_unsettled_lost: ::metrics::counter!("bus_commands_unsettled_lost_total"),
            commands_unanswered: ::metrics::gauge!("bus_commands_unanswered"),
            commands_again: ::metrics::counter!("bus_commands_again_total"),
            commands_not_kept: ::metrics::counter!("bus_commands_not_kept_total"),
            commands_misrouted: ::metrics::counter!("bus_commands_misrouted_total"),
            commands_lost: ::metrics::counter!("bus_commands_lost_total"),
            publishes_lost: ::metrics::counter!("bus_publishes_lost_total"),
            malformed: ::metrics::counter!("bus_malformed_total"),
            shared: Meters::default(),
        }
    }
}

/// Handles of one connection to NATS.
pub(crate) struct ConnectionMeters {
    pub(crate) connected: Gauge,
    pub(crate) reconnects: Counter,
    pub(crate) slow_consumers: Counter,
}

impl ConnectionMeters {
    pub(crate) fn of(connection: &'static str) -> Self {
        Self {
            connected: ::metrics::gauge!("bus_connected", "connection" => connection),
            reconnects: ::metrics::counter!("bus_reconnects_total", "connection" => connection),
            slow_consumers: ::metrics::counter!("bus_slow_consumers_total", "connection" => connection),
        }
    }
}
