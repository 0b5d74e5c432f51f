//! The settings of each scenario. Their names are those of the flags and of the keys in scenario files.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde::{Deserialize, Serialize};

use super::duration::{as_seconds, duration, of_seconds};

/// Settings of `idle`.
#[derive(Args, Clone, Debug, Serialize, Deserialize)]
pub struct Idle {
    /// How many
    #[arg(long, default_value_t = 1000)]
    pub connections: usize,
    /// How long they are held before memory is read
    #[arg(long, default_value = "5s", value_parser = duration)]
    #[serde(serialize_with = "as_seconds", deserialize_with = "of_seconds")]
    pub hold: Duration,
}

/// Settings of `storm`.
#[derive(Args, Clone, Debug, Serialize, Deserialize)]
pub struct Storm {
    /// How many come
    #[arg(long, default_value_t = 5000)]
    pub connections: usize,
    /// Connections a second; without it, as fast as the server answers (see --opening)
    #[arg(long, value_name = "RATE")]
    pub connect_rate: Option<f64>,
    /// How many are there before, in pairs that write to each other; an even number
    #[arg(long, default_value_t = 200)]
    pub established: usize,
    /// Messages a second among the established
    #[arg(long, default_value_t = 500.0)]
    pub rate: f64,
    /// When the storm begins, in the time that is measured
    #[arg(long, default_value = "5s", value_parser = duration)]
    #[serde(serialize_with = "as_seconds", deserialize_with = "of_seconds")]
    pub after: Duration,
    /// How long and how much.
    #[command(flatten)]
    #[serde(flatten)]
    pub load: Load,
}

/// Settings of `mixed` and `soak`.
#[derive(Args, Clone, Debug, Serialize, Deserialize)]
pub struct Mixed {
    /// How many users, each with one connection; at least 64
    #[arg(long, default_value_t = 1000)]
    pub people: usize,
    /// How many groups
    #[arg(long, default_value_t = 50)]
    pub groups: usize,
    /// Members of the largest group
    #[arg(long, default_value_t = 200)]
    pub members_max: usize,
    /// The exponent of Zipf's law over users and over sizes of groups; 0: all alike
    #[arg(long, default_value_t = 1.0)]
    pub skew: f64,
    /// The share of messages that go to a group
    #[arg(long, default_value_t = 0.3)]
    pub group_share: f64,
    /// Messages a second, over all; the mean over a day
    #[arg(long, default_value_t = 500.0)]
    pub rate: f64,
    /// How far the rate rises by day and falls by night: a share of the mean, below 1
    #[arg(long, default_value_t = 0.5)]
    pub swing: f64,
    /// How long a day is
    #[arg(long, default_value = "20s", value_parser = duration)]
    #[serde(serialize_with = "as_seconds", deserialize_with = "of_seconds")]
    pub day: Duration,
    /// Typing frames a second
    #[arg(long, default_value_t = 200.0)]
    pub typing_rate: f64,
    /// Read positions a second
    #[arg(long, default_value_t = 200.0)]
    pub read_rate: f64,
    /// Pages of history a second
    #[arg(long, default_value_t = 20.0)]
    pub history_rate: f64,
    /// How long and how much.
    #[command(flatten)]
    #[serde(flatten)]
    pub load: Load,
}

/// Settings of `reconnect`.
#[derive(Args, Clone, Debug, Serialize, Deserialize)]
pub struct Reconnect {
    /// How many, in pairs; an even number
    #[arg(long, default_value_t = 1000)]
    pub connections: usize,
    /// Messages a second, over all connections
    #[arg(long, default_value_t = 500.0)]
    pub rate: f64,
    /// Each connection drops once in so long, each at a time of its own; 0s: only those drop that the server closes
    #[arg(long, default_value = "15s", value_parser = duration)]
    #[serde(serialize_with = "as_seconds", deserialize_with = "of_seconds")]
    pub drop_every: Duration,
    /// How long it stays away
    #[arg(long, default_value = "2s", value_parser = duration)]
    #[serde(serialize_with = "as_seconds", deserialize_with = "of_seconds")]
    pub offline: Duration,
    /// A connection that the server closed or refused comes back at a random time within so long
    #[arg(long, default_value = "2s", value_parser = duration)]
    #[serde(serialize_with = "as_seconds", deserialize_with = "of_seconds")]
    pub jitter: Duration,
    /// How long and how much.
    #[command(flatten)]
    #[serde(flatten)]
    pub load: Load,
}

