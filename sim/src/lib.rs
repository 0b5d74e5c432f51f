//! A seeded world: the real router and client state machines on a faulty bus, a faulty log and wrong clocks.
//!
//! ```text
//! seed ──► Plan (who takes part, how bad it is, what happens when) ──► World ──► held, or what was violated
//!                    ▲ less                                                          │
//!                    └───────────────── shrink ◄─────────────────────────────────────┘
//! ```
//!
//! **Guarantees.** The same seed gives the same world, step by step, on every machine and in every build of the same
//! source. What is checked, and what is simulated and how, is in `docs/SIMULATION.md`.
//!
//! **Does not** know sockets, files, threads within a world, or the time of day.
//!
//! **Limits.** One worker for each router process; a handful of users and conversations.

pub mod campaign;
pub mod mutations;
pub mod plan;
pub mod record;
pub mod shrink;
pub mod words;
pub mod world;
