//! `tidegate token`: an access token without asking the server, for trying things and for other services.

use std::time::Duration;

use auth::{Issuer, Scopes};
use proto::UserId;

use crate::config::Config;
use crate::keys;

/// A token signed with this server's key, which is generated if there is none yet.
pub(crate) fn issue(
    config: &Config,
    user: &UserId,
    ttl: Duration,
    scopes: &[String],
) -> anyhow::Result<String> {
    keys::make_data_dir(&config.data_dir)?;
    let key = keys::read_or_generate(&config.auth.signing_key_file)?.key;
    let issuer = Issuer::new(key, &config.auth.issuer, &config.auth.audience);
    let now = lifecycle::wall_clock_ms() / 1_000;
    Ok(issuer.issue(user, None, &Scopes::new(&scopes.join(" ")), now, ttl.as_secs()))
}
