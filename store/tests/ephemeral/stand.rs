//! The engines, and what tests share.

use std::time::Duration;

use lifecycle::Tasks;
use proto::{DeviceId, UserId};
use store::{DeviceState, Ephemeral, LocalConfig, Others, Presence, PresenceConfig, RedisConfig};

/// Longer than anything here takes.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A way to keep what may be lost, with the tasks that keep it.
pub struct Stand {
    pub ephemeral: Ephemeral,
    pub tasks: Tasks,
}

pub fn local_config() -> LocalConfig {
    let presence = PresenceConfig {
        writes_per_second: 10_000,
        devices_max: 10_000,
        beat: Duration::from_millis(200),
        silent_after: Duration::from_secs(1),
        retention: Duration::from_secs(600),
    };
    LocalConfig { presence, attempts_max: 1_000, others: Others::None }
}

pub fn redis_config(url: &str, prefix: &str) -> RedisConfig {
    RedisConfig {
        url: url.to_owned(),
        user: None,
        password: None,
        prefix: prefix.to_owned(),
        // Generous, because the machine may be busy; a test of its own is about time.
        timeout: Duration::from_secs(2),
        requests_max: 100,
    }
}

pub fn new_prefix() -> String {
    format!("test-{:016x}", rand::random::<u64>())
}

impl Stand {
    pub fn local() -> Self {
        Self { ephemeral: Ephemeral::local(local_config()), tasks: Tasks::default() }
    }

    /// One process that shares `prefix` at `url` with others. Connected when this returns.
    pub async fn redis(url: &str, prefix: &str, config: LocalConfig) -> Self {
        let stand = Self::redis_perhaps(redis_config(url, prefix), config);
        stand.until_known().await;
        stand
    }

    /// The same, connected or not.
    pub fn redis_perhaps(redis: RedisConfig, config: LocalConfig) -> Self {
        let tasks = Tasks::default();
        Self { ephemeral: Ephemeral::redis(redis, config, &tasks).unwrap(), tasks }
    }

    pub async fn until_known(&self) {
        let anybody = UserId::parse("anybody").unwrap();
        let known = async || self.presence(&anybody).await != Presence::Unknown;
        until("redis is connected", known).await;
    }

    pub async fn presence(&self, user: &UserId) -> Presence {
        self.ephemeral.presence(std::slice::from_ref(user)).await.pop().unwrap()
    }

    /// Ends it as a process that stops in order does.
    pub async fn end(self) {
        self.tasks.close(PATIENCE).await.unwrap();
    }
}

/// Every engine that there is: always the one of a process, and Redis where its URL is set.
pub async fn engines() -> Vec<Stand> {
    let mut engines = vec![Stand::local()];
    if let Some(url) = redis_url() {
        engines.push(Stand::redis(&url, &new_prefix(), local_config()).await);
    }
    engines
}

pub fn redis_url() -> Option<String> {
    wanted("TIDEGATE_TEST_REDIS_URL", "no Redis")
}

/// A variable that a test needs: where it is not set the test says so, and fails where nothing may be skipped.
pub fn wanted(variable: &str, what: &str) -> Option<String> {
    match std::env::var(variable) {
        Ok(value) => Some(value),
        Err(_) if std::env::var_os("CI").is_some() => panic!("{variable} is not set"),
        Err(_) => {
            println!("skipped: {what} (set {variable}, or cargo xtask services up)");
            None
        }
    }
}

/// Asks again until it is so.
pub async fn until(what: &str, so: impl AsyncFn() -> bool) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while !so().await {
        assert!(tokio::time::Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

pub fn user(name: &str) -> UserId {
    UserId::parse(name).unwrap()
}

pub fn device(name: &str) -> DeviceId {
    DeviceId::parse(name).unwrap()
}

/// The devices by name, and whether each is online.
pub fn devices(presence: &Presence) -> Vec<(&str, bool)> {
    let Presence::Known(devices) = presence else { panic!("unknown") };
    devices.iter().map(|one| (one.device.as_str(), matches!(one.state, DeviceState::Online(_)))).collect()
}
