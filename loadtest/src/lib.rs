//! Measures a running server and audits every delivery.
//!
//! ```text
//! arguments ◄── scenario file
//!     └──► scenario ──► Engine (sockets, Driver) ◄──► server
//!            ▲  │            │ heard
//!     find ──┘  │         Traffic: schedule, ledgers, audit, course ── parts: of many processes
//!               └──► figures ──► reports, requirements ──► exit code
//! ```
//!
//! **Guarantees.** A latency counts from the moment its message was due. An acknowledged message that did not reach
//! every device once and in `seq` order is found. A run that this program could not keep up with reports no latency.
//!
//! **Does not** share anything with the server but `proto` and the signing of tokens.
//!
//! **Limits.** One thread in each process: some 10 µs of processor time for a direct message, less than 1 µs for a delivery in
//! a group. `--processes` runs many.

pub mod arguments;
pub mod audit;
pub mod catalogue;
pub mod clock;
pub mod course;
pub mod driver;
pub mod engine;
pub mod figures;
pub mod find;
pub mod http;
pub mod journal;
pub mod latency;
pub mod ledger;
pub mod machine;
pub mod nats;
pub mod open_files;
pub mod parts;
pub mod plan;
pub mod ports;
pub mod progress;
pub mod rawserver;
pub mod report;
pub mod require;
pub mod retries;
pub mod sampler;
pub mod scenario;
pub mod scenario_file;
pub mod schedule;
pub mod server_process;
pub mod stamp;
pub mod tokens;
pub mod topology;
pub mod traffic;
pub mod verdict;
pub mod wire;
