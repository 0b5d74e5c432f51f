//! Handles of what is counted here; the inventory of the crate has their meanings.

use metrics::{Counter, Gauge, Histogram};

/// Of presence.
pub(crate) struct PresenceMetrics {
    pub(crate) devices: Gauge,
    pub(crate) waiting: Gauge,
    pub(crate) written: Counter,
    pub(crate) not_taken_in: Counter,
}

impl PresenceMetrics {
    pub(crate) fn new() -> Self {
        Self {
            devices: metrics::gauge!("store_presence_devices"),
            waiting: metrics::gauge!("store_presence_waiting"),
            written: metrics::counter!("store_presence_written_total"),
            not_taken_in: metrics::counter!("store_presence_refused_total"),
        }
    }
}

/// Changes of presence that could not be kept until they were asked for.
pub(crate) fn untold() -> Counter {
    metrics::counter!("store_presence_untold_total")
}

/// Of the connection to Redis.
pub(crate) struct RedisMetrics {
    pub(crate) connected: Gauge,
    pub(crate) requests: Gauge,
    pub(crate) seconds: Histogram,
    pub(crate) failures: Counter,
    pub(crate) refused: Counter,
}

impl RedisMetrics {
    pub(crate) fn new() -> Self {
        Self {
            connected: metrics::gauge!("store_redis_connected"),
            requests: metrics::gauge!("store_redis_requests"),
            seconds: metrics::histogram!("store_redis_seconds"),
            failures: metrics::counter!("store_redis_failures_total"),
            refused: metrics::counter!("store_redis_refused_total"),
        }
    }
}
