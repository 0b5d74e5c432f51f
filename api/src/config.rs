//! What an operator may choose; the program's configuration file fills it in.

use std::time::Duration;

/// The settings of the HTTP API.
#[derive(Clone, Debug)]
pub struct ApiConfig {
    /// How long an access token is valid.
    pub access_ttl: Duration,
    /// How long a login lasts without being refreshed.
    pub refresh_ttl: Duration,
    /// Whether anybody may make an account.
    pub registration: Registration,
    /// Characters a new password has at least.
    pub password_chars_min: usize,
    /// Bytes of a request's body; more is answered 413.
    pub body_bytes_max: usize,
    /// How long a request may take; longer is answered 503.
    pub request_timeout: Duration,
    /// How long a router may take to answer a command, retries included. Shorter than `request_timeout`.
    pub command_timeout: Duration,
    /// Commands waiting for their answer; more are answered 503 `BUSY`.
    pub pending_commands_max: usize,
    /// Passwords hashed at the same time; each takes a thread and 19 MiB.
    pub hash_workers: usize,
    /// Passwords waiting to be hashed; more are answered 503 `BUSY`.
    pub hash_queue_max: usize,
    /// Tickets that were given out and not used; more are answered 503 `BUSY`.
    pub tickets_max: usize,
    /// How long a ticket is good.
    pub ticket_ttl: Duration,
    /// Groups that one user is in; who has as many is refused another with `TOO_MANY`. Counted from lists that may be a
    /// second behind.
    pub groups_per_user_max: usize,
    /// Bytes of the answers to calls with an idempotency key that are kept; the oldest are forgotten first.
    pub idempotency_bytes_max: usize,
    /// How long they are kept.
    pub idempotency_ttl: Duration,
    /// Who has just left may come back in a moment: for so long it is as if they were still there.
    pub presence_grace: Duration,
    /// Who makes live rooms.
    pub rooms_made_by: RoomMakers,
    /// What one user may ask for.
    pub user_rates: UserRates,
    /// Origins whose pages may use the API from a browser; empty allows only the page's own.
    pub cors_origins: Vec<String>,
}

/// What one user may ask for at a process.
#[derive(Clone, Copy, Debug)]
pub struct UserRates {
    /// Calls that change something.
    pub writes: RateLimit,
    /// Those that read.
    pub reads: RateLimit,
}

/// So many, sustained, and at once after a rest.
#[derive(Clone, Copy, Debug)]
pub struct RateLimit {
    /// Sustained.
    pub per_second: u32,
    /// At once.
    pub burst: u32,
}

/// Who makes live rooms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoomMakers {
    /// Services with the scope for it.
    Services,
    /// Users, too.
    Users,
}

/// Whether anybody may make an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registration {
    /// Yes.
    Open,
    /// No: users come from another issuer, or accounts are made elsewhere.
    Closed,
}