/// Settings of `slow`.
#[derive(Args, Clone, Debug, Serialize, Deserialize)]
pub struct Slow {
    /// How many, each with one connection
    #[arg(long, default_value_t = 500)]
    pub members: usize,
    /// Messages a second, from those who read fast
    #[arg(long, default_value_t = 50.0)]
    pub rate: f64,
    /// The share of members who read slowly
    #[arg(long, default_value_t = 0.1)]
    pub slow_share: f64,
    /// Bytes a second that each of them reads
    #[arg(long, default_value_t = 1024)]
    pub slow_bytes: u32,
    /// How long and how much.
    #[command(flatten)]
    #[serde(flatten)]
    pub load: Load,
}

/// Settings of `sync`.
#[derive(Args, Clone, Debug, Serialize, Deserialize)]
pub struct Sync {
    /// How many the user has, each with somebody who has a connection, too
    #[arg(long, default_value_t = 1000)]
    pub conversations: usize,
    /// How often each is measured
    #[arg(long, default_value_t = 20)]
    pub rounds: u32,
    /// How long after a message a list may lack it: more than the server's router.flush_interval
    #[arg(long, default_value = "3s", value_parser = duration)]
    #[serde(serialize_with = "as_seconds", deserialize_with = "of_seconds")]
    pub follow: Duration,
    /// How long nothing happens before deltas: the server tells whatever changed in the last minute again
    #[arg(long, default_value = "70s", value_parser = duration)]
    #[serde(serialize_with = "as_seconds", deserialize_with = "of_seconds")]
    pub settle: Duration,
}

/// Settings of `dm`.
#[derive(Args, Clone, Debug, Serialize, Deserialize)]
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

/// Settings of `overload`.
#[derive(Args, Clone, Debug, Serialize, Deserialize)]
pub struct Overload {
    /// How many, in pairs that write to each other; an even number
    #[arg(long, default_value_t = 200)]
    pub senders: usize,
    /// How much each offers: so many times its share of the peak
    #[arg(long, default_value_t = 2.0)]
    pub offer: f64,
    /// The peak, acknowledged messages a second over all; without it, it is measured first, as long as what follows
    #[arg(long, value_name = "RATE")]
    pub peak: Option<f64>,
    /// Messages of each that are unanswered at a time while the peak is measured
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..))]
    pub peak_unanswered: u32,
    /// Messages of each that may be unanswered in the overload; what is due beyond that is withheld
    #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..))]
    pub unanswered: u32,
    /// How long and how much.
    #[command(flatten)]
    #[serde(flatten)]
    pub load: Load,
}

/// Settings of `group`.
#[derive(Args, Clone, Debug, Serialize, Deserialize)]
pub struct Group {
    /// How many, each with one connection
    #[arg(long, default_value_t = 500)]
    pub members: usize,
    /// Members besides those, who never connect
    #[arg(long, default_value_t = 0)]
    pub absent: usize,
    /// Messages a second; each is delivered to all connected members but one
    #[arg(long, default_value_t = 10.0)]
    pub rate: f64,
    /// How long and how much.
    #[command(flatten)]
    #[serde(flatten)]
    pub load: Load,
}

/// How long and how much.
#[derive(Args, Clone, Debug, Serialize, Deserialize)]
pub struct Load {
    /// How long is measured
    #[arg(long, default_value = "10s", value_parser = duration)]
    #[serde(serialize_with = "as_seconds", deserialize_with = "of_seconds")]
    pub seconds: Duration,
    /// How long messages flow before they count
    #[arg(long, default_value = "2s", value_parser = duration)]
    #[serde(serialize_with = "as_seconds", deserialize_with = "of_seconds")]
    pub warm_up: Duration,
    /// How long to wait at the end for what is on its way
    #[arg(long, default_value = "10s", value_parser = duration)]
    #[serde(serialize_with = "as_seconds", deserialize_with = "of_seconds")]
    pub grace: Duration,
    /// Bytes of each text
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(18..=30_000))]
    pub text_bytes: u16,
    /// Above this, 99 % of sends on time is not enough: the run has no verdict
    #[arg(long, default_value = "25ms", value_parser = duration)]
    #[serde(serialize_with = "as_seconds", deserialize_with = "of_seconds")]
    pub lateness_max: Duration,
}

impl Load {
    /// Warm-up, measured, grace.
    pub fn times(&self) -> [Duration; 3] {
        [self.warm_up, self.seconds, self.grace]
    }
}

/// Settings of `endure`.
#[derive(Args, Clone, Debug, Serialize, Deserialize)]
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
    #[serde(serialize_with = "as_seconds", deserialize_with = "of_seconds")]
    pub seconds: Duration,
    /// How long to wait at the end for what is on its way
    #[arg(long, default_value = "60s", value_parser = duration)]
    #[serde(serialize_with = "as_seconds", deserialize_with = "of_seconds")]
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
#[derive(Args, Clone, Debug, Serialize, Deserialize)]
pub struct Verify {
    /// As `dm --journal` wrote it
    #[arg(long, value_name = "FILE")]
    #[serde(skip)]
    pub journal: PathBuf,
}
