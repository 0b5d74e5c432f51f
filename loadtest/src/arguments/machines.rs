//! Settings of a run on many machines.

use std::time::Duration;

use clap::{Args, Subcommand};

use super::duration::duration;
use super::{Find, RunNamed, Scenario};
use crate::nats::NatsUrl;

/// Settings of `coordinate`.
#[derive(Args, Clone, Debug)]
#[command(subcommand_value_name = "SCENARIO", subcommand_help_heading = "Scenarios")]
pub struct Coordinate {
    /// Whom to call.
    #[command(flatten)]
    pub machines: Machines,
    /// What is run.
    #[command(subcommand)]
    pub what: Led,
}

/// Whom a lead calls.
#[derive(Args, Clone, Debug)]
pub struct Machines {
    /// Where lead and agents meet: nats://[user:password@|token@]host[:port]
    #[arg(long, value_name = "URL", default_value = "nats://127.0.0.1:4222")]
    pub nats: NatsUrl,
    /// The name by which agents are called
    #[arg(long, default_value = "default", value_parser = team)]
    pub team: String,
    /// How many agents share the connections
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=500))]
    pub agents: u16,
    /// How long to call
    #[arg(long, default_value = "30s", value_parser = duration)]
    pub patience: Duration,
    /// An agent that says nothing for so long is lost, and the run with it
    #[arg(long, default_value = "30s", value_parser = duration)]
    pub silence_max: Duration,
    /// By how much a clock may be wrong, and move during a run: latencies of deliveries are wrong by as much
    #[arg(long, default_value = "2ms", value_parser = duration)]
    pub clock_error_max: Duration,
}

/// What can be led.
#[derive(Subcommand, Clone, Debug)]
pub enum Led {
    /// Measures.
    #[command(flatten)]
    Scenario(Scenario),
    /// Looks for the highest rate at which a scenario meets its targets
    Find(Find),
    /// Runs a preset or a scenario file
    Run(RunNamed),
}

/// Settings of `agent`.
#[derive(Args, Clone, Debug)]
pub struct Agent {
    /// Where lead and agents meet: nats://[user:password@|token@]host[:port]
    #[arg(long, value_name = "URL", default_value = "nats://127.0.0.1:4222")]
    pub nats: NatsUrl,
    /// The name by which this agent is called
    #[arg(long, default_value = "default", value_parser = team)]
    pub team: String,
    /// Ends after one run
    #[arg(long)]
    pub once: bool,
}

fn team(text: &str) -> Result<String, String> {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
    if text.is_empty() || text.len() > 64 || !text.chars().all(plain) {
        return Err("up to 64 letters, digits, - and _".to_owned());
    }
    Ok(text.to_owned())
}
