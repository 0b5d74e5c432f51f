//! `cargo xtask services`: NATS, Redis and a CQL server, for tests and for playing.
//!
//! ```text
//! for each, the first that works:
//!   its URL in TIDEGATE_TEST_…_URL ─► its program on PATH ─► a container ─► pip, apt-get, Maven
//! ```
//!
//! **Guarantees.** Ready means that each has answered in its own language. What runs already is left alone, what has died is
//! started again on its data. What is downloaded is held to committed hashes. `down` leaves no process and no data.
//!
//! **Does not** start anything that others on the network can reach, and touches nothing that it did not start.
//!
//! **Limits.** One of each, for one user of one checkout, on Linux or macOS; sized for tests, not for measurements.

mod address;
mod container;
mod cql;
mod downloads;
mod kind;
mod obtain;
mod process;
mod ready;
mod recipes;
pub mod redis;
mod set;
mod state;

use std::process::ExitCode;

use clap::Subcommand;

use crate::machine::in_ci;

pub use address::{Ports, of_url as address_of};
pub use cql::{execute, execute_as};
pub use kind::Kind;
pub use process::{Recipe, Running};
pub use ready::{answers, wait};
pub use recipes::{Settings, cassandra_like};
pub use set::{Failure, Services, Shown, target_folder};
pub use state::Starter;

/// What can be done with the services.
#[derive(Clone, Debug, Subcommand)]
pub enum Action {
    /// Starts what does not run yet and prints the variables that lead there: eval "$(cargo xtask services up)"
    Up {
        /// Memory of Cassandra's heap, MiB
        #[arg(long, default_value_t = HEAP_MIB)]
        heap_mib: u32,
    },
    /// Ends what was started and removes its data
    Down,
    /// What runs, where, and by which means
    Status,
}

/// Memory of Cassandra's heap that is enough for tests.
pub const HEAP_MIB: u32 = 512;

/// Whether Debian's packages may be installed on the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Installing {
    /// What is missing is named.
    Never,
    /// Where apt-get can be used without a question.
    WhereAllowed,
}

/// Where services may come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Anywhere: those named in the environment, too.
    Any,
    /// Only as processes of one's own, which can be stopped and killed.
    OwnProcesses,
}

/// How services are got.
#[derive(Clone, Debug)]
pub struct Terms {
    /// Which.
    pub kinds: &'static [Kind],
    /// Who will end them.
    pub starter: Starter,
    /// Whether packages may be installed.
    pub installing: Installing,
    /// Where they may come from.
    pub origin: Origin,
    /// Memory of Cassandra's heap, MiB.
    pub heap_mib: u32,
    /// Settings of Cassandra that are not as committed. With any, the CQL server is a Cassandra.
    pub cassandra: Settings,
}

impl Terms {
    /// Those of a person who asks for the services.
    pub fn of_a_person() -> Self {
        Self {
            kinds: &Kind::ALL,
            starter: Starter::Person,
            installing: Installing::WhereAllowed,
            origin: Origin::Any,
            heap_mib: HEAP_MIB,
            cassandra: Settings::new(),
        }
    }

    /// Those of the tests: on the machine of a person, they install nothing.
    pub fn of_the_tests() -> Self {
        let installing = if in_ci() { Installing::WhereAllowed } else { Installing::Never };
        Self { starter: Starter::Test, installing, ..Self::of_a_person() }
    }
}

/// Does it.
pub fn main(action: &Action) -> anyhow::Result<ExitCode> {
    let services = Services::of_this_checkout()?;
    let mut failures = Vec::new();
    match action {
        Action::Up { heap_mib } => {
            failures = services.up(&Terms { heap_mib: *heap_mib, ..Terms::of_a_person() })?;
        }
        Action::Down => services.down(Starter::Person)?,
        Action::Status => {}
    }
    if !matches!(action, Action::Down) {
        // Comments and exports: a shell can read the whole.
        services.shown().iter().for_each(|shown| println!("# {shown}"));
        services.variables().iter().for_each(|(name, value)| println!("export {name}={value}"));
    }
    failures.iter().for_each(|failure| eprintln!("services: {failure}"));
    Ok(if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
