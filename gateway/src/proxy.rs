//! Whose word about a client's address is taken: that of the proxies that are named, in the one way that is named.
//!
//! ```text
//! peer trusted? ──no──► the peer is the client, whatever its headers say
//!      └─yes─► PROXY protocol v2 before the first byte, or the last address in a header that no trusted proxy wrote
//! ```
//!
//! **Guarantees.** What a client writes into a header itself is never taken for its address: a list is read from its end,
//! and only as far as the names in it are trusted proxies.
//!
//! **Does not** guess which header a proxy writes: one that passes the other header through would let clients forge it.

mod forwarded;
mod preface;
mod prefix;

pub use preface::{BadPreface, read_preface};
pub use prefix::{BadPrefix, Prefix};

use std::net::IpAddr;

use http::HeaderMap;

/// See the module.
#[derive(Clone, Debug)]
pub struct TrustedProxies {
    /// Their addresses. Empty: none is trusted.
    pub prefixes: Vec<Prefix>,
    /// How they tell whom they speak for.
    pub told_by: ToldBy,
}

/// How a proxy tells whom it speaks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToldBy {
    /// `X-Forwarded-For`, by convention.
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
    /// PROXY protocol version 2 before everything else on a connection.
    ProxyProtocol,
}

impl TrustedProxies {
    /// Whether this peer is one of them.
    pub fn trust(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.prefixes.iter().any(|prefix| prefix.holds(peer))
    }

    /// Whether a connection of this peer begins with the PROXY protocol.
    pub fn speak_first(&self, peer: IpAddr) -> bool {
        self.told_by == ToldBy::ProxyProtocol && self.trust(peer)
    }

    /// Whether the requests of this peer say in a header for whom they are.
    pub fn speak_in_headers(&self, peer: IpAddr) -> bool {
        self.told_by != ToldBy::ProxyProtocol && self.trust(peer)
    }

    /// Whose request it is that came from `peer`; `None` when a proxy does not say.
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> Option<IpAddr> {
        if !self.speak_in_headers(peer) {
            return Some(peer);
        }
        let told = match self.told_by {
            ToldBy::XForwardedFor => forwarded::x_forwarded_for(headers),
            ToldBy::Forwarded => forwarded::forwarded(headers),
            ToldBy::ProxyProtocol => return Some(peer),
        };
        let mut client = None;
        for address in told.into_iter().rev() {
            // What is before something unreadable cannot be trusted either.
            client = Some(address?);
            if !client.is_some_and(|address| self.trust(address)) {
                break;
            }
        }
        client
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(told_by: ToldBy) -> TrustedProxies {
        let prefixes = vec!["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
        TrustedProxies { prefixes, told_by }
    }

    fn headers(name: &'static str, values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name, value.parse().unwrap());
        }
        headers
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[track_caller]
    fn assert_client(told_by: ToldBy, headers: &HeaderMap, client: Option<&str>) {
        let found = proxies(told_by).client(address("10.0.0.1"), headers);
        assert_eq!(found, client.map(address));
    }

    #[test]
    fn a_stranger_is_believed_nothing() {
        let forged = headers("x-forwarded-for", &["192.0.2.1"]);
        let stranger = address("203.0.113.9");
        assert_eq!(proxies(ToldBy::XForwardedFor).client(stranger, &forged), Some(stranger));
        assert!(!proxies(ToldBy::ProxyProtocol).speak_first(stranger));
    }

    #[test]
    fn the_last_address_that_is_no_proxy_is_the_client() {
        let list = headers("x-forwarded-for", &["1.1.1.1, 192.0.2.1", "10.9.9.9 , fd00::7"]);
        assert_client(ToldBy::XForwardedFor, &list, Some("192.0.2.1"));
        let inside = headers("x-forwarded-for", &["10.1.1.1, 10.2.2.2"]);
        assert_client(ToldBy::XForwardedFor, &inside, Some("10.1.1.1"));
    }

    #[test]
    fn the_other_header_is_not_read() {
        let list = headers("forwarded", &["for=192.0.2.1"]);
        assert_client(ToldBy::XForwardedFor, &list, None);
        assert_client(ToldBy::Forwarded, &list, Some("192.0.2.1"));
    }

    #[test]
    fn what_cannot_be_read_is_nobody() {
        for value in ["", "unknown", "192.0.2.1, unknown", "192.0.2.1, 10.0.0.2, _hidden"] {
            assert_client(ToldBy::XForwardedFor, &headers("x-forwarded-for", &[value]), None);
        }
        assert_client(ToldBy::Forwarded, &headers("forwarded", &["for=_hidden, for=10.0.0.2"]), None);
    }
}
