//! Chance, asked in one place for what must differ between processes.

/// A random number, different in every process.
pub fn random_u64() -> u64 {
    #[cfg(feature = "sim")]
    if let Some(number) = crate::sim::random() {
        return number;
    }
    rand::random()
}

/// A number that no other process ever draws.
pub fn random_u128() -> u128 {
    u128::from(random_u64()) << 64 | u128::from(random_u64())
}
