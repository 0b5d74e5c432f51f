//! Durations and sizes as people write them: `25s`, `10m`, `30d`; `256KiB`, `1MiB`.

use std::time::Duration;

const MILLISECONDS: &[(&str, u64)] =
    &[("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
const BYTES: &[(&str, u64)] = &[("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("B", 1)];

/// A whole number with a unit of time, such as `250ms`.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    amount(text, MILLISECONDS).map(Duration::from_millis)
}

/// A whole number with a unit of size, such as `256KiB`.
pub(crate) fn bytes(text: &str) -> Option<u64> {
    amount(text, BYTES)
}

fn amount(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let text = text.trim();
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let (_, factor) = units.iter().find(|(name, _)| *name == unit.trim_start())?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

/// The duration in the largest unit that needs no fraction.
pub(crate) fn spell_duration(duration: Duration) -> String {
    let milliseconds = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let whole = |(_, factor): &&(&str, u64)| milliseconds.is_multiple_of(*factor);
    let (unit, factor) = MILLISECONDS.iter().rev().find(whole).unwrap_or(&("ms", 1));
    format!("{}{unit}", milliseconds / factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_sizes_are_read() {
        assert_eq!(duration("250ms"), Some(Duration::from_millis(250)));
        assert_eq!(duration("30 d"), Some(Duration::from_secs(30 * 86_400)));
        assert_eq!(bytes("256KiB"), Some(262_144));
        for wrong in ["", "5", "s", "-1s", "1.5s", "5 parsecs", "99999999999999999999s"] {
            assert_eq!(duration(wrong), None, "{wrong}");
        }
        assert_eq!(bytes("1 kb"), None);
    }

    #[test]
    fn durations_are_spelled_as_they_are_read() {
        for text in ["250ms", "25s", "15m", "2h", "30d"] {
            assert_eq!(duration(text).map(spell_duration).as_deref(), Some(text));
        }
    }
}
