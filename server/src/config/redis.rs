//! `[redis]` and `[presence]`: what may be lost.

use std::time::Duration;

use store::{LocalConfig, Others, PresenceConfig, RedisConfig};

use super::reader::Reader;
use super::{milliseconds, seconds, secrets};

/// What this process remembers by itself. `others`: whether there are processes besides it.
pub(super) fn local(reader: &Reader, others: Others) -> LocalConfig {
    let attempts_max = reader.whole("api.backoff_entries_max", 16..=1 << 24);
    LocalConfig { presence: presence(reader), attempts_max, others }
}

/// How presence is kept.
fn presence(reader: &Reader) -> PresenceConfig {
    let presence = PresenceConfig {
        writes_per_second: reader.whole("presence.writes_per_second", 10..=1_000_000),
        devices_max: reader.whole("presence.devices_max", 16..=100_000_000),
        beat: reader.duration("presence.beat", milliseconds(100)..=seconds(300)),
        silent_after: reader.duration("presence.silent_after", milliseconds(300)..=seconds(3_600)),
        retention: reader.duration("presence.retention", seconds(60)..=Duration::from_secs(3_650 * 86_400)),
    };
    if presence.silent_after < presence.beat * 2 {
        reader.conflict("presence.silent_after", "presence.beat", "must be at least twice");
    }
    if presence.retention <= presence.silent_after {
        reader.conflict("presence.retention", "presence.silent_after", "must be longer than");
    }
    presence
}

/// Where Redis is; `None` when there is none.
pub(super) fn read(reader: &Reader) -> Option<RedisConfig> {
    let (url, user) = (reader.text("redis.url"), reader.text("redis.user"));
    let (password, prefix) = (secrets::read(reader, "redis.password"), reader.word("redis.prefix"));
    let config = RedisConfig {
        user: (!user.is_empty()).then_some(user),
        password,
        prefix,
        timeout: reader.duration("redis.timeout", milliseconds(10)..=seconds(5)),
        requests_max: reader.whole("redis.requests_max", 8..=1 << 16),
        url,
    };
    if config.url.is_empty() {
        return None;
    }
    if let Err(error) = config.check() {
        // Its words hold nothing of the URL, in which a password may stand.
        reader.problem("redis.url", format!("{error}; write for example \"redis://10.0.0.1:6379\""));
    }
    Some(config)
}
