//! What clients talk to: the gateway with the API behind it, either of them alone, or neither.
//!
//! ```text
//! gateway, api   one port: /ws on the shards, everything else handed to the API
//! gateway        the same port: everything but /ws is answered with a problem that says where the API is
//! api            a listener of its own on the same port: /ws is answered with a problem that says where the gateways are
//! router         no public port
//! ```

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use anyhow::Context;
use api::{Api, Foundation, Tickets};
use auth::{Issuer, SharedVerifier};
use bus::Bus;
use gateway::{
    Authenticator, Gateway, Handover, HttpFallback, PresenceSink, Running, TicketRedeemer, TicketRefusal,
};
use store::{Away, Ephemeral, Store};
use tokio::runtime::Handle;

use crate::config::Config;
use crate::http_port::HttpPort;
use crate::issuers::Issuers;
use crate::login_hook::LoginHook;
use crate::stop::Stages;
use crate::upgrade::Inheritance;
use crate::{open_files, presence, public, tls};

/// What it stands on.
pub(crate) struct Front {
    pub(crate) bus: Bus,
    /// There is one for the role api.
    pub(crate) store: Option<Store>,
    pub(crate) ephemeral: Ephemeral,
    /// There is one for the role api; a gateway may do without.
    pub(crate) issuer: Option<Issuer>,
}

/// Where clients come to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PublicPorts {
    pub(crate) address: SocketAddr,
    /// Where TLS is spoken, if it is; the same as `address` when nothing else is.
    pub(crate) tls: Option<SocketAddr>,
}

/// The public port, open.
#[derive(Default)]
pub(crate) struct Opened {
    pub(crate) ports: Option<PublicPorts>,
    /// The public port's listener once more, where no gateway has it.
    pub(crate) http: Option<TcpListener>,
    pub(crate) gateway: Option<Handover>,
}

/// Opens the public port, if the roles have a use for it. What was inherited is this process's alone afterwards.
pub(crate) async fn open(
    config: &Config,
    front: Front,
    inheritance: &mut Inheritance,
    stages: &Stages,
) -> anyhow::Result<Opened> {
    if !config.roles.has_front() {
        inheritance.take_over().await?;
        return Ok(Opened::default());
    }
    let Front { bus, store, ephemeral, issuer } = front;
    let verifier = trusted(config, issuer.clone(), stages).await;
    let tickets = Tickets::new(ephemeral.clone(), config.api.tickets_max, config.api.ticket_ttl);
    let api = match (store, issuer) {
        (Some(store), Some(issuer)) if config.roles.api => {
            let (bus, verifier) = (bus.clone(), verifier.clone());
            let (ephemeral, tickets) = (ephemeral.clone(), tickets.clone());
            let elsewhere = config.auth.login.as_ref().map(LoginHook::elsewhere);
            let foundation = Foundation { store, bus, verifier, issuer, ephemeral, tickets, elsewhere };
            // Its inbox ends with what answers it: whoever is served by the front while it drains hears the answer.
            Some(Api::new(config.api.clone(), foundation, &stages.core))
        }
        _ => None,
    };
    let fallback = match &api {
        Some(api) => public::with_page(api.router(), Handle::current(), stages.front.clone()),
        None => public::without_page(api::elsewhere(API_ELSEWHERE), Handle::current(), stages.front.clone()),
    };
    if !config.roles.gateway {
        let elsewhere = api::elsewhere(SOCKETS_ELSEWHERE);
        let sockets = public::without_page(elsewhere, Handle::current(), stages.front.clone());
        let port = HttpPort {
            api: fallback,
            sockets,
            connections_max: config.api_connections_max,
            proxies: config.gateway.proxies.clone(),
            head_timeout: config.gateway.timeouts.handshake,
            tls: tls::open(config, &stages.front)?,
        };
        let (ports, again) = port.listen(config.gateway.listen, inheritance, &stages.front).await?;
        return Ok(Opened { ports: Some(ports), http: Some(again), gateway: None });
    }
    let door = Door { authenticator: Authenticator { verifier, tickets: redeemer(tickets) }, fallback };
    let sink = presence::sink(ephemeral.clone());
    let teller = presence::TellerLimits {
        grace: config.presence_grace,
        users_per_second: config.local.presence.writes_per_second,
        users_max: config.local.presence.devices_max,
    };
    presence::tell(bus.clone(), ephemeral, teller, &stages.front);
    open_gateway(config, &bus, &door, &sink, inheritance, stages).await
}

