//! Who people and workers are: accounts, logins with rotating refresh tokens, worker leases.

mod account;
mod lease;
mod login;

pub use account::{Account, AccountStatus, Creation};
pub use lease::{LEASE_GUARD_MS, LeaseError, WorkerLease};
pub use login::{Login, Rotation};
