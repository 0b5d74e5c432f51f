//! The buses that the suite runs on.

use std::time::Duration;

use bus::{Bus, Limits, NatsAuth, NatsConfig, NatsTls};
use lifecycle::Tasks;

pub const LIMITS: Limits = Limits { commands: 1_000, deliveries: 1_000 };

/// One bus under test, and others like those of other processes.
pub struct Stand {
    pub bus: Bus,
    pub limits: Limits,
    pub nats: Option<NatsConfig>,
    pub tasks: Tasks,
}

impl Stand {
    pub async fn over_nats(url: &str, limits: Limits) -> Self {
        let prefix = format!("test-{:016x}", rand::random::<u64>());
        let nats = nats_config(url, &prefix);
        let tasks = Tasks::default();
        let bus = Bus::nats(nats.clone(), limits, &tasks).await.unwrap();
        Self { bus, limits, nats: Some(nats), tasks }
    }

    /// The bus of another process of the same deployment.
    pub async fn other_process(&self) -> Bus {
        match &self.nats {
            None => self.bus.clone(),
            Some(nats) => Bus::nats(nats.clone(), self.limits, &self.tasks).await.unwrap(),
        }
    }
}

pub fn nats_config(url: &str, prefix: &str) -> NatsConfig {
    NatsConfig {
        urls: vec![url.to_owned()],
        prefix: prefix.to_owned(),
        auth: NatsAuth::None,
        tls: NatsTls::default(),
        connect_timeout: Duration::from_secs(5),
        ping_interval: Duration::from_secs(10),
        reconnect_pause_max: Duration::from_millis(100),
        subscribes_per_second: 10_000,
    }
}

/// In one process, and over NATS where there is a server.
pub async fn stands(limits: Limits) -> Vec<Stand> {
    let local = Stand { bus: Bus::local(limits), limits, nats: None, tasks: Tasks::default() };
    let mut stands = vec![local];
    stands.extend(nats_stand(limits).await);
    stands
}

/// Over NATS, where there is a server.
pub async fn nats_stand(limits: Limits) -> Option<Stand> {
    let url = setting("TIDEGATE_TEST_NATS_URL")?;
    Some(Stand::over_nats(&url, limits).await)
}

/// Of the environment. Without it a test says what it skips, except where nobody would read that.
pub fn setting(name: &str) -> Option<String> {
    let value = std::env::var(name).ok().filter(|value| !value.is_empty());
    if value.is_none() {
        let what = format!("the bus over NATS (set {name}, or cargo xtask services up)");
        assert!(std::env::var_os("CI").is_none(), "in CI nothing is skipped: {what}");
        eprintln!("skipped: {what}");
    }
    value
}
