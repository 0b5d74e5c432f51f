//! Passwords: argon2id (RFC 9106) with 19 MiB, two passes, one lane, in PHC strings.
//!
//! One call costs some 20–40 ms of a core and 19 MiB: callers run it on a bounded pool. Hashes of another backend are taken
//! within bounds ([`check_imported`]), verified, and replaced by one of ours at the first login ([`is_to_be_replaced`]).

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use thiserror::Error;

mod imported;

pub use imported::{IMPORTED_ALLOWED, check_imported};

/// The most bytes a password may have. Hashing is linear in them, so there must be a bound.
pub const PASSWORD_BYTES_MAX: usize = 256;

const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// How each hash of ours begins.
const OURS: &str = "$argon2id$v=19$m=19456,t=2,p=1$";

/// A hash of nobody's password, for [`verify`] without a hash.
const DUMMY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$dGlkZWdhdGVkdW1teTAwMQ$w0q5dVZzXGDRbl5Hy1+fRCSbH5S1uUwo1wAfUvyEsGY";

/// Why a password cannot be hashed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PasswordError {
    /// The caller's fault.
    #[error("a password has at most {PASSWORD_BYTES_MAX} bytes")]
    TooLong,
    /// No memory or no randomness: ours, and a retry may help.
    #[error("hashing failed: {0}")]
    Failed(String),
}

fn hasher() -> Argon2<'static> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None)
        .unwrap_or_else(|_| unreachable!("constants within the limits of RFC 9106"));
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

/// The PHC string of a password, with a fresh random salt.
pub fn hash(password: &str) -> Result<String, PasswordError> {
    if password.len() > PASSWORD_BYTES_MAX {
        return Err(PasswordError::TooLong);
    }
    let hash: PasswordHash = hasher()
        .hash_password(password.as_bytes())
        .map_err(|error| PasswordError::Failed(error.to_string()))?;
    Ok(hash.to_string())
}

/// Whether the hash, ours or imported, is of this password. A string that cannot be read is of none. Without one, because
/// there is no such account, nothing is right, after the same work: the time of an answer does not tell who has an account.
/// An imported hash costs what its parameters say until it is replaced.
pub fn verify(password: &str, hash: Option<&str>) -> bool {
    if password.len() > PASSWORD_BYTES_MAX {
        return false;
    }
    if let Some(right) = hash.and_then(|hash| imported::verify_bcrypt(password, hash)) {
        return right;
    }
    PasswordHash::new(hash.unwrap_or(DUMMY))
        .is_ok_and(|hash| hasher().verify_password(password.as_bytes(), &hash).is_ok())
        && hash.is_some()
}

/// Whether a hash that is of this password should be replaced by one of ours.
///
/// bcrypt reads only the beginning of a long password. What follows may be mistyped, and a hash of all of it would then lock
/// its user out: such a hash stays.
pub fn is_to_be_replaced(password: &str, hash: &str) -> bool {
    !hash.starts_with(OURS)
        && (!imported::is_bcrypt(hash) || password.len() <= imported::BCRYPT_PASSWORD_BYTES)
}

#[cfg(test)]
mod tests {
    use super::{DUMMY, hash, verify};
    use argon2::Params;
    use argon2::password_hash::phc::PasswordHash;

    /// A dummy that did not parse, or had other parameters, would give away which names exist.
    #[test]
    fn dummy_costs_what_a_real_hash_costs() {
        let real = hash("correct horse").unwrap();
        let (real, dummy) = (PasswordHash::new(&real).unwrap(), PasswordHash::new(DUMMY).unwrap());
        assert_eq!(Params::try_from(&real).unwrap(), Params::try_from(&dummy).unwrap());
        assert_eq!((real.algorithm, real.version), (dummy.algorithm, dummy.version));
        assert_eq!(real.salt.unwrap().len(), dummy.salt.unwrap().len());
        assert_eq!(real.hash.unwrap().len(), dummy.hash.unwrap().len());
    }

    #[test]
    fn hashes_are_salted_argon2id_of_the_documented_cost() {
        let (one, two) = (hash("123456").unwrap(), hash("123456").unwrap());
        assert_ne!(one, two);
        assert!(one.starts_with(super::OURS), "{one}");
        assert!(verify("123456", Some(&one)) && verify("123456", Some(&two)));
        assert!(!verify("123457", Some(&one)));
    }

    #[test]
    fn too_long_or_unreadable_is_never_right() {
        let long = "x".repeat(super::PASSWORD_BYTES_MAX + 1);
        assert_eq!(hash(&long), Err(super::PasswordError::TooLong));
        assert!(!verify("", Some("")));
        assert!(!verify("", None));
        assert!(!verify("123456", Some("123456")));
    }
}
