//! Which web pages may open sockets (RFC 6455 section 10.2): without this any page could use a visitor's proof.

use http::HeaderValue;

use crate::config::Origins;

/// Whether a page of this origin may. No `Origin` means no web page: browsers always send it.
pub(super) fn is_allowed(
    origins: &Origins,
    origin: Option<&HeaderValue>,
    host: Option<&HeaderValue>,
) -> bool {
    let Some(origin) = origin else { return true };
    let Ok(origin) = origin.to_str() else { return false };
    let same = host.and_then(|host| host.to_str().ok()).is_some_and(|host| is_same(origin, host));
    match origins {
        Origins::Same => same,
        Origins::Listed(listed) => same || listed.iter().any(|listed| listed == origin),
    }
}

/// Whether the origin's host and port are those of the request. The scheme is not compared: TLS may end in front of
/// this process. A port left out is the scheme's own.
fn is_same(origin: &str, host: &str) -> bool {
    let Some((scheme, authority)) = origin.split_once("://") else { return false };
    let port = match scheme {
        "http" => ":80",
        "https" => ":443",
        _ => return false,
    };
    let bare = |authority: &str| authority.strip_suffix(port).unwrap_or(authority).to_ascii_lowercase();
    !authority.is_empty() && bare(authority) == bare(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(origins: &Origins, origin: &'static str, host: &'static str) -> bool {
        is_allowed(origins, Some(&HeaderValue::from_static(origin)), Some(&HeaderValue::from_static(host)))
    }

    #[test]
    fn no_origin_is_no_page() {
        assert!(is_allowed(&Origins::Same, None, None));
    }

    #[test]
    fn the_same_host_and_port_is_the_same_origin() {
        assert!(allowed(&Origins::Same, "http://localhost:8080", "localhost:8080"));
        assert!(allowed(&Origins::Same, "https://chat.example.org", "chat.example.org"));
        assert!(allowed(&Origins::Same, "https://chat.example.org", "Chat.example.org:443"));
        for (origin, host) in [
            ("http://localhost:8081", "localhost:8080"),
            ("https://evil.example.org", "chat.example.org"),
            ("https://chat.example.org.evil.net", "chat.example.org"),
            ("null", "chat.example.org"),
            ("file://", ""),
            ("https://", ""),
        ] {
            assert!(!allowed(&Origins::Same, origin, host), "{origin} is not {host}");
        }
    }

    #[test]
    fn a_listed_origin_must_match_exactly() {
        let listed = Origins::Listed(vec!["https://app.example.org".to_owned()]);
        assert!(allowed(&listed, "https://app.example.org", "chat.example.org"));
        assert!(allowed(&listed, "https://chat.example.org", "chat.example.org"));
        for origin in
            ["http://app.example.org", "https://app.example.org:8443", "https://app.example.org.evil.net"]
        {
            assert!(!allowed(&listed, origin, "chat.example.org"), "{origin}");
        }
    }
}
