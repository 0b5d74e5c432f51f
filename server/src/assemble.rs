//! Makes every part that the roles of this process need, and binds every port, in the order in which the parts need each
//! other; the public port comes last, so that whoever is let in finds everything behind it.
//!
//! ```text
//! admin port ─► signing key ─► bus ─► store ─► router (role router) ─► API (role api) ─► public port (gateway, or api alone)
//! ```
//!
//! **Guarantees.** Whatever can be refused is refused here, with words that say what to do. A process opens nothing that its
//! roles have no use for: a gateway has no store, a router no public port.

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use anyhow::Context;
use auth::Issuer;
use lifecycle::{LogFormat, MetricsPage, Phase, Phases};
use router::{Router, Sight};

use crate::addresses::Addresses;
use crate::admin::Admin;
use crate::config::Config;
use crate::front::{Front, PublicPorts};
use crate::greeting::Greeting;
use crate::health::Health;
use crate::stop::{Server, Stages, enter};
use crate::upgrade::{Estate, Inheritance, Program, Progress, still_at};
use crate::{allocator, connect, front, hangups, keys, service_manager};

/// Makes the server and lets the world in.
pub(crate) async fn assemble(
    config: &Config,
    phases: &Phases,
    metrics: &MetricsPage,
    program: Program,
    mut inheritance: Inheritance,
) -> anyhow::Result<Server> {
    let stages = Stages::default();
    metrics.keep_up(&stages.base);
    if config.tls.is_none() || !config.roles.has_front() {
        hangups::ignore(&stages.base)?;
    }
    let data_made = keys::make_data_dir(&config.data_dir)?;
    let health = Health::default();
    let admin = Admin { phases: phases.clone(), metrics: metrics.clone(), health: health.clone() };
    let (admin, admin_again) = serve_admin(config, admin, inheritance.admin.take(), &stages)?;
    let key = keys::of_process(config)?;

    let bus = connect::bus(config, &stages).await?;
    health.watch_bus(bus.clone());
    let store = match config.roles.needs_store() {
        true => Some(connect::store(config, &stages).await?),
        false => None,
    };
    if let Some(store) = &store {
        health.watch_store(store.clone());
    }
    let ephemeral = connect::ephemeral(config, &stages)?;
    if let Some(store) = store.as_ref().filter(|_| config.roles.router) {
        let mut router = config.router.clone();
        if !bus.is_shared() {
            // Nobody else can be there to listen for.
            router.listen = Duration::ZERO;
        }
        let sight = Sight { ephemeral: Some(ephemeral.clone()), grace: config.presence_grace };
        Router::start(router, bus.clone(), store.clone(), sight, stages.core.clone())
            .await
            .context("the router cannot start")?;
    }
    let issuer =
        key.as_ref().map(|key| Issuer::new(key.key.clone(), &config.auth.issuer, &config.auth.audience));
    let opened =
        front::open(config, Front { bus, store, ephemeral, issuer }, &mut inheritance, &stages).await?;
    let public = opened.ports;

    let addresses = Addresses::write(&config.data_dir, public, admin, &program.path)
        .with_context(|| format!("{} cannot be written", config.data_dir.display()))?;
    enter(phases, Phase::Ready);
    allocator::keep_for_a_while(&stages.base);
    service_manager::tell("READY=1");
    tell(config, public, admin);
    let key_generated = key.as_ref().map(|key| key.generated);
    let greeting = Greeting { config, data_made, key_generated, public, admin };
    // Whoever asked for JSON lines reads both outputs with a program.
    let greeting = (config.log.format != LogFormat::Json).then(|| greeting.text());
    let estate = Estate { admin: admin_again, http: opened.http, gateway: opened.gateway };
    let progress = Progress::of(&config.data_dir);
    let asked_to_stop = inheritance.asked_to_stop;
    Ok(Server { stages, addresses, greeting, estate, program, progress, asked_to_stop })
}

/// Gives the address, and the same listener once more.
fn serve_admin(
    config: &Config,
    admin: Admin,
    inherited: Option<TcpListener>,
    stages: &Stages,
) -> anyhow::Result<(SocketAddr, TcpListener)> {
    let listener = match still_at(inherited, config.admin_listen) {
        Some(listener) => listener,
        None => front::listen_at(config.admin_listen)
            .with_context(|| front::cannot_listen("admin", config.admin_listen))?,
    };
    let (address, again) = (listener.local_addr()?, listener.try_clone()?);
    admin.serve(tokio::net::TcpListener::from_std(listener)?, &stages.base);
    Ok((address, again))
}

/// The same as the greeting, for whoever reads the log.
fn tell(config: &Config, public: Option<PublicPorts>, admin: SocketAddr) {
    let tls = public.and_then(|ports| ports.tls).map(tracing::field::display);
    let public = public.map_or_else(|| "none".to_owned(), |ports| ports.address.to_string());
    for remark in config.remarks() {
        tracing::info!(remark, "worth knowing");
    }
    tracing::info!(
        roles = %config.roles,
        public,
        tls,
        %admin,
        bus = connect::bus_words(config),
        store = connect::store_words(config),
        ephemeral = connect::ephemeral_words(config),
        data = %config.data_dir.display(),
        "ready"
    );
}
