//! Hashes that another backend made: which are taken.
//!
//! Each login verifies one, so what it may cost is bounded: about a second of a core, and 64 MiB.

use argon2::Params;
use argon2::password_hash::phc::PasswordHash;

/// What [`check_imported`] takes, for who gave something else.
pub const IMPORTED_ALLOWED: &str = "bcrypt ($2a$, $2b$ or $2y$) with a cost of 4 to 14, or argon2id (v=19) as a PHC string with \
    m of at most 65536, t of at most 4 and p of at most 16";

/// Bytes of a password that bcrypt reads.
pub(super) const BCRYPT_PASSWORD_BYTES: usize = 72;

const COST_MIN: u32 = 4;
const COST_MAX: u32 = 14;
const MEMORY_KIB_MAX: u32 = 64 * 1024;
const PASSES_MAX: u32 = 4;
const LANES_MAX: u32 = 16;
/// Shorter ones are of too many passwords, or not random.
const OUTPUT_BYTES_MIN: usize = 16;

/// Whether an imported hash may be stored: it can be verified, at a cost within bounds.
pub fn check_imported(hash: &str) -> bool {
    if is_bcrypt(hash) { is_usable_bcrypt(hash) } else { is_usable_argon2id(hash) }
}

pub(super) fn is_bcrypt(hash: &str) -> bool {
    ["$2a$", "$2b$", "$2y$"].iter().any(|version| hash.starts_with(version))
}

fn is_usable_bcrypt(hash: &str) -> bool {
    let cost = hash.get(4..6).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_digit()));
    cost.and_then(|digits| digits.parse().ok()).is_some_and(|cost| (COST_MIN..=COST_MAX).contains(&cost))
        && hash.parse::<bcrypt::HashParts>().is_ok()
}

fn is_usable_argon2id(hash: &str) -> bool {
    let Ok(hash) = PasswordHash::new(hash) else { return false };
    let Ok(params) = Params::try_from(&hash) else { return false };
    hash.algorithm == argon2::ARGON2ID_IDENT
        && hash.version == Some(argon2::Version::V0x13.into())
        && hash.salt.is_some()
        && hash.hash.is_some_and(|output| output.len() >= OUTPUT_BYTES_MIN)
        && params.m_cost() <= MEMORY_KIB_MAX
        && params.t_cost() <= PASSES_MAX
        && params.p_cost() <= LANES_MAX
        && params.keyid().is_empty()
        && params.data().is_empty()
}

/// Whether a hash of bcrypt is of this password; `None` if it is none of bcrypt.
pub(super) fn verify_bcrypt(password: &str, hash: &str) -> Option<bool> {
    is_bcrypt(hash).then(|| is_usable_bcrypt(hash) && bcrypt::verify(password, hash).unwrap_or(false))
}

#[cfg(test)]
mod tests {
    use super::super::{hash, is_to_be_replaced, verify};
    use super::check_imported;

    /// Of `U*U`, from the test vectors of crypt_blowfish.
    const BCRYPT: &str = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";
    /// Of `password` and the salt `somesalt`, from the test vectors of the reference implementation.
    const ARGON2ID: &str =
        "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";

    #[test]
    fn hashes_of_other_programs_are_verified_and_to_be_replaced() {
        for version in ["$2a$", "$2b$", "$2y$"] {
            let bcrypt = BCRYPT.replace("$2a$", version);
            assert!(check_imported(&bcrypt), "{bcrypt}");
            assert!(verify("U*U", Some(&bcrypt)) && !verify("U*V", Some(&bcrypt)), "{bcrypt}");
            assert!(is_to_be_replaced("U*U", &bcrypt));
        }
        assert!(check_imported(ARGON2ID));
        assert!(verify("password", Some(ARGON2ID)) && !verify("passwort", Some(ARGON2ID)));
        assert!(is_to_be_replaced("password", ARGON2ID));
        let ours = hash("password").unwrap();
        assert!(check_imported(&ours) && !is_to_be_replaced("password", &ours));
    }

    #[test]
    fn a_password_of_which_bcrypt_reads_the_beginning_keeps_its_hash() {
        let long = "x".repeat(100);
        let bcrypt = bcrypt::hash(&long, 4).unwrap();
        assert!(verify(&long, Some(&bcrypt)) && verify(&long[..72], Some(&bcrypt)));
        assert!(!verify(&long[..71], Some(&bcrypt)));
        assert!(!is_to_be_replaced(&long, &bcrypt) && is_to_be_replaced(&long[..72], &bcrypt));
    }

    #[test]
    fn what_costs_too_much_or_cannot_be_verified_is_not_taken() {
        let bcrypt = |from: &str, to: &str| BCRYPT.replacen(from, to, 1);
        let argon2 = |from: &str, to: &str| ARGON2ID.replacen(from, to, 1);
        let bad = [
            String::new(),
            "123456".to_owned(),
            "5f4dcc3b5aa765d61d8327deb882cf99".to_owned(),
            "$1$somesalt$".to_owned(),
            bcrypt("$2a$", "$2x$"),
            bcrypt("$05$", "$03$"),
            bcrypt("$05$", "$15$"),
            bcrypt("$05$", "$31$"),
            bcrypt("$05$", "$+5$"),
            bcrypt("E5YPO9", "E5YPO"),
            bcrypt("E5YPO9", "E5YPO99"),
            bcrypt("E5YPO9", "E5YPO!"),
            bcrypt("E5YPO9", "E5Yé9"),
            argon2("argon2id", "argon2i"),
            argon2("argon2id", "argon2d"),
            argon2("v=19", "v=16"),
            argon2("$v=19", ""),
            argon2("m=65536", "m=65537"),
            argon2("t=2", "t=5"),
            argon2("t=2", "t=4294967295"),
            argon2("p=1$", "p=17$"),
            argon2("p=1$", "p=1,keyid=YWJj$"),
            argon2("$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc", ""),
            argon2("CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc", "CTFhFdXPJO1aFaMa"),
        ];
        for hash in bad {
            assert!(!check_imported(&hash), "{hash}");
        }
    }
}
