//! Hostile and unlucky clients: each test shows the limit that ends one, its close code or status, its metric, and that
//! what the client held is free again. One at a time, because metrics are the process's.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

#[expect(dead_code, reason = "the other tests use the rest")]
#[path = "../sockets/bench.rs"]
mod bench;
#[expect(dead_code, reason = "the other tests use the rest")]
#[path = "../sockets/client.rs"]
mod client;
mod compression;
mod frames;
mod handshakes;
mod limits;
mod memory;
mod raw;
mod slow_readers;
mod trickle;
mod vanishing;
mod watch;
