//! Settings of what measures nothing by itself.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::Scenario;
use super::duration::{as_seconds, duration};
use super::settings::{Dm, Group, Mixed};
use crate::require::Requirement;

/// Settings of `find`.
#[derive(Args, Clone, Debug, Serialize)]
#[command(subcommand_value_name = "SCENARIO", subcommand_help_heading = "Scenarios")]
pub struct Find {
    /// The first rate, a second
    #[arg(long, default_value_t = 1000.0)]
    pub from: f64,
    /// The last rate
    #[arg(long, default_value_t = 100_000.0)]
    pub up_to: f64,
    /// How closely the limit is to be known, percent
    #[arg(long, default_value_t = 5.0, value_name = "PERCENT")]
    pub precision: f64,
    /// A figure that must hold at a rate, such as 'dm.delivery.p99<50ms'; may be repeated
    #[arg(long, required = true, value_name = "FIGURE<VALUE")]
    #[serde(skip)]
    pub target: Vec<Requirement>,
    /// How often a rate is tried before it counts as missed
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=10))]
    pub tries: u8,
    /// Between two tries, for the server to come to rest
    #[arg(long, default_value = "2s", value_parser = duration)]
    #[serde(serialize_with = "as_seconds")]
    pub pause: Duration,
    /// What is tried; its --rate is replaced
    #[command(subcommand)]
    #[serde(flatten)]
    pub scenario: Rated,
}

/// Scenarios with a rate.
#[derive(Subcommand, Clone, Debug, Serialize)]
#[serde(tag = "scenario", rename_all = "snake_case")]
pub enum Rated {
    /// Pairs of users write to each other
    Dm(Dm),
    /// One group that everybody is in
    Group(Group),
    /// A population
    Mixed(Mixed),
}

impl Rated {
    /// As on the command line.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Dm(_) => "dm",
            Self::Group(_) => "group",
            Self::Mixed(_) => "mixed",
        }
    }

    /// The same at another rate.
    pub fn at(&self, rate: f64) -> Scenario {
        match self.clone() {
            Self::Dm(dm) => Scenario::Dm(Dm { rate, ..dm }),
            Self::Group(group) => Scenario::Group(Group { rate, ..group }),
            Self::Mixed(mixed) => Scenario::Mixed(Mixed { rate, ..mixed }),
        }
    }
}

/// Settings of `plan`.
#[derive(Args, Clone, Debug)]
pub struct PlanSettings {
    /// Connections at the busiest time
    #[arg(long)]
    pub connections: u64,
    /// Direct messages that each sends in an hour
    #[arg(long, default_value_t = 10.0)]
    pub dm_per_hour: f64,
    /// Group messages that each sends in an hour
    #[arg(long, default_value_t = 5.0)]
    pub group_per_hour: f64,
    /// Members of a group who are connected, on average
    #[arg(long, default_value_t = 50.0)]
    pub members_online: f64,
    /// Bytes of a message as it is stored and sent, body and frame
    #[arg(long, default_value_t = 300.0)]
    pub message_bytes: f64,
    /// Between two heartbeats of a connection
    #[arg(long, default_value = "30s", value_parser = duration)]
    pub heartbeat: Duration,
    /// The share of connections with TLS that ends in the server
    #[arg(long, default_value_t = 0.0)]
    pub tls_share: f64,
    /// Everybody comes back within so long after a restart
    #[arg(long, default_value = "60s", value_parser = duration)]
    pub return_within: Duration,
    /// Copies of each message that the store keeps
    #[arg(long, default_value_t = 3)]
    pub replicas: u32,
    /// How long messages are kept, days
    #[arg(long, default_value_t = 365)]
    pub kept_days: u32,
    /// How busy processors and memory may be at most, percent
    #[arg(long, default_value_t = 60.0, value_name = "PERCENT")]
    pub busy_max: f64,
    /// User memory of a connection, bytes
    #[arg(long, default_value_t = 1_200.0)]
    pub connection_bytes: f64,
    /// The kernel's memory of a connection, bytes
    #[arg(long, default_value_t = 3500.0)]
    pub kernel_bytes: f64,
    /// More memory of a connection with TLS, bytes
    #[arg(long, default_value_t = 3_800.0)]
    pub tls_bytes: f64,
    /// Processor time to accept a connection, microseconds
    #[arg(long, default_value_t = 44.0)]
    pub accept_us: f64,
    /// Processor time of a direct message, all parts, microseconds
    #[arg(long, default_value_t = 38.0)]
    pub dm_us: f64,
    /// Processor time of a group message besides its deliveries, microseconds
    #[arg(long, default_value_t = 30.0)]
    pub group_us: f64,
    /// Processor time of a delivery in a group, microseconds
    #[arg(long, default_value_t = 3.0)]
    pub delivery_us: f64,
    /// Processor time of a heartbeat, microseconds
    #[arg(long, default_value_t = 25.0)]
    pub heartbeat_us: f64,
}

/// Settings of `run`.
#[derive(Args, Clone, Debug)]
pub struct RunNamed {
    /// The name of a preset, or a file
    #[arg(value_name = "PRESET|FILE")]
    pub name: String,
    /// Any settings of its scenario; they override those of the file
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "SETTINGS")]
    pub settings: Vec<String>,
}

/// Settings of `explain`.
#[derive(Args, Clone, Debug)]
pub struct Explain {
    /// The name of a scenario or of a preset
    pub name: String,
}

/// Settings of `compare`.
#[derive(Args, Clone, Debug)]
pub struct Compare {
    /// A report, as --json wrote it
    pub before: PathBuf,
    /// Another
    pub after: PathBuf,
    /// A difference of less is none, percent
    #[arg(long, default_value_t = 5.0, value_name = "PERCENT")]
    pub noise: f64,
    /// Exit code 1 when a figure is worse by more than this
    #[arg(long, value_name = "PERCENT")]
    pub worse_max: Option<f64>,
}
