//! What the processes of a cluster share through Redis.
//!
//! Presence: a hash for each user has a field for each device and process with a session (`<device>/<process>`: since when; with
//! `/away` behind it where no session is used) and one for each device that left (`<device>`: when). A field counts as long as its process lives, which one key for each process
//! says, with a time to live. So who is online costs a write when it changes and none to stay true, and a process that dies takes
//! all its users with it.

mod attempts;
mod keys;
mod link;
mod reader;
mod writer;

use std::sync::Arc;
use std::time::Duration;

use ::redis::pipe;
use lifecycle::Tasks;
use proto::UserId;

use super::Away;
use super::attempts::{Attempt, AttemptRule, Attempts, Counted};
use super::changes::Changes;
use super::config::{LocalConfig, PresenceConfig, RedisConfig, RedisUrlError};
use super::presence::Presence;
use super::roster::Roster;
use keys::Keys;
use link::Link;

/// See [`super::Ephemeral::Redis`].
pub struct Redis {
    link: Link,
    keys: Keys,
    presence: PresenceConfig,
    pub(super) roster: Roster,
    pub(super) changes: Changes,
    /// For when Redis is away.
    attempts: Attempts,
}

impl Redis {
    pub(super) fn start(
        config: RedisConfig,
        local: LocalConfig,
        tasks: &Tasks,
    ) -> Result<Arc<Self>, RedisUrlError> {
        let redis = Arc::new(Self {
            keys: Keys::new(&config.prefix),
            link: Link::new(&config)?,
            roster: Roster::new(local.presence.devices_max),
            changes: Changes::new(local.presence.devices_max),
            attempts: Attempts::new(local.attempts_max),
            presence: local.presence,
        });
        tasks.spawn("redis connection", Arc::clone(&redis).keep(tasks.clone()));
        tasks.spawn("presence writer", Arc::clone(&redis).write_changes(tasks.clone()));
        Ok(redis)
    }

    pub(super) async fn presence(&self, users: &[UserId]) -> Vec<Presence> {
        match self.read_presence(users).await {
            Ok(found) => found,
            Err(Away) => vec![Presence::Unknown; users.len()],
        }
    }

    /// Counted here as well, so that something is known when Redis goes away.
    pub(super) async fn attempt(
        &self,
        attempt: Attempt<'_>,
        rule: &AttemptRule,
        counted: Counted,
    ) -> Duration {
        let here = self.attempts.attempt(attempt, rule, counted);
        let asked: Result<u64, Away> =
            self.link.ask(&attempts::ask(&self.keys.attempt(attempt), rule, counted)).await;
        asked.map_or(here, Duration::from_millis)
    }

    pub(super) async fn forgive(&self, attempt: Attempt<'_>, rule: &AttemptRule) {
        self.attempts.forgive(attempt, rule);
        // When Redis is away, what it counted ends by itself.
        let _: Result<(), Away> = self.link.run(pipe().del(self.keys.attempt(attempt)).ignore()).await;
    }

    pub(super) async fn take_back(&self, attempt: Attempt<'_>, rule: &AttemptRule) {
        self.attempts.take_back(attempt, rule);
        // When Redis is away, it waits longer than it should, and that ends by itself.
        let _: Result<(), Away> = self.link.ask(&attempts::take_back(&self.keys.attempt(attempt))).await;
    }

    pub(super) async fn put_ticket(
        &self,
        ticket: &[u8; 32],
        content: Vec<u8>,
        ttl: Duration,
    ) -> Result<(), Away> {
        let ms = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX);
        self.link.run(pipe().pset_ex(self.keys.ticket(ticket), content, ms).ignore()).await
    }

    /// An answer that is lost has taken the ticket; the client gets another one.
    pub(super) async fn take_ticket(&self, ticket: &[u8; 32]) -> Result<Option<Vec<u8>>, Away> {
        let (content,): (Option<Vec<u8>>,) = self.link.run(pipe().get_del(self.keys.ticket(ticket))).await?;
        Ok(content)
    }

    /// Keeps the connection and says that this process lives, until the drain; then says that it does not.
    async fn keep(self: Arc<Self>, tasks: Tasks) {
        loop {
            // A server that answers and does nothing, such as a replica, counts as away.
            let (known,) = tokio::select! {
                known = self.link.connect::<(Option<u64>,)>(|| self.beat()) => known,
                () = tasks.draining() => return,
            };
            self.heard(known);
            loop {
                tokio::select! {
                    () = tokio::time::sleep(self.presence.beat) => {}
                    () = self.link.doubted() => {}
                    () = tasks.draining() => return self.end().await,
                }
                match self.link.insist::<(Option<u64>,)>(&self.beat()).await {
                    Ok((known,)) => self.heard(known),
                    Err(Away) => break self.link.give_up(),
                }
            }
        }
    }
}
