//! The interest connection against real NATS servers, each started for its test.

mod overflow_is_one_gap;
mod rig;
mod server;
mod subscriptions_carry_messages;
mod survives_restarts;
