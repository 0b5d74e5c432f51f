//! Settings and roles, each fine by itself, that do not go together; and what is worth knowing of those that do.

use super::Config;
use super::reader::Reader;
use super::store::StoreConfig;

/// Notes what cannot work.
pub(super) fn check(reader: &Reader, config: &Config) {
    let roles = config.roles;
    if config.gateway.drain.timeout >= config.drain_timeout {
        reader.conflict("drain.timeout", "gateway.drain_timeout", "must be longer than");
    }
    if config.auth.login.as_ref().is_some_and(|login| login.timeout >= config.api.request_timeout) {
        reader.conflict("auth.login_timeout", "api.request_timeout", "must be shorter than");
    }
    if !roles.is_all() && config.bus.nats.is_none() {
        let text = format!(
            "must name a NATS server: with --role {roles} the other roles are other processes, and NATS joins them"
        );
        reader.problem("bus.nats.urls", text);
    }
    if roles.api && !roles.router && matches!(config.store, StoreConfig::Embedded(_)) {
        let text = format!(
            "must be \"cql\": the embedded store belongs to one process, and with --role {roles} the router that writes to it \
             is another one"
        );
        reader.problem("store.kind", text);
    }
}

impl Config {
    /// What works, and has a limit that may surprise.
    pub(crate) fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        let joined = self.bus.nats.is_some();
        if joined && self.roles.router && matches!(self.store, StoreConfig::Embedded(_)) {
            remarks.push(
                "store.kind is \"embedded\": this must be the only process with the role router, and with the role api".to_owned(),
            );
        }
        if joined && self.redis.is_none() {
            remarks.push(
                "redis.url is empty: who is online at other processes is unknown, no tickets are given out, and failed \
                 logins count per process"
                    .to_owned(),
            );
        }
        remarks
    }
}
