//! TLS on real sockets, with certificates made for the test. One test at a time, because metrics are the process's.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod authority;
#[expect(dead_code, reason = "the other tests use the rest")]
#[path = "../sockets/bench.rs"]
mod bench;
#[expect(dead_code, reason = "the other tests use the rest")]
#[path = "../sockets/client.rs"]
mod client;
mod encrypted;
mod handshakes_that_fail;
mod late;
mod reload;
mod sockets;
#[expect(dead_code, reason = "the other tests use the rest")]
#[path = "../hostile/watch.rs"]
mod watch;
