//! What the ephemeral store is told.

use std::time::Duration;

use ::redis::IntoConnectionInfo as _;
use thiserror::Error;

/// How presence is kept.
#[derive(Clone, Debug)]
pub struct PresenceConfig {
    /// Changes that this process writes in a second. More wait, and only the last one of each device is written.
    pub writes_per_second: u32,
    /// Devices that are online here, or whose change was not written yet. Above it: they do not show as online.
    pub devices_max: usize,
    /// How often this process says that it lives.
    pub beat: Duration,
    /// After this silence of a process its users count as offline. At least twice `beat`.
    pub silent_after: Duration,
    /// How long it is remembered when somebody was last seen. Longer than `silent_after`.
    pub retention: Duration,
}

/// What a process remembers by itself.
#[derive(Clone, Debug)]
pub struct LocalConfig {
    /// Presence.
    pub presence: PresenceConfig,
    /// Accounts, and as many addresses, whose failed attempts are remembered; the oldest are forgotten first.
    pub attempts_max: usize,
    /// Whether there may be sessions elsewhere.
    pub others: Others,
}

/// Whether other processes serve the same users.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Others {
    /// Who is not online here is offline, and tickets are given out and redeemed here.
    None,
    /// Who is not online here may be so elsewhere. Tickets could be redeemed elsewhere, and so are not given out.
    Maybe,
}

/// Where Redis is.
#[derive(Clone)]
pub struct RedisConfig {
    /// `redis://host:port`, `rediss://host:port` with TLS; user, password and database may stand in it.
    pub url: String,
    /// Instead of the one in the URL.
    pub user: Option<String>,
    /// Instead of the one in the URL.
    pub password: Option<String>,
    /// The first word of every key.
    pub prefix: String,
    /// For one request, and for a connection.
    pub timeout: Duration,
    /// Requests at the same time. Above it: as if Redis were away.
    pub requests_max: usize,
}

/// The operator's: the URL says nothing that Redis could be reached by. Holds nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("this is no URL of a Redis server")]
pub struct RedisUrlError;

impl RedisConfig {
    /// Whether the URL can be understood.
    pub fn check(&self) -> Result<(), RedisUrlError> {
        self.connection_info().map(drop)
    }

    /// As the library wants it. It does not set `TCP_NODELAY` unless told to.
    pub(super) fn connection_info(&self) -> Result<::redis::ConnectionInfo, RedisUrlError> {
        let info = self.url.as_str().into_connection_info().map_err(|_| RedisUrlError)?;
        let mut settings = info.redis_settings().clone();
        if let Some(user) = &self.user {
            settings = settings.set_username(user);
        }
        if let Some(password) = &self.password {
            settings = settings.set_password(password);
        }
        let tcp = ::redis::io::tcp::TcpSettings::default().set_nodelay(true);
        Ok(info.set_redis_settings(settings).set_tcp_settings(tcp))
    }
}

impl std::fmt::Debug for RedisConfig {
    /// Passwords are not shown, nor the URL, in which one may stand.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisConfig").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}
