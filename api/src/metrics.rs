//! Every metric of the API.

use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};

/// Name, kind, help.
pub const INVENTORY: &[(&str, &str, &str)] = &[
    ("api_requests_total", "counter", "HTTP requests answered, by route, method and status."),
    ("api_request_seconds", "histogram", "Time from a request's head to its answer's, by route and method."),
    ("api_tokens_refused_total", "counter", "Access tokens refused, by reason."),
    (
        "api_logins_total",
        "counter",
        "Logins with a password, by outcome: ok, wrong, backoff, disabled, unchecked.",
    ),
    ("api_refreshes_total", "counter", "Refresh tokens exchanged, by outcome: ok, reused, gone."),
    ("api_hash_jobs", "gauge", "Password hashes running or waiting for a thread."),
    ("api_hash_refused_total", "counter", "Password hashes refused because too many were waiting."),
    ("api_hash_seconds", "histogram", "Time to hash one password, without waiting."),
    ("api_pending_commands", "gauge", "Commands sent to routers and waiting for their reply."),
    ("api_command_seconds", "histogram", "Time from sending a command to its reply."),
    ("api_commands_repeated_total", "counter", "Commands sent again because their reply was late."),
    ("api_commands_unanswered_total", "counter", "Commands whose reply did not come in time."),
    ("api_rate_users", "gauge", "Users whose calls of the last moments are counted."),
    (
        "api_rate_refused_total",
        "counter",
        "Calls refused because their user made too many, by kind: write, read.",
    ),
    ("api_tickets", "gauge", "Tickets given out here whose time is not over."),
    ("api_kept_answers_bytes", "gauge", "Bytes of the answers that are kept for calls made again."),
    (
        "api_kept_answers_forgotten_total",
        "counter",
        "Answers forgotten before their time because there was no room.",
    ),
    (
        "api_calls_made_again_total",
        "counter",
        "Calls with a known idempotency key, by outcome: answered, running, another_call.",
    ),
];

/// Of the commands to routers.
pub(crate) struct CommandMetrics {
    pub(crate) pending: Gauge,
    pub(crate) seconds: Histogram,
    pub(crate) repeated: Counter,
    pub(crate) unanswered: Counter,
}

impl CommandMetrics {
    pub(crate) fn new() -> Self {
        Self {
            pending: gauge!("api_pending_commands"),
            seconds: histogram!("api_command_seconds"),
            repeated: counter!("api_commands_repeated_total"),
            unanswered: counter!("api_commands_unanswered_total"),
        }
    }
}

/// Of the rates of users.
pub(crate) struct RateMetrics {
    pub(crate) users: Gauge,
    writes: Counter,
    reads: Counter,
}

impl RateMetrics {
    pub(crate) fn new() -> Self {
        let refused = |kind: &'static str| counter!("api_rate_refused_total", "kind" => kind);
        Self { users: gauge!("api_rate_users"), writes: refused("write"), reads: refused("read") }
    }

    pub(crate) fn refused(&self, is_write: bool) -> &Counter {
        if is_write { &self.writes } else { &self.reads }
    }
}

/// Of password hashing.
pub(crate) struct HashMetrics {
    pub(crate) depth: Gauge,
    pub(crate) refused: Counter,
    pub(crate) seconds: Histogram,
}

impl HashMetrics {
    pub(crate) fn new() -> Self {
        Self {
            depth: gauge!("api_hash_jobs"),
            refused: counter!("api_hash_refused_total"),
            seconds: histogram!("api_hash_seconds"),
        }
    }
}

/// Of calls that are made again.
pub(crate) struct KeptAnswersMetrics {
    pub(crate) bytes: Gauge,
    pub(crate) forgotten: Counter,
    pub(crate) answered: Counter,
    pub(crate) running: Counter,
    pub(crate) another_call: Counter,
}

impl KeptAnswersMetrics {
    pub(crate) fn new() -> Self {
        let again = |outcome: &'static str| counter!("api_calls_made_again_total", "outcome" => outcome);
        Self {
            bytes: gauge!("api_kept_answers_bytes"),
            forgotten: counter!("api_kept_answers_forgotten_total"),
            answered: again("answered"),
            running: again("running"),
            another_call: again("another_call"),
        }
    }
}

/// Of tickets.
pub(crate) struct TicketMetrics {
    pub(crate) outstanding: Gauge,
}

impl TicketMetrics {
    pub(crate) fn new() -> Self {
        Self { outstanding: gauge!("api_tickets") }
    }
}

/// A request was answered. `route` is the pattern, never the path, so that the number of series is bounded.
pub(crate) fn answered(route: &str, method: &'static str, status: u16, seconds: f64) {
    let route = route.to_owned();
    histogram!("api_request_seconds", "route" => route.clone(), "method" => method).record(seconds);
    counter!("api_requests_total", "route" => route, "method" => method, "status" => status.to_string())
        .increment(1);
}

/// An access token was refused.
pub(crate) fn token_refused(reason: &'static str) {
    counter!("api_tokens_refused_total", "reason" => reason).increment(1);
}

/// A login with a password ended.
pub(crate) fn login(outcome: &'static str) {
    counter!("api_logins_total", "outcome" => outcome).increment(1);
}

/// A refresh token was presented.
pub(crate) fn refresh(outcome: &'static str) {
    counter!("api_refreshes_total", "outcome" => outcome).increment(1);
}
