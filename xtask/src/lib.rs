//! The project's own chores: `cargo xtask test` and what the tidy tests need to read the tree.
//!
//! **Guarantees.** A check that cannot run in CI fails there; elsewhere it says what it skipped and how to get it.
//!
//! **Does not** build anything twice: one profile, and the tests and the browser use the same binaries.
//!
//! **Limits.** Reads the sources as text: a scanner for strings and comments, no parser of Rust.

pub mod browser;
pub mod check;
pub mod inventory;
pub mod rust_text;
pub mod tree;
