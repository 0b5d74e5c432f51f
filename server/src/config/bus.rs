//! `[bus]`: the queues, and the NATS servers behind them.

use ::bus::subject::Subjects;
use ::bus::{NatsAuth, NatsConfig, NatsTls, Secret};

use super::reader::Reader;
use super::{milliseconds, seconds, secrets};

/// How processes reach each other.
pub(crate) struct BusConfig {
    pub(crate) limits: ::bus::Limits,
    /// `None`: they are one process.
    pub(crate) nats: Option<NatsConfig>,
}

pub(super) fn read(reader: &Reader) -> BusConfig {
    let limits = ::bus::Limits {
        commands: reader.whole("bus.commands_max", 64..=1 << 24),
        deliveries: reader.whole("bus.deliveries_max", 64..=1 << 24),
    };
    let settings = nats(reader);
    BusConfig { limits, nats: (!settings.urls.is_empty()).then_some(settings) }
}

fn nats(reader: &Reader) -> NatsConfig {
    let urls = reader.texts("bus.nats.urls");
    for url in urls.iter().filter(|url| !is_nats_url(url)) {
        // What stands before an @ is a password, and not repeated.
        let shown = url.rsplit('@').next().unwrap_or_default();
        let text = format!(
            "{shown:?} is no NATS server; write for example \"nats://10.0.0.1:4222\", user and password in settings of their own"
        );
        reader.problem("bus.nats.urls", text);
    }
    let (certificate, key) = (reader.path("bus.nats.cert_file"), reader.path("bus.nats.key_file"));
    if certificate.is_some() != key.is_some() {
        reader.problem("bus.nats.cert_file", "goes with bus.nats.key_file: give both or neither");
    }
    let prefix = reader.text("bus.nats.prefix");
    if let Err(error) = Subjects::new(&prefix) {
        reader.problem("bus.nats.prefix", error);
    }
    NatsConfig {
        urls,
        prefix,
        auth: auth(reader),
        tls: NatsTls {
            required: reader.flag("bus.nats.tls"),
            roots_file: reader.path("bus.nats.ca_file"),
            client_certificate: certificate.zip(key),
        },
        connect_timeout: reader.duration("bus.nats.connect_timeout", milliseconds(100)..=seconds(60)),
        ping_interval: reader.duration("bus.nats.ping_interval", milliseconds(100)..=seconds(300)),
        reconnect_pause_max: reader.duration("bus.nats.reconnect_pause_max", milliseconds(10)..=seconds(60)),
        subscribes_per_second: reader.whole("bus.nats.subscribes_per_second", 100..=10_000_000),
    }
}

fn is_nats_url(url: &str) -> bool {
    let rest =
        url.split_once("://").and_then(|(scheme, rest)| ["nats", "tls"].contains(&scheme).then_some(rest));
    rest.is_some_and(|rest| !rest.is_empty() && !rest.contains(['/', '?', '#', ' ', '@']))
}

fn auth(reader: &Reader) -> NatsAuth {
    let (user, password) = (reader.text("bus.nats.user"), secrets::read(reader, "bus.nats.password"));
    if user.is_empty() != password.is_none() {
        reader.problem("bus.nats.user", "goes with bus.nats.password or bus.nats.password_file");
    }
    let ways = [
        password.map(|password| NatsAuth::UserPassword(user, Secret::new(password))),
        secrets::read(reader, "bus.nats.token").map(|token| NatsAuth::Token(Secret::new(token))),
        secrets::from_file(reader, "bus.nats.nkey_seed_file").map(|seed| NatsAuth::NKey(Secret::new(seed))),
        secrets::from_file(reader, "bus.nats.credentials_file")
            .map(|content| NatsAuth::Credentials(Secret::new(content))),
    ];
    let mut ways = ways.into_iter().flatten();
    let way = ways.next().unwrap_or(NatsAuth::None);
    if ways.next().is_some() {
        let text = "there is one way to log in: a user with a password, a token, nkey_seed_file, or credentials_file";
        reader.problem("bus.nats.user", text);
    }
    way
}
