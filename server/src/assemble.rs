//! Makes every part and binds every port, in the order in which they need each other; the public port comes last, so that
//! whoever is let in finds everything behind it.
//!
//! **Guarantees.** Whatever can be refused is refused here, with words that say what to do.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use auth::{Issuer, SharedVerifier};
use bus::Bus;
use gateway::{Authenticator, Gateway, HttpFallback, Running};
use lifecycle::{LogFormat, MetricsPage, Phase, Phases};
use router::Router;
use store::{Embedded, Store};
use tokio::runtime::Handle;

use crate::addresses::Addresses;
use crate::admin::Admin;
use crate::config::Config;
use crate::greeting::Greeting;
use crate::issuers::Issuers;
use crate::stop::{Server, Stages, enter};
use crate::{keys, open_files, public};

/// Makes the server and lets the world in.
pub(crate) async fn assemble(
    config: &Config,
    phases: &Phases,
    metrics: &MetricsPage,
) -> anyhow::Result<Server> {
    let stages = Stages::default();
    metrics.keep_up(&stages.base);
    let data_made = keys::make_data_dir(&config.data_dir)?;
    let admin = serve_admin(config, phases, metrics, &stages).await?;

    let store = open_store(config, &stages).await?;
    let key = keys::read_or_generate(&config.auth.signing_key_file)?;
    let issuer = Issuer::new(key.key, &config.auth.issuer, &config.auth.audience);
    let bus = Bus::local(config.bus);
    Router::start(config.router.clone(), bus.clone(), store.clone(), stages.core.clone())
        .await
        .context("the router cannot start")?;

    let verifier = trusted(config, &issuer, &stages).await;
    let api = api::Api::new(config.api.clone(), store, bus.clone(), verifier.clone(), issuer, &stages.front);
    let tickets = api.tickets();
    let authenticator = Authenticator { verifier, tickets: Arc::new(move |ticket| tickets.redeem(ticket)) };
    let fallback = public::fallback(api.router(), Handle::current(), stages.front.clone());
    let public = open_public_port(config, &bus, &authenticator, &fallback, &stages)?;

    let addresses = Addresses::write(&config.data_dir, public, admin)
        .with_context(|| format!("{} cannot be written", config.data_dir.display()))?;
    enter(phases, Phase::Ready);
    tracing::info!(%public, %admin, data = %config.data_dir.display(), "ready");
    let greeting = Greeting {
        data_dir: &config.data_dir,
        data_made,
        key_file: &config.auth.signing_key_file,
        key_generated: key.generated,
        public,
        admin,
    };
    // Whoever asked for JSON lines reads both outputs with a program.
    let greeting = (config.log.format != LogFormat::Json).then(|| greeting.text());
    Ok(Server { stages, addresses, greeting })
}

async fn serve_admin(
    config: &Config,
    phases: &Phases,
    metrics: &MetricsPage,
    stages: &Stages,
) -> anyhow::Result<SocketAddr> {
    let listener = tokio::net::TcpListener::bind(config.admin_listen)
        .await
        .with_context(|| cannot_listen("admin", config.admin_listen))?;
    let address = listener.local_addr()?;
    Admin { phases: phases.clone(), metrics: metrics.clone() }.serve(listener, &stages.base);
    Ok(address)
}

/// Opening reads the journal again after a crash, which may take a while.
async fn open_store(config: &Config, stages: &Stages) -> anyhow::Result<Store> {
    let (settings, tasks) = (config.store.clone(), stages.base.clone());
    let embedded = tokio::task::spawn_blocking(move || Embedded::open(&settings, &tasks))
        .await
        .context("opening the store was interrupted")?
        .with_context(|| cannot_open(&config.data_dir))?;
    let (closing, base) = (Arc::clone(&embedded), stages.base.clone());
    stages.base.spawn("store", async move {
        base.draining().await;
        closing.close().await;
    });
    Ok(Store::Embedded(embedded))
}

async fn trusted(config: &Config, own: &Issuer, stages: &Stages) -> SharedVerifier {
    let auth = &config.auth;
    let mut issuers = Issuers::new(own.clone(), auth.leeway, auth.jwks_refresh, &auth.issuers);
    issuers.fetch().await;
    let verifier = SharedVerifier::new(issuers.verifier());
    issuers.keep_fresh(verifier.clone(), &stages.front);
    verifier
}

fn open_public_port(
    config: &Config,
    bus: &Bus,
    authenticator: &Authenticator,
    fallback: &HttpFallback,
    stages: &Stages,
) -> anyhow::Result<SocketAddr> {
    let listen = config.gateway.listen;
    if listen.port() != 0 {
        // The shards share their port (SO_REUSEPORT), and would share it with another server of the same user as well.
        TcpListener::bind(listen).with_context(|| cannot_listen("public", listen))?;
    }
    let mut gateway = config.gateway.clone();
    gateway.admission.connections_max = open_files::connections_that_fit(gateway.admission.connections_max);
    let running = Gateway::start(gateway, bus, authenticator, fallback, &stages.front)
        .with_context(|| cannot_listen("public", listen))?;
    let address = running.address();
    stages.front.spawn("gateway report", report(running));
    Ok(address)
}

/// Ends with the last shard, whose numbers are then in the log.
async fn report(running: Running) {
    running.drained().await;
}

fn cannot_listen(section: &str, address: SocketAddr) -> String {
    format!(
        "the {section} port {address} cannot be opened; stop what uses it, or choose another with {section}.listen \
         (TIDEGATE_{}__LISTEN)",
        section.to_uppercase()
    )
}

fn cannot_open(data_dir: &Path) -> String {
    format!(
        "the data directory {} cannot be used; if another tidegate runs there, stop it or choose another directory \
         with data.dir (TIDEGATE_DATA__DIR)",
        data_dir.display()
    )
}
