//! The command line.

mod duration;
mod machines;
mod peers;
mod settings;
mod sources;
mod tools;
mod trust;

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use proto::{Encoding, UserId};
use serde::{Deserialize, Serialize};

use crate::require::Requirement;
use crate::server_process::ServerArguments;
use crate::tokens::TokenArguments;
pub use machines::{Agent, Coordinate, Led, Machines};
pub use peers::{DriverName, Rawserver, WriteMode};
pub use settings::{Dm, Endure, Group, Idle, Load, Mixed, Overload, Reconnect, Slow, Storm, Sync, Verify};
pub use sources::SourceAddresses;
pub use tools::{Compare, Explain, Find, PlanSettings, Rated, RunNamed};
pub use trust::TrustArguments;

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
/// The names that are printed at the end are those that --require takes. For a check that fails,
/// with a page to look at:
///
///   loadtest dm --rate 5000 --require 'dm.delivery.p99<50ms' --html dm.html --json dm.json
///
/// What there is and what it means:
///
///   loadtest list               scenarios and presets
///   loadtest explain dm         what it does, its settings and figures
///   loadtest run dm-steady      a preset; any setting after it overrides it
///   loadtest run mine.toml      a scenario file of your own; `explain` shows presets as such files
///   loadtest compare A.json B.json
///   loadtest find --from 1000 --up-to 60000 --target 'dm.delivery.p99<50ms' dm --connections 5000
///   loadtest plan --connections 1000000
///
/// With more than one thread, and on more than one machine, which meet at a NATS server:
///
///   loadtest dm --connections 100000 --rate 100000 --processes 8
///   loadtest agent --nats nats://10.0.0.1 --key-file signing.key        (on each)
///   loadtest coordinate --nats nats://10.0.0.1 --agents 8 --url ws://10.0.0.2:8080/ws \
///       group --members 15000
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
#[command(name = "loadtest", version, verbatim_doc_comment, args_override_self = true)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// What all have in common.
    #[command(flatten)]
    pub common: Common,
}

/// What all scenarios have in common.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Every scenario")]
pub struct Common {
    /// The server; or several, with commas: connection after connection goes to the next
    #[arg(long, global = true, default_value = "ws://127.0.0.1:8080/ws", value_delimiter = ',', action = ArgAction::Set)]
    pub url: Vec<String>,
    /// Where the HTTP API is, if not there: another process of a cluster
    #[arg(long, global = true, value_name = "URL")]
    pub api_url: Option<String>,
    /// Which server it is
    #[arg(long, global = true, value_enum, default_value = "tidegate")]
    pub driver: DriverName,
    /// How frames are written
    #[arg(long, global = true, value_enum, default_value = "json")]
    pub encoding: EncodingName,
    /// The key for this run's tokens.
    #[command(flatten)]
    pub tokens: TokenArguments,
    /// Whom to believe to be the server.
    #[command(flatten)]
    pub trust: TrustArguments,
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
    /// Where connections come from, such as 10.0.0.5,10.0.0.10-10.0.0.19: an address has some 28,000 ports
    #[arg(long, global = true, value_name = "ADDRESSES")]
    pub source_addresses: Option<SourceAddresses>,
    /// So many processes of this program share the connections, when one thread or one limit on open files is too small
    #[arg(long, global = true, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=500))]
    pub processes: u16,
    /// Writes all figures with machine, commit and settings
    #[arg(long, global = true, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Writes a page with charts that needs nothing else, for any browser
    #[arg(long, global = true, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// A figure that must hold, such as 'dm.delivery.p99<50ms' or 'group.deliveries>=500k/s'; may be repeated
    #[arg(long, global = true, value_name = "FIGURE<VALUE")]
    pub require: Vec<Requirement>,
    /// The agents that do the work, where there are any; see `coordinate`
    #[arg(skip)]
    pub machines: Option<Machines>,
    /// No progress
    #[arg(long, short, global = true)]
    pub quiet: bool,
}

/// What to do.
#[derive(Subcommand, Clone, Debug)]
pub enum Command {
    /// Measures.
    #[command(flatten)]
    Scenario(Scenario),
    /// Runs a preset or a scenario file
    Run(RunNamed),
    /// Lists scenarios and presets
    List,
    /// Says what a scenario or a preset does, with its settings and figures
    Explain(Explain),
    /// Compares two reports, figure by figure
    Compare(Compare),
    /// Looks for the highest rate at which a scenario meets its targets
    Find(Find),
    /// Calculates what so many connections and messages need
    Plan(PlanSettings),
    /// Serves WebSocket and nothing else, for `--driver raw`: the limit of this machine
    Rawserver(Rawserver),
    /// Runs a scenario by agents on many machines
    Coordinate(Coordinate),
    /// Waits for runs that `coordinate` begins on another machine; needs the key of the server as any scenario does
    Agent(Agent),
    /// One of the processes of a run; started by the one that leads it
    #[command(hide = true)]
    Part,
}

/// What measures.
#[derive(Subcommand, Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "scenario", rename_all = "snake_case")]
pub enum Scenario {
    /// Opens connections and holds them: memory per connection, time to open
    Idle(Idle),
    /// Many connections at once, beside established ones: connections a second, and what the others notice
    Storm(Storm),
    /// Pairs of users write to each other: rate, latency of acknowledgement and delivery
    Dm(Dm),
    /// One group that everybody is in: deliveries per second, latency
    Group(Group),
    /// More than the server can take: is everybody served alike, is what is too much refused, and does it lower the rest?
    Overload(Overload),
    /// A population: friends and groups of all sizes, day and night, typing, reads, history
    Mixed(Mixed),
    /// `mixed` for hours: does memory grow, does it become slower?
    Soak(Mixed),
    /// Sockets that drop and come back, and nothing may be missing
    Reconnect(Reconnect),
    /// A group in which some read slowly: do the others notice?
    Slow(Slow),
    /// One user with many conversations: the first page of the list, and what has changed since
    Sync(Sync),
    /// Clients that never give up, while somebody breaks things: is everything there in the end?
    Endure(Endure),
    /// A minute of all of them, with little load: does it work?
    Smoke,
    /// Looks for every message of a journal in the server's history
    Verify(Verify),
}

/// How frames are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
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
        let Command::Scenario(scenario) = arguments.command else { panic!("it measures") };
        let settings = serde_json::to_value(&scenario).expect("JSON");
        let expected = serde_json::json!({
            "scenario": "dm", "connections": 1000, "rate": 50.0, "seconds": 10.0, "warm_up": 0.5,
            "grace": 10.0, "text_bytes": 64, "lateness_max": 0.025,
        });
        assert_eq!(settings, expected);
    }
}
