//! The configuration: its file shape, its layers, and the typed configuration of every part made of it.
//!
//! **Guarantees.** Loading has no side effects. All problems are reported at once, each with the path of its setting and where
//! it was written. Every default is in `config.default.toml` and nowhere else.

mod api;
pub(crate) mod bus;
mod gateway;
mod issuers;
pub(crate) mod layers;
mod near;
mod print;
pub(crate) mod reader;
mod redis;
mod router;
mod secrets;
pub(crate) mod store;
#[cfg(test)]
mod tests;
pub(crate) mod tls;
mod together;
pub(crate) mod units;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ::api::ApiConfig;
use ::gateway::GatewayConfig;
use ::router::RouterConfig;
use ::store::{CqlConfig, LocalConfig, Others, RedisConfig};
use lifecycle::{LogConfig, LogFormat};

use crate::issuers::TrustedIssuer;
use crate::login_hook::LoginHook;
use crate::roles::Roles;
use bus::BusConfig;
use layers::{Layers, Problem};
use reader::Reader;
use store::StoreConfig;
use tls::TlsSettings;

pub(crate) use print::print;

/// The defaults, with a comment on every setting.
pub(crate) const DEFAULTS: &str = include_str!("../config.default.toml");

/// Everything the program is told before it starts.
pub(crate) struct Config {
    pub(crate) roles: Roles,
    pub(crate) data_dir: PathBuf,
    pub(crate) admin_listen: SocketAddr,
    pub(crate) log: LogConfig,
    pub(crate) worker_threads: usize,
    pub(crate) drain_timeout: Duration,
    pub(crate) auth: AuthConfig,
    pub(crate) bus: BusConfig,
    pub(crate) gateway: GatewayConfig,
    pub(crate) tls: Option<TlsSettings>,
    pub(crate) router: RouterConfig,
    pub(crate) store: StoreConfig,
    /// For `tidegate copy`; the store's own settings are in `store`.
    pub(crate) cluster: CqlConfig,
    pub(crate) local: LocalConfig,
    pub(crate) redis: Option<RedisConfig>,
    /// Who leaves is told to have left after this.
    pub(crate) presence_grace: Duration,
    pub(crate) api: ApiConfig,
    /// Connections of the public port where no gateway holds it.
    pub(crate) api_connections_max: usize,
}

/// Whose tokens are trusted, and what ours say.
pub(crate) struct AuthConfig {
    pub(crate) issuer: String,
    pub(crate) audience: String,
    pub(crate) signing_key_file: PathBuf,
    pub(crate) leeway: Duration,
    pub(crate) jwks_refresh: Duration,
    pub(crate) issuers: Vec<TrustedIssuer>,
    pub(crate) login: Option<LoginHook>,
}

/// The variables of the process that are text; no setting is anything else.
pub(crate) fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

/// Lays the files and the environment over the defaults.
pub(crate) fn layers(files: &[PathBuf], environment: impl Iterator<Item = (String, String)>) -> Layers {
    Layers::defaults().with_files(files).with_environment(environment)
}

impl Config {
    /// The configuration, or everything that is wrong with it.
    pub(crate) fn load(layers: Layers, roles: Roles) -> Result<Self, Vec<Problem>> {
        let reader = Reader::new(layers);
        let config = Self::read(&reader, roles);
        let problems = reader.into_problems();
        if problems.is_empty() { Ok(config) } else { Err(problems) }
    }

    fn read(reader: &Reader, roles: Roles) -> Self {
        let data_dir = PathBuf::from(reader.filled("data.dir"));
        let bus = bus::read(reader);
        let others = if bus.nats.is_some() { Others::Maybe } else { Others::None };
        let (store, cluster) = store::read(reader, &data_dir);
        let presence_grace = reader.duration("presence.grace", milliseconds(0)..=seconds(3_600));
        let config = Self {
            roles,
            bus,
            gateway: gateway::read(reader),
            tls: tls::read(reader, roles),
            router: router::read(reader),
            store,
            cluster,
            local: redis::local(reader, others),
            redis: redis::read(reader),
            presence_grace,
            api: api::read(reader, presence_grace),
            api_connections_max: reader.whole("api.connections_max", 1..=1_000_000),
            admin_listen: reader.address("admin.listen"),
            log: log(reader),
            worker_threads: reader.whole("runtime.worker_threads", 1..=1_024),
            drain_timeout: reader.duration("drain.timeout", seconds(1)..=seconds(3_600)),
            auth: auth(reader, &data_dir),
            data_dir,
        };
        together::check(reader, &config);
        config
    }
}

fn log(reader: &Reader) -> LogConfig {
    let formats = [("auto", LogFormat::Auto), ("text", LogFormat::Text), ("json", LogFormat::Json)];
    let log =
        LogConfig { filter: reader.filled("log.filter"), format: reader.choice("log.format", &formats) };
    if let Err(error) = log.check() {
        reader.problem("log.filter", error);
    }
    log
}

fn auth(reader: &Reader, data_dir: &std::path::Path) -> AuthConfig {
    let key_file = reader.text("auth.signing_key_file");
    AuthConfig {
        issuer: reader.filled("auth.issuer"),
        audience: reader.filled("auth.audience"),
        signing_key_file: if key_file.is_empty() { data_dir.join("signing.key") } else { key_file.into() },
        leeway: reader.duration("auth.leeway", seconds(0)..=seconds(300)),
        jwks_refresh: reader.duration("auth.jwks_refresh", seconds(30)..=seconds(86_400)),
        issuers: issuers::read(reader),
        login: issuers::login(reader),
    }
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const fn milliseconds(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}
