//! The settings of each scenario. Their names are those of the flags and of the keys in scenario files.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde::Serialize;

use super::duration::{as_seconds, duration};

/// Settings of `idle`.
#[derive(Args, Clone, Debug, Serialize)]
pub struct Idle {
    /// How many
    #[arg(long, default_value_t = 1000)]
    pub connections: usize,
    /// How long they are held before memory is read
    #[arg(long, default_value = "5s", value_parser = duration)]
    #[serde(serialize_with = "as_seconds")]
    pub hold: Duration,
}

/// Settings of `dm`.
#[derive(Args, Clone, Debug, Serialize)]
pub struct Dm {
    /// How many; an even number
    #[arg(long, default_value_t = 1000)]
    pub connections: usize,
    /// Messages a second, over all connections
    #[arg(long, default_value_t = 1000.0)]
    pub rate: f64,
    /// How long and how much.
    #[command(flatten)]
    #[serde(flatten)]
    pub load: Load,
    /// Writes every acknowledged message, for `verify`
    #[arg(long, value_name = "FILE")]
    #[serde(skip)]
    pub journal: Option<PathBuf>,
}

/// Settings of `group`.
#[derive(Args, Clone, Debug, Serialize)]
pub struct Group {
    /// How many, each with one connection
    #[arg(long, default_value_t = 500)]
    pub members: usize,
    /// Messages a second; each is delivered to all members but one
    #[arg(long, default_value_t = 10.0)]
    pub rate: f64,
    /// How long and how much.
    #[command(flatten)]
    #[serde(flatten)]
    pub load: Load,
}

/// How long and how much.
#[derive(Args, Clone, Debug, Serialize)]
pub struct Load {
    /// How long is measured
    #[arg(long, default_value = "10s", value_parser = duration)]
    #[serde(serialize_with = "as_seconds")]
    pub seconds: Duration,
    /// How long messages flow before they count
    #[arg(long, default_value = "2s", value_parser = duration)]
    #[serde(serialize_with = "as_seconds")]
    pub warm_up: Duration,
    /// How long to wait at the end for what is on its way
    #[arg(long, default_value = "10s", value_parser = duration)]
    #[serde(serialize_with = "as_seconds")]
    pub grace: Duration,
    /// Bytes of each text
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(18..=30_000))]
    pub text_bytes: u16,
    /// Above this, 99 % of sends on time is not enough: the run has no verdict
    #[arg(long, default_value = "25ms", value_parser = duration)]
    #[serde(serialize_with = "as_seconds")]
    pub lateness_max: Duration,
}

/// Settings of `endure`.
#[derive(Args, Clone, Debug, Serialize)]
pub struct Endure {
    /// How many, each with one client; an even number
    #[arg(long, default_value_t = 100)]
    pub clients: usize,
    /// Groups that they are in, each in one; 0 for direct messages alone
    #[arg(long, default_value_t = 4)]
    pub groups: usize,
    /// Messages a second, over all; one of four goes to a group
    #[arg(long, default_value_t = 100.0)]
    pub rate: f64,
    /// How long
    #[arg(long, default_value = "60s", value_parser = duration)]
    #[serde(serialize_with = "as_seconds")]
    pub seconds: Duration,
    /// How long to wait at the end for what is on its way
    #[arg(long, default_value = "60s", value_parser = duration)]
    #[serde(serialize_with = "as_seconds")]
    pub grace: Duration,
    /// Bytes of each text
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(18..=30_000))]
    pub text_bytes: u16,
    /// Writes the slowest acknowledgement and delivery of each tenth of a second
    #[arg(long, value_name = "FILE")]
    #[serde(skip)]
    pub series: Option<PathBuf>,
}

/// Settings of `verify`.
#[derive(Args, Clone, Debug, Serialize)]
pub struct Verify {
    /// As `dm --journal` wrote it
    #[arg(long, value_name = "FILE")]
    #[serde(skip)]
    pub journal: PathBuf,
}
