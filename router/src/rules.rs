//! The pure leaves of every decision: no io, no clock, no state machine; each file is one rule and its tests.

pub mod admission;
pub mod backoff;
pub mod body;
pub mod contacts;
pub mod cursor;
pub mod lifetime;
pub mod lost;
pub mod membership;
pub mod overlay;
pub mod reach;
pub mod refused;
pub mod ring;
pub mod tail;
