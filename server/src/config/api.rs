//! `[api]`, and how long the API's tokens live.

use std::time::Duration;

use api::{ApiConfig, RateLimit, Registration, RoomMakers, UserRates};

use super::gateway::is_origin;
use super::reader::Reader;
use super::{milliseconds, seconds};

pub(super) fn read(reader: &Reader, presence_grace: Duration) -> ApiConfig {
    let registrations = [("open", Registration::Open), ("closed", Registration::Closed)];
    let makers = [("services", RoomMakers::Services), ("users", RoomMakers::Users)];
    let day = seconds(86_400);
    let config = ApiConfig {
        access_ttl: reader.duration("auth.access_ttl", seconds(30)..=day * 30),
        refresh_ttl: reader.duration("auth.refresh_ttl", seconds(60)..=day * 3_650),
        registration: reader.choice("api.registration", &registrations),
        password_chars_min: reader.whole("api.password_chars_min", 1..=128),
        body_bytes_max: reader.bytes("api.body_bytes_max", 1_024..=64 * 1024 * 1024),
        request_timeout: reader.duration("api.request_timeout", milliseconds(100)..=seconds(300)),
        command_timeout: reader.duration("api.command_timeout", milliseconds(50)..=seconds(300)),
        pending_commands_max: reader.whole("api.pending_commands_max", 1..=1 << 20),
        hash_workers: reader.whole("api.hash_workers", 1..=256),
        hash_queue_max: reader.whole("api.hash_queue_max", 1..=1 << 16),
        tickets_max: reader.whole("api.tickets_max", 16..=1 << 24),
        ticket_ttl: reader.duration("api.ticket_ttl", seconds(1)..=seconds(600)),
        groups_per_user_max: reader.whole("api.groups_per_user_max", 1..=100_000),
        idempotency_bytes_max: reader.bytes("api.idempotency_bytes_max", 64 * 1024..=1 << 32),
        idempotency_ttl: reader.duration("api.idempotency_ttl", seconds(1)..=day * 7),
        presence_grace,
        user_rates: UserRates {
            writes: rate(reader, "api.user_writes_per_second", "api.user_writes_burst"),
            reads: rate(reader, "api.user_reads_per_second", "api.user_reads_burst"),
        },
        rooms_made_by: reader.choice("api.rooms_made_by", &makers),
        cors_origins: reader.texts("api.cors_origins"),
    };
    if config.command_timeout >= config.request_timeout {
        reader.conflict("api.command_timeout", "api.request_timeout", "must be shorter than");
    }
    if config.access_ttl > config.refresh_ttl {
        reader.conflict("auth.access_ttl", "auth.refresh_ttl", "must not be longer than");
    }
    for origin in config.cors_origins.iter().filter(|origin| !is_origin(origin)) {
        reader.problem(
            "api.cors_origins",
            format!("{origin:?} is no origin; write for example \"https://chat.example.org\""),
        );
    }
    config
}

fn rate(reader: &Reader, per_second: &'static str, burst: &'static str) -> RateLimit {
    RateLimit {
        per_second: reader.whole(per_second, 1..=1_000_000),
        burst: reader.whole(burst, 1..=1_000_000),
    }
}
