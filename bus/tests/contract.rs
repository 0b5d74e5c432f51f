//! The guarantees in the documentation of `bus`, one test each: in one process, and over a real NATS server.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "contract/commands.rs"]
mod commands;
#[path = "contract/counted.rs"]
mod counted;
#[path = "contract/deliveries.rs"]
mod deliveries;
#[path = "contract/heartbeats.rs"]
mod heartbeats;
#[path = "contract/identities.rs"]
mod identities;
#[path = "contract/messages.rs"]
mod messages;
#[path = "contract/nats_server.rs"]
mod nats_server;
#[path = "contract/outages.rs"]
mod outages;
#[path = "contract/permissions.rs"]
mod permissions;
#[path = "contract/sent_again.rs"]
mod sent_again;
#[path = "contract/stand.rs"]
mod stand;
#[path = "contract/unserved.rs"]
mod unserved;
