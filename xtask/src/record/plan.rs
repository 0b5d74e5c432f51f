//! What a record consists of: how many, how fast, how long.

use std::time::Duration;

use anyhow::Context as _;

use super::Arguments;
use super::bench::Bench;
use super::ladder::Ladder;
use crate::crash_rounds;
use crate::programs::Figures;

/// Messages a second.
const DM_RATES: &[u32] = &[10_000, 15_000, 20_000, 25_000, 30_000, 35_000, 40_000, 45_000, 50_000];
/// Deliveries a second.
const GROUP_RATES: &[u32] =
    &[200_000, 300_000, 400_000, 500_000, 600_000, 700_000, 800_000, 1_000_000, 1_250_000, 1_500_000];

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub idle: Idle,
    pub dm: Ladder,
    pub group: Ladder,
    pub crash: crash_rounds::Settings,
}

/// Connections that say nothing.
#[derive(Clone, Debug)]
pub(super) struct Idle {
    pub connections: u32,
    pub hold: Duration,
    pub encoding: &'static str,
}

/// Sizes of a plan.
struct Sizes {
    idle_connections: u32,
    hold: Duration,
    dm_connections: u32,
    members: u32,
    seconds: &'static str,
    warm_up: &'static str,
    rounds: u32,
}

const FULL: Sizes = Sizes {
    idle_connections: 15_000,
    hold: Duration::from_secs(10),
    dm_connections: 5000,
    members: 5000,
    seconds: "20s",
    warm_up: "5s",
    rounds: 100,
};

const QUICK: Sizes = Sizes {
    idle_connections: 1000,
    hold: Duration::from_secs(2),
    dm_connections: 500,
    members: 500,
    seconds: "3s",
    warm_up: "1s",
    rounds: 3,
};

impl Plan {
    pub(super) fn of(arguments: &Arguments) -> Self {
        let sizes = if arguments.quick { QUICK } else { FULL };
        let encoding = arguments.encoding.name();
        let crash = crash_rounds::Settings {
            rounds: arguments.rounds.unwrap_or(sizes.rounds),
            seed: None,
            rate: 2000,
            connections: 100,
            load_max_ms: 2000,
        };
        Self {
            idle: Idle { connections: sizes.idle_connections, hold: sizes.hold, encoding },
            dm: dm(arguments, &sizes),
            group: group(arguments, &sizes),
            crash,
        }
    }
}

fn rates(chosen: &[u32], usual: &[u32], quick: &[u32], arguments: &Arguments) -> Vec<u32> {
    let rates = match (chosen, arguments.quick) {
        ([], true) => quick,
        ([], false) => usual,
        _ => chosen,
    };
    let mut rates = rates.to_vec();
    rates.sort_unstable();
    rates
}

fn load(sizes: &Sizes, arguments: &Arguments) -> Vec<String> {
    let words =
        ["--seconds", sizes.seconds, "--warm-up", sizes.warm_up, "--encoding", arguments.encoding.name()];
    words.map(str::to_owned).to_vec()
}

fn dm(arguments: &Arguments, sizes: &Sizes) -> Ladder {
    let mut words = vec!["--connections".to_owned(), sizes.dm_connections.to_string()];
    words.extend(load(sizes, arguments));
    Ladder {
        scenario: "dm",
        arguments: words,
        settings: Vec::new(),
        rates: rates(&arguments.dm_rates, DM_RATES, &[500, 1000], arguments),
        per_message: 1,
        unit: "messages",
        p99_max: 0.05,
    }
}

fn group(arguments: &Arguments, sizes: &Sizes) -> Ladder {
    let mut words = vec!["--members".to_owned(), sizes.members.to_string()];
    words.extend(load(sizes, arguments));
    // A latency counts from the moment that a message was due, so a late send is in it; against 500 ms it weighs less
    // than against 50 ms.
    words.extend(["--lateness-max".to_owned(), "100ms".to_owned()]);
    Ladder {
        scenario: "group",
        arguments: words,
        settings: vec![("TIDEGATE_ROUTER__GROUP_MEMBERS_MAX", sizes.members.to_string())],
        rates: rates(&arguments.group_rates, GROUP_RATES, &[5000, 10_000], arguments),
        // Everybody but the sender.
        per_message: sizes.members - 1,
        unit: "deliveries",
        p99_max: 0.5,
    }
}

impl Idle {
    /// Measures the memory of one connection.
    pub(super) fn run(&self, bench: &Bench<'_>) -> anyhow::Result<Figures> {
        println!("idle: {} connections", self.connections);
        let connections = self.connections.to_string();
        let hold = format!("{}s", self.hold.as_secs());
        let words = ["idle", "--connections", &connections, "--hold", &hold, "--encoding", self.encoding];
        let figures = bench.measure("idle", &[], &words.map(str::to_owned))?;
        let bytes = figures.get("idle.server.bytes_per_connection");
        let bytes = bytes.context("the report does not say what a connection costs")?;
        println!("  {bytes:.0} bytes each");
        Ok(figures)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        arguments: Arguments,
    }

    fn plan(words: &[&str]) -> Plan {
        let words = [&["record"], words].concat();
        Plan::of(&Line::try_parse_from(words).expect("arguments").arguments)
    }

    #[test]
    fn the_full_plan_is_what_has_to_be_shown_and_a_quick_one_is_small() {
        let full = plan(&[]);
        assert_eq!((full.idle.connections, full.crash.rounds), (15_000, 100));
        assert!(full.dm.rates.contains(&25_000) && full.dm.rates.contains(&40_000));
        assert!(full.group.rates.contains(&500_000));
        assert_eq!(full.group.per_message, 4999);
        let quick = plan(&["--quick"]);
        assert!(quick.idle.connections <= 1000 && quick.crash.rounds <= 3 && quick.dm.rates.len() <= 2);
    }

    #[test]
    fn chosen_rates_are_climbed_upwards() {
        assert_eq!(plan(&["--dm-rates", "20,10", "--quick"]).dm.rates, [10, 20]);
        assert_eq!(plan(&["--group-rates", "7"]).group.rates, [7]);
    }
}
