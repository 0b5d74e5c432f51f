//! Which servers there are: those that were configured and those that a server told of.
//!
//! **Limits.** [`HEARD_MAX`] servers heard of.

use async_nats::ServerAddr;
use rand::seq::SliceRandom as _;

/// Servers of one cluster that are remembered.
const HEARD_MAX: usize = 256;

/// One server.
#[derive(Clone)]
pub(super) struct Server {
    pub(super) host: String,
    pub(super) port: u16,
    /// Whether its URL asks for TLS.
    pub(super) tls: bool,
    /// Whose name its certificate must have.
    pub(super) tls_name: String,
}

impl Server {
    fn new(address: &ServerAddr) -> Self {
        let host = address.host().to_owned();
        Self { tls_name: host.clone(), host, port: address.port(), tls: address.tls_required() }
    }

    pub(super) fn is_at(&self, other: &Self) -> bool {
        self.host == other.host && self.port == other.port
    }
}

impl std::fmt::Display for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// See the module.
pub(super) struct Servers {
    configured: Vec<Server>,
    heard: Vec<Server>,
}

impl Servers {
    pub(super) fn new(configured: &[ServerAddr]) -> Self {
        Self { configured: configured.iter().map(Server::new).collect(), heard: Vec::new() }
    }

    /// A server told which ones there are; what was heard before is history.
    pub(super) fn hear(&mut self, urls: &[String], from: &Server) {
        if urls.is_empty() {
            return;
        }
        self.heard.clear();
        for url in urls {
            // What cannot be read cannot be connected to.
            let Ok(address) = url.parse::<ServerAddr>() else { continue };
            let mut server = Server::new(&address);
            server.tls = from.tls;
            // Servers tell addresses, and certificates have names: it is one cluster with one kind of certificate.
            if server.host.parse::<std::net::IpAddr>().is_ok() {
                server.tls_name.clone_from(&from.tls_name);
            }
            let known = self.configured.iter().chain(&self.heard).any(|known| known.is_at(&server));
            if !known && self.heard.len() < HEARD_MAX {
                self.heard.push(server);
            }
        }
    }

    /// All of them in random order, one that is better avoided last.
    pub(super) fn shuffled(&self, avoid: Option<&Server>) -> Vec<Server> {
        let mut servers: Vec<Server> = self.configured.iter().chain(&self.heard).cloned().collect();
        servers.shuffle(&mut rand::rng());
        servers.sort_by_key(|server| avoid.is_some_and(|avoid| avoid.is_at(server)));
        servers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn servers(urls: &[&str]) -> Servers {
        Servers::new(&urls.iter().map(|url| url.parse().unwrap()).collect::<Vec<_>>())
    }

    fn names(servers: &Servers, avoid: Option<&Server>) -> Vec<String> {
        servers.shuffled(avoid).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn servers_that_were_heard_of_join_those_configured() {
        let mut servers = servers(&["tls://nats.example.org:4333"]);
        let from = servers.configured[0].clone();
        let told =
            ["10.0.0.1:4222", "nats.example.org:4333", "other.example.org:4222", "10.0.0.1:4222", "http://x"];
        servers.hear(&told.map(str::to_owned), &from);
        let mut all = names(&servers, None);
        all.sort();
        assert_eq!(all, ["10.0.0.1:4222", "nats.example.org:4333", "other.example.org:4222"]);
        let heard = &servers.heard[0];
        assert_eq!((heard.tls, heard.tls_name.as_str()), (true, "nats.example.org"));
        assert_eq!(servers.heard[1].tls_name, "other.example.org");
        servers.hear(&["10.0.0.2:4222".to_owned()], &from);
        assert_eq!(servers.heard.len(), 1, "the newest list holds");
        servers.hear(&[], &from);
        assert_eq!(servers.heard.len(), 1, "no list says nothing");
    }

    #[test]
    fn the_avoided_one_comes_last_and_the_order_is_random() {
        let servers = servers(&["a:1", "b:1", "c:1"]);
        let avoid = servers.configured[1].clone();
        let mut firsts = std::collections::BTreeSet::new();
        for _ in 0..100 {
            let order = names(&servers, Some(&avoid));
            assert_eq!(order[2], "b:1");
            firsts.insert(order[0].clone());
        }
        assert_eq!(firsts.len(), 2);
    }
}
