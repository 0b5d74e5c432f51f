//! The store's contract: each guarantee is a test that runs on every engine.
//!
//! A test takes a fresh store and says in its name what holds. `contract!` runs it on memory and on the embedded
//! engine; an engine that joins adds itself there.

#![allow(clippy::unwrap_used, reason = "a test fails where it panics")]

mod accounts;
mod cursors;
mod engines;
mod groups;
mod leases;
mod log_rows;
mod logins;
mod ownership;
mod pages;
mod projections;
mod registers;
mod samples;
mod touched;
