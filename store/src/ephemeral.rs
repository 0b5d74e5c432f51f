//! Remembers what may be lost: who is online, failed logins, tickets. In this process, or in Redis for all processes of a
//! cluster.
//!
//! ```text
//! session begins, ends ─► roster (this process) ─► writer, so many changes a second ─► Redis
//! presence, attempts, tickets ─────────────────── asked, 250 ms at most ─────────────► Redis
//!                                                  └─ away: unknown, counted here, refused
//! ```
//!
//! **Guarantees.**
//! - Nothing here waits longer than the configured time for one request, and while Redis is away nothing waits at all.
//!   [`Ephemeral::came`] and [`Ephemeral::left`] never wait.
//! - No more changes of presence are written in a second than configured, whatever happens; of several changes of one
//!   device only the last is written. Whoever vanishes without a word, with the whole process, counts as offline after
//!   the configured silence, without a write for each.
//! - Presence is "unknown" where it is not known, never "offline".
//! - A ticket is taken once.
//! - Waits after failed attempts hold for all processes together; while Redis is away, for each by itself.
//!
//! **Does not** keep anything for ever, and is not asked on the path of a message.
//!
//! **Limits.** [`PresenceConfig`], [`RedisConfig`]. One Redis server (or what looks like one), no Redis Cluster.

mod attempts;
mod changes;
mod config;
mod generations;
mod local;
pub(crate) mod meters;
mod presence;
mod redis;
mod roster;
mod tickets;

pub use attempts::{Attempt, AttemptRule, Counted};
pub use changes::PresenceChanges;
pub use config::{LocalConfig, Others, PresenceConfig, RedisConfig, RedisUrlError};
pub use presence::{DevicePresence, DeviceState, Presence};

use std::sync::Arc;
use std::time::Duration;

use lifecycle::Tasks;
use proto::presence::Activity;
use proto::{DeviceId, UserId};
use thiserror::Error;

use local::Local;
use redis::Redis;

/// What may be lost. Cloning gives another handle to the same.
#[derive(Clone)]
pub enum Ephemeral {
    /// Known to this process alone.
    Local(Arc<Local>),
    /// Shared through Redis.
    Redis(Arc<Redis>),
}

/// Redis's fault, or nobody's: what is shared cannot be reached now. A retry can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("what the processes share cannot be reached")]
pub struct Away;

impl Ephemeral {
    /// In this process.
    pub fn local(config: LocalConfig) -> Self {
        Self::Local(Arc::new(Local::new(config)))
    }

    /// In Redis, which need not be there: it is looked for in the background until `tasks` drain. Needs a runtime around it.
    pub fn redis(config: RedisConfig, local: LocalConfig, tasks: &Tasks) -> Result<Self, RedisUrlError> {
        Ok(Self::Redis(Redis::start(config, local, tasks)?))
    }

    /// A session of the device began in this process.
    pub fn came(&self, user: &UserId, device: &DeviceId) {
        match self {
            Self::Local(local) => local.came(user, device),
            Self::Redis(redis) => redis.roster.came(user, device),
        }
    }

    /// A session of the device ended in this process, with the activity that it had last.
    pub fn left(&self, user: &UserId, device: &DeviceId, activity: Activity) {
        match self {
            Self::Local(local) => local.left(user, device, activity),
            Self::Redis(redis) => redis.roster.left(user, device, activity),
        }
    }

    /// A session of the device is of this activity now, and was of the other before. Sessions begin active.
    pub fn turned(&self, user: &UserId, device: &DeviceId, activity: Activity) {
        match self {
            Self::Local(local) => local.turned(user, device, activity),
            Self::Redis(redis) => redis.roster.turned(user, device, activity),
        }
    }

    /// An active session that came as one device turned out to be another: the client named it late.
    pub fn renamed(&self, user: &UserId, from: &DeviceId, to: &DeviceId) {
        match self {
            Self::Local(local) => local.renamed(user, from, to),
            Self::Redis(redis) => redis.roster.renamed(user, from, to),
        }
    }

    /// Who is online, in the order asked. For some tens of users at a time.
    pub async fn presence(&self, users: &[UserId]) -> Vec<Presence> {
        match self {
            Self::Local(local) => users.iter().map(|user| local.presence(user)).collect(),
            Self::Redis(redis) => redis.presence(users).await,
        }
    }

    /// Waits until devices with sessions in this process changed for everybody to see, and tells whose. One task alone may
    /// wait for it at a time; what changed before the first time is not told.
    pub async fn changes(&self) -> PresenceChanges {
        match self {
            Self::Local(local) => local.changes.next().await,
            Self::Redis(redis) => redis.changes.next().await,
        }
    }

    /// Something that may fail only so often is attempted. Gives how long to wait before; zero for not at all. Whoever has to
    /// wait has not attempted anything, and nothing is counted.
    pub async fn attempt(&self, attempt: Attempt<'_>, rule: &AttemptRule, counted: Counted) -> Duration {
        match self {
            Self::Local(local) => local.attempts.attempt(attempt, rule, counted),
            Self::Redis(redis) => redis.attempt(attempt, rule, counted).await,
        }
    }

    /// Failures so far, by that rule, are forgotten.
    pub async fn forgive(&self, attempt: Attempt<'_>, rule: &AttemptRule) {
        match self {
            Self::Local(local) => local.attempts.forgive(attempt, rule),
            Self::Redis(redis) => redis.forgive(attempt, rule).await,
        }
    }

    /// What was counted by [`Counted::Yes`] a moment ago was not carried out after all: it is not counted, and those before it are.
    pub async fn take_back(&self, attempt: Attempt<'_>, rule: &AttemptRule) {
        match self {
            Self::Local(local) => local.attempts.take_back(attempt, rule),
            Self::Redis(redis) => redis.take_back(attempt, rule).await,
        }
    }

    /// Keeps what a ticket stands for.
    pub async fn put_ticket(&self, ticket: [u8; 32], content: Vec<u8>, ttl: Duration) -> Result<(), Away> {
        match self {
            Self::Local(local) => local.put_ticket(ticket, content, ttl),
            Self::Redis(redis) => redis.put_ticket(&ticket, content, ttl).await,
        }
    }

    /// Takes it: what the ticket stands for, the first time, within its time.
    pub async fn take_ticket(&self, ticket: &[u8; 32]) -> Result<Option<Vec<u8>>, Away> {
        match self {
            Self::Local(local) => Ok(local.take_ticket(ticket)),
            Self::Redis(redis) => redis.take_ticket(ticket).await,
        }
    }
}
