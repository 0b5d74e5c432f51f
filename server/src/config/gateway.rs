//! `[gateway]`, and where the public port is.

use gateway::proxy::{Prefix, ToldBy, TrustedProxies};
use gateway::{
    AdmissionLimits, Compression, DrainPlan, GatewayConfig, LoginPolicy, MailboxLimits, Origins, RateLimit,
    SessionLimits, Timeouts, UserRateLimits,
};

use super::reader::Reader;
use super::{milliseconds, seconds};

/// A mailbox with its answers moves to another process in one frame, see [`crate::upgrade::MAILBOX_CARRIED_MAX`].
const MAILBOX_BYTES_MAX: u32 = crate::upgrade::MAILBOX_CARRIED_MAX / gateway::REPLY_SHARE;

pub(super) fn read(reader: &Reader) -> GatewayConfig {
    let shards = match reader.whole("gateway.shards", 0..=64) {
        0 => std::thread::available_parallelism().map_or(1, |cores| cores.get().min(64)),
        shards => shards,
    };
    let policies = [
        ("many", LoginPolicy::Many),
        ("one_per_kind", LoginPolicy::OnePerKind),
        ("exclusive", LoginPolicy::Exclusive),
    ];
    let config = GatewayConfig {
        listen: reader.address("public.listen"),
        // Opened with the port: it is more than settings.
        tls: None,
        shards,
        batch_window: reader.duration("gateway.batch_window", milliseconds(0)..=milliseconds(20)),
        origins: origins(reader),
        login_policy: reader.choice("gateway.login_policy", &policies),
        proxies: proxies(reader),
        compression: compression(reader),
        admission: AdmissionLimits {
            connections_max: reader.whole("gateway.connections_max", 1..=16_000_000),
            handshakes_max: reader.whole("gateway.handshakes_max", 1..=1_000_000),
            per_address_max: reader.whole("gateway.per_address_max", 1..=u32::MAX),
            per_address_connects: rate(reader, "per_address_connects"),
            per_user_max: reader.whole("gateway.per_user_max", 1..=u32::MAX),
            user_rates: UserRateLimits {
                commands: rate(reader, "user_commands"),
                writes: rate(reader, "user_writes"),
                reads: rate(reader, "user_reads"),
                signals: rate(reader, "user_signals"),
            },
        },
        session: session(reader),
        mailbox: MailboxLimits {
            bytes_max: reader.bytes("gateway.mailbox_bytes_max", 4 * 1024..=MAILBOX_BYTES_MAX),
            frames_max: reader.whole("gateway.mailbox_frames_max", 16..=1 << 20),
            all_bytes_max: reader.bytes("gateway.mailboxes_bytes_max", 1024 * 1024..=1 << 40),
            unsent_bytes_max: reader.bytes("gateway.unsent_bytes_max", 4 * 1024..=64 * 1024 * 1024),
            dirty_conversations_max: reader.whole("gateway.dirty_conversations_max", 1..=1 << 16),
            lagging_timeout: reader.duration("gateway.lagging_timeout", seconds(1)..=seconds(3_600)),
        },
        broadcast_per_second: reader.whole("gateway.broadcast_per_second", 1..=1_000_000),
        timeouts: timeouts(reader),
        drain: DrainPlan {
            reconnects_per_second: reader.whole("gateway.drain_reconnects_per_second", 1..=10_000_000),
            sessions_per_slice: reader.whole("gateway.drain_sessions_per_slice", 1..=1 << 20),
            notice: reader.duration("gateway.drain_notice", seconds(0)..=seconds(600)),
            timeout: reader.duration("gateway.drain_timeout", seconds(1)..=seconds(3_600)),
        },
    };
    if config.drain.notice >= config.drain.timeout {
        reader.conflict("gateway.drain_notice", "gateway.drain_timeout", "must be shorter than");
    }
    config
}

fn compression(reader: &Reader) -> Option<Compression> {
    let compression = Compression {
        window_bits: reader.whole("gateway.compression_window_bits", 9..=15),
        bytes_min: reader.bytes("gateway.compression_bytes_min", 1..=1024 * 1024),
        ratio_max: reader.whole("gateway.compression_ratio_max", 2..=1_100),
    };
    reader.flag("gateway.compression").then_some(compression)
}

