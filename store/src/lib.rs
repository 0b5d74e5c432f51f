//! Remembers: the log of conversations, its projections, accounts, logins and leases.
//!
//! ```text
//! router ──► Store::append ──► Durable ──► Store::verify ──► Verified ──► only now told
//! readers ─► Store::page, heads, inbox …   never past a told head
//! ```
//!
//! **Guarantees.**
//! - An append is all or nothing with its dedupe rows, and once answered `Ok` it is there for ever, and so is its
//!   touched mark. The same append again changes nothing.
//! - What is told was verified: [`Verified`] has no other source than [`Store::verify`].
//! - A conditional write ([`Store::claim`], [`Store::move_register`], [`Store::update_account`]) takes place only if its
//!   condition held at that moment; `Unknown` allows no conclusion.
//! - A page has rising, contiguous seqs, never one past the head it was given, and of several rows of one seq the one
//!   with the highest epoch.
//! - Old buckets are dropped whole and only when all of them is old, settled and projected; what is left reads as before.
//! - Cursors, heads, inbox rows, overlays, groups and relations never move backwards, in whatever order their writes
//!   arrive.
//! - A username has at most one account; a refresh token is exchanged at most once; a worker number has one holder.
//!
//! **Does not** decide: which entry follows which, who may do what and who is told is the router's business.
//!
//! **Limits.** Those of `proto::limits` for entries and appends.

mod cache;
mod call;
mod copy;
mod cql;
mod directory;
mod embedded;
mod engine;
mod ephemeral;
mod error;
mod fault;
mod identity;
mod log;
mod memory;
pub mod metrics;
pub mod mutation;
#[cfg(feature = "sim")]
mod replicated;
mod snowflake;
mod store;

pub use call::{Call, Op};
pub use copy::{Compared, CopyError, CopyProgress, CopyReport, Step, copy};
pub use cql::{
    Cql, CqlConfig, CqlCredentials, CqlError, CqlTls, Migration, Replication, drop_test_keyspace,
    test_cluster, test_config,
};
pub use directory::{
    ConfirmationRow, Confirming, Count, Cursor, GroupChange, GroupInfo, GroupSettings, HeadRow, InboxRow,
    Invitation, JoinRequest, Link, Member, MentionRange, MentionRow, OverlayRow, People, Relation, Role,
    SettingsEdit, number_in_direct,
};
pub use embedded::{Embedded, EmbeddedConfig, OpenError};
pub use ephemeral::{
    Attempt, AttemptRule, Away, Counted, DevicePresence, DeviceState, Ephemeral, LocalConfig, Others,
    Presence, PresenceChanges, PresenceConfig, RedisConfig, RedisUrlError,
};
pub use error::{StoreError, VerifyError};
pub use fault::{Fault, Gate, Rates, Rule};
pub use identity::{
    Account, AccountDetails, AccountField, AccountStatus, Creation, LEASE_GUARD_MS, LeaseError, Login,
    NICKNAME_CHARS_MIN, PresenceAudience, Rotation, SEARCH_CHARS_MIN, Standing, WorkerLease,
};
pub use log::{
    Batch, Bucket, Cas, Durable, IncarnationId, Level, Ownership, PageRange, Register, Row, Verified,
};
pub use memory::Memory;
#[cfg(feature = "sim")]
pub use replicated::{Replicated, Weather};
pub use snowflake::{BORROW_MS_MAX, Refusal, Snowflake};
pub use store::Store;
