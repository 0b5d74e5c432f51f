//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use proto::{Encoding, UserId};
use serde::{Serialize, Serializer};

use crate::require::Requirement;
use crate::server_process::ServerArguments;
use crate::tokens::TokenArguments;

/// Measures a running Tidegate server and audits every delivery.
///
/// Messages leave on a fixed schedule, whatever the server does, and every latency counts from
/// the moment a message was due. Every acknowledged message must reach every recipient's device
/// once, in seq order. Users need not be registered: their tokens are signed here, with the key
/// of the server (--key-file, or ./tidegate-data/signing.key) or a secret that it trusts (--secret).
///
/// Begin with `cargo run --release` in one terminal, and in another, in the same folder, with
/// `cargo run --release -p loadtest --` for loadtest:
///
///   loadtest smoke
///   loadtest dm --connections 5000 --rate 20000 --seconds 30s --server-pid $(pidof tidegate)
///
/// The names that are printed at the end are those that --require takes. For a check that fails:
///
///   loadtest dm --rate 5000 --require 'dm.delivery.p99<50ms' --require 'dm.lost<1' --json dm.json
///
/// Exit codes:
///   0  good
///   1  a --require was missed, or the run could not be made
///   2  this program could not keep its schedule: nothing can be said about latency
///   3  the audit failed: acknowledged messages were lost, doubled or out of order, or sockets closed
///
/// A group of more than 500 needs a server that allows it: TIDEGATE_ROUTER__GROUP_MEMBERS_MAX=5000.
/// Many thousand connections need open files: `ulimit -n` is raised to its hard limit here.
#[derive(Parser, Debug)]
#[command(name = "loadtest", version, verbatim_doc_comment)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub scenario: Scenario,
    /// What all have in common.
    #[command(flatten)]
    pub common: Common,
}

/// What all scenarios have in common.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Every scenario")]
pub struct Common {
    /// The server
    #[arg(long, global = true, default_value = "ws://127.0.0.1:8080/ws")]
    pub url: String,
    /// Where the HTTP API is, if not there: another process of a cluster
    #[arg(long, global = true, value_name = "URL")]
    pub api_url: Option<String>,
    /// How frames are written
    #[arg(long, global = true, value_enum, default_value = "json")]
    pub encoding: EncodingName,
    /// The key for this run's tokens.
    #[command(flatten)]
    pub tokens: TokenArguments,
    /// The server's process.
    #[command(flatten)]
    pub server: ServerArguments,
    /// Names users PREFIX-0, PREFIX-1 …; without it, each run has users of its own
    #[arg(long, global = true, value_parser = prefix)]
    pub users: Option<String>,
    /// Connections being opened at the same time
    #[arg(long, global = true, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..))]
    pub opening: u16,
    /// Connections from one address, when the server is on this machine; more come from 127.0.1.x
    #[arg(long, global = true, default_value_t = 500, value_parser = clap::value_parser!(u16).range(1..=20_000))]
    pub sockets_per_address: u16,
    /// Writes all figures with machine, commit and settings
    #[arg(long, global = true, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// A figure that must hold, such as 'dm.delivery.p99<50ms' or 'group.deliveries>=500k/s'; may be repeated
    #[arg(long, global = true, value_name = "FIGURE<VALUE")]
    pub require: Vec<Requirement>,
    /// No progress
    #[arg(long, short, global = true)]
    pub quiet: bool,
}

/// What to do.
#[derive(Subcommand, Clone, Debug, Serialize)]
#[serde(tag = "scenario", rename_all = "snake_case")]
pub enum Scenario {
    /// Opens connections and holds them: memory per connection, time to open
    Idle(Idle),
    /// Pairs of users write to each other: rate, latency of acknowledgement and delivery
    Dm(Dm),
    /// One group that everybody is in: deliveries per second, latency
    Group(Group),
    /// Clients that never give up, while somebody breaks things: is everything there in the end?
    Endure(Endure),
    /// A minute of all of them, with little load: does it work?
    Smoke,
    /// Looks for every message of a journal in the server's history
    Verify(Verify),
}

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

/// How frames are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EncodingName {
    /// proto3 JSON in text frames
    Json,
    /// protobuf in binary frames
    Proto,
}

impl From<EncodingName> for Encoding {
    fn from(name: EncodingName) -> Self {
        match name {
            EncodingName::Json => Self::Json,
            EncodingName::Proto => Self::Proto,
        }
    }
}

/// `500ms`, `10s`, `2m`, or seconds without a unit.
fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let number: f64 =
        text[..digits].parse().map_err(|_| "a duration is written as 500ms, 10s or 2m".to_owned())?;
    let factor = match &text[digits..] {
        "ms" => 1e-3,
        "" | "s" => 1.0,
        "m" => 60.0,
        other => return Err(format!("{other:?} is not a unit of time; known are ms, s, m")),
    };
    Duration::try_from_secs_f64(number * factor).map_err(|error| error.to_string())
}

fn as_seconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64())
}

fn prefix(text: &str) -> Result<String, String> {
    if text.len() > 48 {
        return Err("at most 48 characters".to_owned());
    }
    UserId::parse(text).map(|_| text.to_owned()).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn settings_are_written_down_with_durations_in_seconds() {
        let words = ["loadtest", "dm", "--rate", "50", "--warm-up", "500ms", "--journal", "/tmp/j"];
        let arguments = Arguments::try_parse_from(words).expect("good");
        let settings = serde_json::to_value(&arguments.scenario).expect("JSON");
        let expected = serde_json::json!({
            "scenario": "dm", "connections": 1000, "rate": 50.0, "seconds": 10.0, "warm_up": 0.5,
            "grace": 10.0, "text_bytes": 64, "lateness_max": 0.025,
        });
        assert_eq!(settings, expected);
    }

    #[test]
    fn durations_have_units() {
        assert_eq!(duration("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        assert_eq!(duration("3"), Ok(Duration::from_secs(3)));
        assert!(duration("fast").is_err() && duration("3h").is_err());
    }
}
