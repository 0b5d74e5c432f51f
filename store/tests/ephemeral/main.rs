//! What may be lost: the same promises of one process and of Redis, and what holds while Redis is away.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod attempts;
mod away;
mod budget;
mod presence;
mod server;
mod stand;
mod tickets;
