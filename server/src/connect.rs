//! The handles that the parts of a process share: the bus, the store. In this process, or at the other end of a network; who
//! uses them cannot tell.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use bus::Bus;
use store::{Cql, Embedded, EmbeddedConfig, Ephemeral, Store};

use crate::config::Config;
use crate::config::store::StoreConfig;
use crate::stop::Stages;

/// The bus. It serves all other parts, so it ends with the last stage.
pub(crate) async fn bus(config: &Config, stages: &Stages) -> anyhow::Result<Bus> {
    match &config.bus.nats {
        None => Ok(Bus::local(config.bus.limits)),
        Some(nats) => Bus::nats(nats.clone(), config.bus.limits, &stages.base).await.with_context(|| {
            format!(
                "NATS cannot be used at {}; is it running, and are the settings of bus.nats right?",
                bus_words(config)
            )
        }),
    }
}

/// The store of a process that needs one.
pub(crate) async fn store(config: &Config, stages: &Stages) -> anyhow::Result<Store> {
    let store = match &config.store {
        StoreConfig::Embedded(settings) => open(settings, &config.data_dir, stages).await?,
        StoreConfig::Cql(settings) => {
            let cql = Box::pin(Cql::connect(settings, &stages.base)).await;
            let cql = cql.with_context(|| format!("the store cannot be used at {}", store_words(config)))?;
            Store::Cql(cql)
        }
    };
    let (closing, base) = (store.clone(), stages.base.clone());
    stages.base.spawn("store", async move {
        base.draining().await;
        closing.close().await;
    });
    Ok(store)
}

/// What may be lost. A Redis that is away is no reason not to start.
pub(crate) fn ephemeral(config: &Config, stages: &Stages) -> anyhow::Result<Ephemeral> {
    match &config.redis {
        None => Ok(Ephemeral::local(config.local.clone())),
        Some(redis) => {
            Ephemeral::redis(redis.clone(), config.local.clone(), &stages.base).context("redis.url")
        }
    }
}

/// Opening reads the journal again after a crash, which may take a while.
async fn open(settings: &EmbeddedConfig, data_dir: &Path, stages: &Stages) -> anyhow::Result<Store> {
    let (settings, tasks) = (settings.clone(), stages.base.clone());
    let embedded: Arc<Embedded> = tokio::task::spawn_blocking(move || Embedded::open(&settings, &tasks))
        .await
        .context("opening the store was interrupted")?
        .with_context(|| cannot_open(data_dir))?;
    Ok(Store::Embedded(embedded))
}

/// Over what the processes reach each other.
pub(crate) fn bus_words(config: &Config) -> String {
    match &config.bus.nats {
        None => "in this process".to_owned(),
        Some(nats) => nats.urls.iter().map(|url| without_credentials(url)).collect::<Vec<_>>().join(", "),
    }
}

/// Where what is written is kept.
pub(crate) fn store_words(config: &Config) -> String {
    match &config.store {
        _ if !config.roles.needs_store() => "none".to_owned(),
        StoreConfig::Embedded(_) => "embedded".to_owned(),
        StoreConfig::Cql(cql) => format!("CQL {}, keyspace {}", cql.nodes.join(", "), cql.keyspace),
    }
}

/// Where what may be lost is kept.
pub(crate) fn ephemeral_words(config: &Config) -> String {
    match &config.redis {
        None => "in this process".to_owned(),
        Some(redis) => without_credentials(&redis.url),
    }
}

fn cannot_open(data_dir: &Path) -> String {
    format!(
        "the data directory {} cannot be used; if another tidegate runs there, stop it or choose another directory \
         with data.dir (TIDEGATE_DATA__DIR)",
        data_dir.display()
    )
}

/// Host and port of a URL, without the name and password before them.
fn without_credentials(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    authority.rsplit_once('@').map_or(authority, |(_, host)| host).to_owned()
}
