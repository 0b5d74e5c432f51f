//! What can be asked on the command line.

use std::collections::BTreeSet;

use clap::Parser;
use sim::plan::{Fault, Less};
use store::mutation::Mutation;

/// Runs seeded worlds of routers, gateways and clients, and checks what must always hold.
#[derive(Debug, Parser)]
pub struct Arguments {
    /// How many worlds; with --mutations, how many for each broken rule at most.
    #[arg(long, default_value_t = 1_000)]
    pub seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    pub from: u64,
    /// Threads; one for each core unless given.
    #[arg(long)]
    threads: Option<usize>,
    /// Runs this world alone.
    #[arg(long)]
    pub seed: Option<u64>,
    /// Tells what happens in it, step by step.
    #[arg(long, requires = "seed")]
    pub trace: bool,
    /// Makes it smaller if it fails.
    #[arg(long, requires = "seed")]
    pub shrink: bool,
    /// Leaves out kinds of faults (comma list).
    #[arg(long, value_delimiter = ',', value_parser = fault, requires = "seed")]
    without: Vec<Fault>,
    /// At most so many routers.
    #[arg(long, requires = "seed")]
    routers: Option<usize>,
    /// At most so many users.
    #[arg(long, requires = "seed")]
    users: Option<usize>,
    /// Clients talk at most so long.
    #[arg(long, requires = "seed")]
    talk_ms: Option<u64>,
    /// Only the first incidents.
    #[arg(long, requires = "seed")]
    incidents: Option<usize>,
    /// Breaks a rule in the world of --seed.
    #[arg(long, value_parser = mutation, requires = "seed")]
    pub broken: Option<Mutation>,
    /// Breaks one rule after the other and looks for a world that notices.
    #[arg(long, conflicts_with = "seed")]
    pub mutations: bool,
    /// Breaks only this rule.
    #[arg(long, value_parser = mutation, conflicts_with = "seed")]
    pub only: Option<Mutation>,
}

impl Arguments {
    /// How many threads.
    pub fn threads(&self) -> usize {
        self.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from))
    }

    /// What is left out.
    pub fn less(&self) -> Less {
        Less {
            without: self.without.iter().copied().collect::<BTreeSet<_>>(),
            routers: self.routers,
            users: self.users,
            talk_ms: self.talk_ms,
            incidents: self.incidents,
        }
    }
}

/// The arguments that say what is left out and broken.
pub fn spell(less: &Less, broken: Option<Mutation>) -> String {
    let mut text = String::new();
    if !less.without.is_empty() {
        let names: Vec<&str> = less.without.iter().map(|fault| fault.name()).collect();
        text.push_str(&format!(" --without {}", names.join(",")));
    }
    let numbers = [
        ("routers", less.routers.map(|n| n as u64)),
        ("users", less.users.map(|n| n as u64)),
        ("talk-ms", less.talk_ms),
        ("incidents", less.incidents.map(|n| n as u64)),
    ];
    for (name, number) in numbers {
        text.extend(number.map(|number| format!(" --{name} {number}")));
    }
    text.extend(broken.map(|broken| format!(" --broken {}", broken.name())));
    text
}

fn fault(name: &str) -> Result<Fault, String> {
    let found = Fault::ALL.iter().copied().find(|fault| fault.name() == name);
    found.ok_or_else(|| {
        format!("one of {}", Fault::ALL.iter().map(|f| f.name()).collect::<Vec<_>>().join(", "))
    })
}

fn mutation(name: &str) -> Result<Mutation, String> {
    let found = Mutation::ALL.iter().copied().find(|mutation| mutation.name() == name);
    found.ok_or_else(|| {
        format!("one of {}", Mutation::ALL.iter().map(|m| m.name()).collect::<Vec<_>>().join(", "))
    })
}
