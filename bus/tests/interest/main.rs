//! The interest connection against real NATS servers, each started for its test, and against one that the test plays.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod clusters;
mod encryption;
mod fake;
mod login;
mod overflow_is_one_gap;
mod rig;
mod server;
mod servers_are_not_trusted;
mod subscriptions_are_paced;
mod subscriptions_carry_messages;
mod survives_restarts;
