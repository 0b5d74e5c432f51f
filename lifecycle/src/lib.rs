//! The only way to spawn; readiness, drain and stop; wall clock; telemetry set-up.
//!
//! ```text
//! starting ──► ready ──► draining ──► stopped
//!                 every task and thread hears `draining`, ends by itself, and is waited for
//! ```
//!
//! **Guarantees.** Nothing spawned here outlives [`Tasks::close`] unnoticed: what has not ended by its deadline is
//! named. A panic in a task is logged with the task's name and begins the drain.
//!
//! **Does not** know what the tasks do.

mod clock;
mod phase;
mod tasks;

pub use clock::wall_clock_ms;
pub use phase::{Phase, Phases};
pub use tasks::{Stragglers, Tasks};
