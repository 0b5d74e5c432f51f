//! `tidegate token`: an access token without asking the server, for trying things and for other services, whose scopes it names.

use std::time::Duration;

use auth::{Issuer, Scope, Scopes};
use proto::UserId;

use crate::config::Config;
use crate::keys;

/// A token signed with this server's key, which a process alone generates if there is none yet.
pub(crate) fn issue(
    config: &Config,
    user: &UserId,
    ttl: Duration,
    scopes: &[Scope],
) -> anyhow::Result<String> {
    let key = keys::for_signing(config)?;
    let issuer = Issuer::new(key, &config.auth.issuer, &config.auth.audience);
    let now = lifecycle::wall_clock_ms() / 1_000;
    Ok(issuer.issue(user, None, &Scopes::of(scopes), now, ttl.as_secs()))
}
