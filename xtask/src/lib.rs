//! The chores of the project: `cargo xtask test`, what the tidy tests need to read the tree, and series of runs of the real
//! programs.
//!
//! **Guarantees.** A check that cannot run in CI fails there; elsewhere it says what it skipped and how to get it.
//!
//! **Does not** build anything twice: one profile, and the tests and the browser use the same binaries.
//!
//! **Limits.** Reads the sources as text: a scanner for strings and comments, no parser of Rust.

pub mod autobahn;
pub mod bench;
pub mod browser;
pub mod chaos;
pub mod check;
pub mod cluster;
pub mod crash_rounds;
pub mod drain;
pub mod inventory;
pub mod machine;
pub mod million;
pub mod programs;
pub mod proxy;
pub mod random;
pub mod record;
pub mod rust_text;
pub mod schemathesis;
pub mod services;
pub mod stop;
pub mod stopwatch;
pub mod table;
pub mod tree;