/// The two settings of a rate.
fn rate(reader: &Reader, what: &str) -> RateLimit {
    RateLimit {
        per_second: reader.whole(&format!("gateway.{what}_per_second"), 1..=1_000_000),
        burst: reader.whole(&format!("gateway.{what}_burst"), 1..=1_000_000),
    }
}

fn proxies(reader: &Reader) -> TrustedProxies {
    let mut prefixes = Vec::new();
    for text in reader.texts("public.trusted_proxies") {
        match text.parse::<Prefix>() {
            Ok(prefix) => prefixes.push(prefix),
            Err(error) => reader.problem("public.trusted_proxies", error),
        }
    }
    let ways = [
        ("x-forwarded-for", ToldBy::XForwardedFor),
        ("forwarded", ToldBy::Forwarded),
        ("proxy-protocol", ToldBy::ProxyProtocol),
    ];
    TrustedProxies { prefixes, told_by: reader.choice("public.proxies_tell_by", &ways) }
}

fn session(reader: &Reader) -> SessionLimits {
    let frame_bytes = u32::try_from(proto::limits::FRAME_BYTES_MAX).unwrap_or(u32::MAX);
    let busy_retry = reader.duration("gateway.busy_retry", milliseconds(10)..=seconds(60));
    SessionLimits {
        message_bytes_max: reader.bytes("gateway.message_bytes_max", 1_024..=frame_bytes),
        fragments_max: reader.whole("gateway.fragments_max", 1..=1 << 16),
        commands_per_second: reader.whole("gateway.commands_per_second", 1..=1_000_000),
        commands_burst: reader.whole("gateway.commands_burst", 1..=1_000_000),
        rate_strikes_max: reader.whole("gateway.rate_strikes_max", 1..=u16::MAX),
        unanswered_max: reader.whole("gateway.unanswered_max", 1..=u16::MAX),
        bad_frames_max: reader.whole("gateway.bad_frames_max", 1..=u8::MAX),
        waiting_syncs_max: reader.whole("gateway.waiting_syncs_max", 1..=64),
        presence_watched_max: reader.whole("gateway.presence_watched_max", 0..=10_000),
        rooms_max: reader.whole("gateway.rooms_max", 1..=1_000),
        busy_retry_ms: u32::try_from(busy_retry.as_millis()).unwrap_or(u32::MAX),
    }
}

fn timeouts(reader: &Reader) -> Timeouts {
    let timeout = |path| reader.duration(path, milliseconds(100)..=seconds(3_600));
    let linger = |path| reader.duration(path, seconds(0)..=seconds(3_600));
    let timeouts = Timeouts {
        handshake: timeout("gateway.handshake_timeout"),
        hello: timeout("gateway.hello_timeout"),
        message: timeout("gateway.message_timeout"),
        ping_after: timeout("gateway.ping_after"),
        pong: timeout("gateway.pong_timeout"),
        close: timeout("gateway.close_timeout"),
        auth_warning: timeout("gateway.auth_warning"),
        interest_linger_min: linger("gateway.interest_linger_min"),
        interest_linger_max: linger("gateway.interest_linger_max"),
        unanswered: timeout("gateway.unanswered_timeout"),
        connected_retry: timeout("gateway.connected_retry"),
        presence_interval: reader.duration("gateway.presence_interval", milliseconds(0)..=seconds(3_600)),
        presence_renewal: reader.duration("gateway.presence_renewal", seconds(1)..=seconds(86_400)),
    };
    if timeouts.interest_linger_min > timeouts.interest_linger_max {
        reader.conflict(
            "gateway.interest_linger_min",
            "gateway.interest_linger_max",
            "must not be longer than",
        );
    }
    timeouts
}

fn origins(reader: &Reader) -> Origins {
    let listed = reader.texts("gateway.origins");
    for origin in listed.iter().filter(|origin| !is_origin(origin)) {
        reader.problem(
            "gateway.origins",
            format!("{origin:?} is no origin; write for example \"https://chat.example.org\""),
        );
    }
    if listed.is_empty() { Origins::Same } else { Origins::Listed(listed) }
}

/// Scheme and host, perhaps a port, and nothing after it (RFC 6454 §6.2).
pub(super) fn is_origin(text: &str) -> bool {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    host.is_some_and(|host| !host.is_empty() && !host.contains(['/', '?', '#', '*', ' ']))
}
