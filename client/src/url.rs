//! The address of a server: `ws://host[:port][/path]`, with `wss://` for TLS.

use crate::ConnectError;

/// Where to connect and what to ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerUrl {
    /// Whether everything is encrypted.
    pub tls: bool,
    /// Host name or address; an IPv6 address has no brackets here.
    pub host: String,
    /// TCP port; 80, or 443 with TLS, when the URL names none.
    pub port: u16,
    /// Path and query, from `/`; `/ws` when the URL names none.
    pub path: String,
}

impl ServerUrl {
    /// Reads `ws://host[:port][/path]` or `wss://…`; `http://` and `https://` are taken as the same.
    pub fn parse(text: &str) -> Result<Self, ConnectError> {
        let wrong = |problem: &str| ConnectError::Url { url: text.to_owned(), problem: problem.to_owned() };
        let schemes = [("ws://", false), ("http://", false), ("wss://", true), ("https://", true)];
        let (rest, tls) = schemes
            .iter()
            .find_map(|(scheme, tls)| text.strip_prefix(scheme).map(|rest| (rest, *tls)))
            .ok_or_else(|| wrong("it must begin with ws:// or wss://"))?;
        let default_port = if tls { 443 } else { 80 };
        let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
        let (host, port) =
            split_port(authority, default_port).ok_or_else(|| wrong("the port is not a number"))?;
        if host.is_empty() {
            return Err(wrong("the host is missing"));
        }
        if text.bytes().any(|byte| byte.is_ascii_control() || byte == b' ') {
            return Err(wrong("it has a space or a control character"));
        }
        let path = if path.is_empty() || path == "/" { "/ws" } else { path };
        Ok(Self { tls, host: host.to_owned(), port, path: path.to_owned() })
    }

    /// The value of the `Host` header.
    pub fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

/// `host:port`, `[v6]:port` or a host alone; `None` when the port is no number.
fn split_port(authority: &str, default_port: u16) -> Option<(&str, u16)> {
    if let Some(bracketed) = authority.strip_prefix('[') {
        let (host, rest) = bracketed.split_once(']')?;
        return match rest.strip_prefix(':') {
            Some(port) => Some((host, port.parse().ok()?)),
            None => rest.is_empty().then_some((host, default_port)),
        };
    }
    match authority.rsplit_once(':') {
        Some((host, port)) => Some((host, port.parse().ok()?)),
        None => Some((authority, default_port)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> (String, u16, String) {
        let url = ServerUrl::parse(text).expect(text);
        (url.host, url.port, url.path)
    }

    #[test]
    fn reads_hosts_ports_and_paths() {
        assert_eq!(parsed("ws://a.example"), ("a.example".into(), 80, "/ws".into()));
        assert_eq!(parsed("ws://127.0.0.1:8080/"), ("127.0.0.1".into(), 8080, "/ws".into()));
        assert_eq!(parsed("http://[::1]:9/chat?x=1"), ("::1".into(), 9, "/chat?x=1".into()));
        assert_eq!(parsed("wss://a.example/x"), ("a.example".into(), 443, "/x".into()));
        assert!(ServerUrl::parse("https://[::1]:8443").is_ok_and(|url| url.tls && url.port == 8443));
    }

    #[test]
    fn says_what_is_wrong() {
        for wrong in ["wss://", "a:80", "ws://:80", "ws://a:eighty", "ws://a/b c", "ws://[::1"] {
            assert!(matches!(ServerUrl::parse(wrong), Err(ConnectError::Url { .. })), "{wrong}");
        }
    }
}
