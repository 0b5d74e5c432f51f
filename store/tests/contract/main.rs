//! The store's contract: each guarantee is a test that runs on every engine.
//!
//! A test takes a fresh store and says in its name what holds. `contract!` runs it on memory and on the embedded
//! engine; an engine that joins adds itself there.
//!
//! | guarantee of the crate | proved in |
//! |---|---|
//! | appends are all or nothing, there for ever, the same again changes nothing | `log_rows`, `touched`; on disk: `embedded_data_dir`, `kill_nine` |
//! | what is told was verified | `ownership`; that nothing else makes a `Verified`: its own documentation |
//! | conditional writes take place only if their condition holds | `ownership`, `registers`, `accounts` |
//! | pages: contiguous, never past the head, the highest epoch | `pages` |
//! | old buckets go whole, the oldest first, and nothing else does; a drop that was interrupted is finished | `old_buckets`; at each step: `a_drop_may_end_at_any_step` |
//! | what a user keeps for themselves changes one setting at a time, and what it hides stays hidden | `settings` |
//! | mentions are counted once each | `mentions` |
//! | who confirmed a message adds up, whoever writes it | `confirmations` |
//! | cursors, heads, inbox rows, overlays, groups and relations never move backwards | `cursors`, `projections`, `overlays`, `groups`, `relations` |
//! | one account for a username, one exchange for a refresh token, one holder for a worker number | `accounts`, `logins`, `leases` |

#![allow(clippy::unwrap_used, reason = "a test fails where it panics")]

mod accounts;
mod confirmations;
mod cursors;
mod engines;
mod groups;
mod leases;
mod log_rows;
mod logins;
mod mentions;
mod old_buckets;
mod overlays;
mod ownership;
mod pages;
mod projections;
mod registers;
mod relations;
mod samples;
mod settings;
mod touched;
