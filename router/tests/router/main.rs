//! The router as its neighbours meet it: commands in on a real bus, deliveries out, a real store behind.

#![expect(clippy::unwrap_used, reason = "a test ends that way")]

mod broadcasts;
mod changes;
mod confirmations;
mod contacts;
mod crashes;
mod groups;
mod invitations;
mod lifetimes;
mod messages;
mod private;
mod readers;
mod reads;
mod replica;
mod stand;
mod unread;
