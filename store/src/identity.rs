//! Who people and workers are: accounts, logins with rotating refresh tokens, whether both still hold, worker leases.

mod account;
mod details;
mod lease;
mod login;
mod nickname;
mod standing;

pub use account::{Account, AccountStatus, Creation, SEARCH_CHARS_MIN};
pub use details::{AccountDetails, AccountField, PresenceAudience};
pub use lease::{LEASE_GUARD_MS, LeaseError, WorkerLease};
pub use login::{Login, Rotation};
pub use nickname::NICKNAME_CHARS_MIN;
pub use standing::Standing;

pub(crate) use account::decode as decode_account;
pub(crate) use details::{decode_details, encode_details};
pub(crate) use lease::{Lease, decode as decode_lease};
pub(crate) use login::decode as decode_login;
pub(crate) use nickname::{decode as decode_nickname, findable, row as nickname_row};
pub(crate) use standing::Sought;
