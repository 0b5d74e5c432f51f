//! The HTTP API: accounts and logins, users, groups, conversations, history, sending; described by OpenAPI.
//!
//! ```text
//! request ─► edge (time, size, metrics) ─► extractors (caller, fields) ─► handler ─┬► store: reads, accounts, logins
//!                                                                               └► bus: commands to routers, replies
//! ```
//!
//! **Guarantees.** Whatever is not a success is an RFC 9457 problem with a code of [`proto::Code`]. Nothing here
//! appends to a log: sends and changes of groups are commands to the routers, and reads of a log end at a head that
//! its owner told. Every queue and table is bounded; what does not fit is refused with a time to wait. An unknown
//! username costs as much as a known one. Every route is in the document at `/openapi.json`.
//!
//! Who is signed out, or whose account is disabled, calls no more, whatever their access token says.
//!
//! **Does not** take connections: the program hands requests to [`Api::router`].
//!
//! **Limits.** [`ApiConfig`]. Presence and tickets are as good as the [`Ephemeral`] that it is given.

mod accounts;
mod answers;
mod backoff;
mod badge;
mod caller;
mod commands;
mod config;
mod contacts;
mod conversation_list;
mod details;
mod edge;
mod elsewhere;
mod etag;
mod extract;
mod frames;
mod group_shape;
mod hashing;
mod idempotency;
mod logins;
pub mod metrics;
mod numbers;
mod openapi;
mod paging;
mod problem;
mod profile;
mod rates;
mod routes;
mod scopes;
mod standing;
mod tickets;

pub use caller::ClientAddress;
pub use config::{ApiConfig, RateLimit, Registration, RoomMakers, UserRates};
pub use elsewhere::{AskElsewhere, Elsewhere, KnownUser, LoginAttempt, NoAnswer};
pub use problem::Problem;
pub use tickets::Tickets;

use std::sync::Arc;

use auth::{Identity, Issuer, SharedVerifier};
use bus::Bus;
use lifecycle::{Tasks, wall_clock_ms};
use proto::{Code, Timestamp};
use store::{Ephemeral, Store};

use backoff::Backoff;
use commands::Commands;
use hashing::HashPool;
use idempotency::KeptAnswers;
use rates::Rates;
use standing::Standings;

/// The HTTP API of a process.
pub struct Api {
    app: App,
}

/// What the API stands on.
pub struct Foundation {
    /// Accounts, logins, lists and logs.
    pub store: Store,
    /// The way to the routers.
    pub bus: Bus,
    /// Whose tokens are trusted; it must trust `issuer`.
    pub verifier: SharedVerifier,
    /// Makes tokens for logins.
    pub issuer: Issuer,
    /// Presence, and failed logins.
    pub ephemeral: Ephemeral,
    /// Given out here; redeemed by gateways that have another handle to the same.
    pub tickets: Tickets,
    /// Decides who logs in with a password, where accounts of this server do not.
    pub elsewhere: Option<Elsewhere>,
}

/// What handlers share.
pub(crate) type App = Arc<Shared>;

pub(crate) struct Shared {
    pub(crate) config: ApiConfig,
    pub(crate) store: Store,
    pub(crate) verifier: SharedVerifier,
    pub(crate) issuer: Issuer,
    pub(crate) commands: Arc<Commands>,
    pub(crate) hashes: HashPool,
    pub(crate) backoff: Backoff,
    pub(crate) ephemeral: Ephemeral,
    pub(crate) tickets: Tickets,
    pub(crate) kept_answers: KeptAnswers,
    pub(crate) rates: Rates,
    pub(crate) standings: Standings,
    pub(crate) elsewhere: Option<Elsewhere>,
}

impl Api {
    /// Opens an inbox on the bus and begins to receive; needs a runtime around it.
    pub fn new(config: ApiConfig, foundation: Foundation, tasks: &Tasks) -> Self {
        let Foundation { store, bus, verifier, issuer, ephemeral, tickets, elsewhere } = foundation;
        let commands = Commands::start(bus, config.pending_commands_max, config.command_timeout, tasks);
        let hashes = HashPool::new(config.hash_workers, config.hash_queue_max);
        let backoff = Backoff::new(ephemeral.clone());
        let kept_answers = KeptAnswers::new(config.idempotency_bytes_max, config.idempotency_ttl);
        let rates = Rates::new(config.user_rates);
        let app = Shared {
            config,
            store,
            verifier,
            issuer,
            commands,
            hashes,
            backoff,
            ephemeral,
            tickets,
            kept_answers,
            rates,
            standings: Standings::default(),
            elsewhere,
        };
        Self { app: Arc::new(app) }
    }

    /// Serves every path of the API, and a problem for every other. [`ClientAddress`] is looked for in the
    /// extensions of requests.
    pub fn router(&self) -> axum::Router {
        edge::around(routes::all().with_state(Arc::clone(&self.app)), &self.app)
    }

    /// The OpenAPI document, as `/openapi.json` gives it.
    pub fn document() -> String {
        openapi::document()
    }
}

/// What answers where the API, or something else, is served by another process: 404 to everything, with these words.
pub fn elsewhere(words: &'static str) -> axum::Router {
    edge::elsewhere(words)
}

impl Shared {
    /// Who holds the token.
    pub(crate) fn verify(&self, token: &str) -> Result<Identity, Problem> {
        self.verifier.verify(token, now().0 / 1_000).map_err(|error| {
            metrics::token_refused(error.kind());
            Problem::new(Code::Unauthenticated, error.to_string())
        })
    }
}

pub(crate) fn now() -> Timestamp {
    Timestamp(wall_clock_ms())
}
