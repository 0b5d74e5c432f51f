//! Values in a query string.

use std::borrow::Cow;

/// The first value of `name`, percent-decoded. What does not decode to UTF-8 is given as it is: no value that is any good has
/// a percent sign.
pub(super) fn value<'a>(query: &'a str, name: &str) -> Option<Cow<'a, str>> {
    query
        .split('&')
        .find_map(|pair| pair.split_once('=').filter(|(key, _)| *key == name))
        .map(|(_, value)| decoded(value).unwrap_or(Cow::Borrowed(value)))
}

fn decoded(value: &str) -> Option<Cow<'_, str>> {
    if !value.contains('%') {
        return Some(Cow::Borrowed(value));
    }
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        if *first == b'%' {
            let digits = std::str::from_utf8(after.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &after[2..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_by_their_whole_name() {
        assert_eq!(value("atoken=no&token=yes&token=late", "token").as_deref(), Some("yes"));
        assert_eq!(value("token", "token"), None);
        assert_eq!(value("", "token"), None);
        assert_eq!(value("token=", "token").as_deref(), Some(""));
    }

    #[test]
    fn percent_signs_are_decoded_and_plus_is_kept() {
        assert_eq!(value("userId=a%40b%2Bc+d", "userId").as_deref(), Some("a@b+c+d"));
    }

    #[test]
    fn what_does_not_decode_is_taken_as_it_is() {
        for wrong in ["%4", "%zz", "%ff"] {
            assert_eq!(value(&format!("userId={wrong}"), "userId").as_deref(), Some(wrong));
        }
    }
}
