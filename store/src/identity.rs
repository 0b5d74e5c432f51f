//! Who people and workers are: accounts, logins with rotating refresh tokens, worker leases.

mod account;
mod lease;
mod login;

pub use account::{Account, AccountStatus, Creation};
pub use lease::{LEASE_GUARD_MS, LeaseError, WorkerLease};
pub use login::{Login, Rotation};

pub(crate) use account::decode as decode_account;
pub(crate) use lease::{Lease, decode as decode_lease};
pub(crate) use login::decode as decode_login;
