//! How long to wait before the very same thing is tried again.

/// The first pause.
const FIRST_MS: u64 = 20;
/// No pause is longer.
const LONGEST_MS: u64 = 1_000;

/// Milliseconds to wait after `failures` failures in a row (1 for the first): doubling from 20 ms to 1 s.
pub fn pause_ms(failures: u32) -> u64 {
    let doublings = failures.saturating_sub(1).min(10);
    (FIRST_MS << doublings).min(LONGEST_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_second() {
        assert_eq!([1, 2, 3, 7, 100].map(pause_ms), [20, 40, 80, 1_000, 1_000]);
    }
}
