//! Decides: membership, order, dedupe, receipts. Commands in, deliveries out.
//!
//! ```text
//! bus ──commands──► worker (one thread, its share of the partitions)
//!                     │  conversation: a state machine without io ──work──► store: append, verify, read
//! bus ◄─deliveries────┘◄──────────── told only with leave of `Verified` ◄──── answers
//! ```
//!
//! **Guarantees** (FENCE, DESIGN §6).
//! - What is acknowledged, published or given as a head is durable and verified, in contiguous `seq`, and never changes.
//! - A send is appended once per client message id, however often it is sent; a repeated one is acknowledged and
//!   published again.
//! - A command whose outcome is unknown is answered by nothing, and never refused as if it were not stored.
//! - Whoever takes over a partition finds every acknowledged entry and runs again what its projections lack.
//!
//! **Does not** hold sockets, know where users are, or keep anything that the store does not.
//!
//! **Limits.** [`RouterConfig`], [`proto::limits`]. Every queue is bounded and answers `BUSY` when full.

mod broadcasts;
#[cfg(test)]
mod chaos;
mod config;
mod conversation;
pub mod metrics;
mod ownership;
mod peers;
mod reader;
mod router;
mod rules;
mod told;
mod turn;
mod worker;

pub use config::{RouterConfig, Sight};
pub use router::{Router, StartError};
pub use rules::contacts::{ContactRules, Removal};
pub use rules::membership::{GroupRules, History};
pub use turn::ConfirmRules;
#[cfg(feature = "sim")]
pub use worker::Worker;
