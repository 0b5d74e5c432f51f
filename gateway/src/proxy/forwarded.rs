//! The addresses in `X-Forwarded-For` and in `Forwarded` (RFC 7239), in the order in which proxies added them.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;
use http::header::FORWARDED;

/// Each element of the list; `None` for one that is no address.
pub(super) fn x_forwarded_for(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    elements(headers.get_all("x-forwarded-for")).map(|element| element.and_then(node)).collect()
}

/// The `for` of each element; `None` for one that has none, or a hidden one.
pub(super) fn forwarded(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    elements(headers.get_all(FORWARDED)).map(|element| element.and_then(parameter_for)).collect()
}

/// Neither addresses nor obfuscated names hold commas, so quotes need no attention here.
fn elements<'a>(
    values: http::header::GetAll<'a, http::HeaderValue>,
) -> impl Iterator<Item = Option<&'a str>> {
    values.into_iter().flat_map(|value| {
        let text = value.to_str().ok();
        text.map_or_else(|| vec![None], |text| text.split(',').map(|part| Some(part.trim())).collect())
    })
}

fn parameter_for(element: &str) -> Option<IpAddr> {
    element.split(';').find_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
        name.eq_ignore_ascii_case("for").then(|| node(value))?
    })
}

/// An address, perhaps with a port; IPv6 with a port is in brackets.
fn node(text: &str) -> Option<IpAddr> {
    let address = text.parse::<IpAddr>().ok();
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    let in_brackets = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok().map(IpAddr::V6);
    address.or_else(with_port).or_else(in_brackets).map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(value: &str) -> Vec<Option<String>> {
        let mut headers = HeaderMap::new();
        headers.insert(FORWARDED, value.parse().unwrap());
        let found = forwarded(&headers).into_iter();
        found.map(|address| address.map(|address| address.to_string())).collect()
    }

    fn known(address: &str) -> Option<String> {
        Some(address.to_owned())
    }

    #[test]
    fn the_examples_of_rfc_7239_are_read() {
        assert_eq!(all(r#"For="[2001:db8:cafe::17]:4711""#), [known("2001:db8:cafe::17")]);
        assert_eq!(all("for=192.0.2.60;proto=http;by=203.0.113.43"), [known("192.0.2.60")]);
        assert_eq!(all("for=192.0.2.43, for=198.51.100.17"), [known("192.0.2.43"), known("198.51.100.17")]);
        assert_eq!(all(r#"for="_gazonk""#), [None]);
        assert_eq!(all(r#"proto=https;for="192.0.2.43:47011""#), [known("192.0.2.43")]);
        assert_eq!(all(r#"for="[2001:db8::1]""#), [known("2001:db8::1")]);
    }

    #[test]
    fn an_element_without_for_is_nobody() {
        assert_eq!(all("proto=https, for=192.0.2.1"), [None, known("192.0.2.1")]);
        assert_eq!(all("for=::ffff:192.0.2.1"), [known("192.0.2.1")]);
    }
}
