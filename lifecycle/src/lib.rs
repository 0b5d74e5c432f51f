//! The only way to spawn; readiness, drain and stop; wall clock and chance; telemetry set-up.
//!
//! ```text
//! starting ──► ready ──► draining ──► stopped
//!                 every task and thread hears `draining`, ends by itself, and is waited for
//! ```
//!
//! **Guarantees.** Nothing spawned here outlives [`Tasks::close`] unnoticed: what has not ended by its deadline is
//! named. A panic in a task is logged with the task's name and begins the drain. Logs and metrics are set up here and
//! nowhere else: other crates speak the `tracing` and `metrics` facades.
//!
//! **Does not** know what the tasks do.
//!
//! **Limits.** Process figures come from Linux's `/proc`; elsewhere they are absent. Telemetry is installed once in a process.

mod breath;
mod chance;
mod clock;
mod logs;
pub mod metrics;
mod phase;
mod process;
mod signals;
#[cfg(feature = "sim")]
pub mod sim;
mod tasks;

pub use chance::{random_u64, random_u128};
pub use clock::wall_clock_ms;
pub use logs::{LogConfig, LogFormat};
pub use metrics::MetricsPage;
pub use phase::{Phase, Phases};
pub use signals::{StopSignal, StopSignals, UpgradeSignals};
pub use tasks::{Stragglers, Tasks};

/// Telemetry could not be set up. Ours to fix in the configuration, except when something was installed before.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The log filter does not parse.
    #[error("the log filter is not valid; write a level or directives such as `info,gateway=debug`")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    /// A subscriber is installed already.
    #[error("logs were set up before")]
    Logs(#[from] tracing_subscriber::util::TryInitError),
    /// A recorder is installed already, or a bucket list is empty.
    #[error("metrics were set up before, or with empty buckets")]
    Metrics(#[from] metrics_exporter_prometheus::BuildError),
}