/// A listener as the runtime wants it.
pub(crate) fn listen_at(address: SocketAddr) -> std::io::Result<TcpListener> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// What a gateway needs to know to let somebody in, or to answer otherwise.
struct Door {
    authenticator: Authenticator,
    fallback: HttpFallback,
}

/// The gateway knows no store: tickets reach it as a closure.
fn redeemer(tickets: Tickets) -> TicketRedeemer {
    Arc::new(move |ticket| {
        let (tickets, ticket) = (tickets.clone(), ticket.to_owned());
        Box::pin(async move {
            match tickets.redeem(&ticket).await {
                Ok(Some(identity)) => Ok(identity),
                Ok(None) => Err(TicketRefusal::Unknown),
                Err(Away) => Err(TicketRefusal::Away),
            }
        })
    })
}

const API_ELSEWHERE: &str = "this process is a gateway and has only the socket at /ws; the HTTP API and the page are served by \
                             the processes with the role api";
const SOCKETS_ELSEWHERE: &str =
    "this process serves the HTTP API and has no sockets; open them at the processes with the role gateway";

async fn trusted(config: &Config, own: Option<Issuer>, stages: &Stages) -> SharedVerifier {
    let auth = &config.auth;
    let mut issuers = Issuers::new(own, auth.leeway, auth.jwks_refresh, &auth.issuers);
    issuers.fetch().await;
    let verifier = SharedVerifier::new(issuers.verifier());
    issuers.keep_fresh(verifier.clone(), &stages.front);
    verifier
}

async fn open_gateway(
    config: &Config,
    bus: &Bus,
    door: &Door,
    presence: &PresenceSink,
    inheritance: &mut Inheritance,
    stages: &Stages,
) -> anyhow::Result<Opened> {
    let listen = config.gateway.listen;
    let inherited = inheritance.take_gateway(listen)?;
    let mut gateway = config.gateway.clone();
    gateway.tls = tls::open(config, &stages.front)?;
    let beside = gateway.tls.as_ref().and_then(|port| port.listen).map(|address| ("tls", address));
    let public = inherited.is_none().then_some(("public", listen));
    for (section, address) in public.into_iter().chain(beside) {
        if address.port() != 0 {
            // The shards share their port (SO_REUSEPORT), and would share it with another server of the same user as well.
            TcpListener::bind(address).with_context(|| cannot_listen(section, address))?;
        }
    }
    gateway.admission.connections_max = open_files::connections_that_fit(gateway.admission.connections_max);
    inheritance.take_over().await?;
    let Door { authenticator, fallback } = door;
    let mut running = match inherited {
        None => Gateway::start(gateway, bus, authenticator, presence, fallback, &stages.front),
        Some(inherited) => {
            Gateway::inherit(inherited, gateway, bus, authenticator, presence, fallback, &stages.front)
        }
    }
    .with_context(|| cannot_listen("public", listen))?;
    running.begun().await;
    let ports = PublicPorts { address: running.address(), tls: running.tls_address() };
    let gateway = Some(running.handover());
    stages.front.spawn("gateway report", report(running));
    Ok(Opened { ports: Some(ports), http: None, gateway })
}

/// Ends with the last shard, whose numbers are then in the log.
async fn report(running: Running) {
    running.drained().await;
}

/// Why a port is not ours, and what to do.
pub(crate) fn cannot_listen(section: &str, address: SocketAddr) -> String {
    format!(
        "the {section} port {address} cannot be opened; stop what uses it, or choose another with {section}.listen \
         (TIDEGATE_{}__LISTEN)",
        section.to_uppercase()
    )
}
