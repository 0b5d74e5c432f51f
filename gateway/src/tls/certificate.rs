//! From when and until when a certificate is valid (RFC 5280 §4.1.2.5): all that has to be known of one beyond what rustls
//! looks at itself.

/// Both ends, Unix time in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Validity {
    pub(super) begins: u64,
    pub(super) ends: u64,
}

const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xA0;

/// Reads a certificate in DER; `None` when it is none.
pub(super) fn validity(certificate: &[u8]) -> Option<Validity> {
    let (certificate, _) = expect(SEQUENCE, certificate)?;
    let (mut rest, _) = expect(SEQUENCE, certificate)?;
    if let Some((_, behind)) = expect(VERSION, rest) {
        rest = behind;
    }
    // Serial number, algorithm of the signature, issuer.
    for tag in [INTEGER, SEQUENCE, SEQUENCE] {
        (_, rest) = expect(tag, rest)?;
    }
    let (times, _) = expect(SEQUENCE, rest)?;
    let (begins, times) = time(times)?;
    let (ends, _) = time(times)?;
    Some(Validity { begins, ends })
}

/// The content of an element that must have this tag, and what follows it.
fn expect(tag: u8, bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (found, content, rest) = element(bytes)?;
    (found == tag).then_some((content, rest))
}

/// Tag, content, and what follows (X.690 §8.1).
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[tag, first], rest) = bytes.split_first_chunk()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7F)).filter(|(n, _)| n.len() <= 4)?;
        (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

/// One point in time, to the second and in UTC as RFC 5280 wants it, and what follows.
fn time(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (tag, text, rest) = element(bytes)?;
    let text = std::str::from_utf8(text.strip_suffix(b"Z")?).ok()?;
    let (year, text) = match tag {
        // Two digits: 1950 to 2049.
        UTC_TIME => {
            let year: u64 = text.get(..2)?.parse().ok()?;
            (if year < 50 { 2000 + year } else { 1900 + year }, text.get(2..)?)
        }
        GENERALIZED_TIME => (text.get(..4)?.parse().ok()?, text.get(4..)?),
        _ => return None,
    };
    let part = |at: usize| text.get(at..at + 2)?.parse::<u64>().ok();
    let days = days_since_1970(year, part(0)?, part(2)?)?;
    Some((days * 86_400 + part(4)? * 3_600 + part(6)? * 60 + part(8)?, rest))
}

/// Of a date in the Gregorian calendar; what was before 1970 is the first day of it.
fn days_since_1970(year: u64, month: u64, day: u64) -> Option<u64> {
    const BEFORE_MONTH: [u64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    let before_month = BEFORE_MONTH.get(usize::try_from(month).ok()?.checked_sub(1)?)?;
    let leap_years_before = |year: u64| year / 4 - year / 100 + year / 400;
    // A leap day counts in its own year from March on.
    let leaps = leap_years_before(if month > 2 { year } else { year.checked_sub(1)? });
    let days = year * 365 + leaps + before_month + day.checked_sub(1)?;
    Some(days.saturating_sub(1970 * 365 + leap_years_before(1969)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_counted_as_the_calendar_has_them() {
        for (date, days) in
            [((1970, 1, 1), 0), ((1970, 3, 1), 59), ((2000, 2, 29), 11_016), ((2000, 3, 1), 11_017)]
        {
            assert_eq!(days_since_1970(date.0, date.1, date.2), Some(days), "{date:?}");
        }
        assert_eq!(days_since_1970(2026, 11, 22), Some(20_779));
        assert_eq!(days_since_1970(2026, 13, 1), None);
        assert_eq!(days_since_1970(1969, 12, 31), Some(0));
    }

    #[test]
    fn times_are_read_in_both_spellings() {
        let utc = b"\x17\x0d261122030405Z";
        let generalized = b"\x18\x0f20261122030405Z rest";
        let seconds = 20_779 * 86_400 + 3 * 3_600 + 4 * 60 + 5;
        assert_eq!(time(utc), Some((seconds, &b""[..])));
        assert_eq!(time(generalized), Some((seconds, &b" rest"[..])));
        assert_eq!(time(b"\x17\x0c261122030405"), None);
    }

    #[test]
    fn a_certificate_says_when_it_is_valid() {
        let mut params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(2026, 1, 2);
        params.not_after = rcgen::date_time_ymd(2061, 3, 4);
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let days = |year, month, day| days_since_1970(year, month, day).unwrap() * 86_400;
        let expected = Validity { begins: days(2026, 1, 2), ends: days(2061, 3, 4) };
        assert_eq!(validity(certificate.der()), Some(expected));
    }

    #[test]
    fn what_is_cut_short_or_something_else_is_no_certificate() {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let certificate = params.self_signed(&key).unwrap();
        for length in 0..certificate.der().len() {
            assert_eq!(validity(&certificate.der()[..length]), None, "{length} bytes");
        }
        assert_eq!(validity(b"\x30\x84\xff\xff\xff\xff"), None);
        assert_eq!(validity(b"\x30\x80\x30\x80"), None);
    }
}
