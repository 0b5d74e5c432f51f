//! What a person reads after the start: what was done, where the page is, and what to try next.

use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::config::Config;
use crate::connect;
use crate::front::PublicPorts;

/// What there is to tell.
pub(crate) struct Greeting<'a> {
    pub(crate) config: &'a Config,
    pub(crate) data_made: bool,
    /// `None` where no key is needed.
    pub(crate) key_generated: Option<bool>,
    pub(crate) public: Option<PublicPorts>,
    pub(crate) admin: SocketAddr,
}

impl Greeting<'_> {
    /// As lines for a terminal.
    pub(crate) fn text(&self) -> String {
        let mut text = format!("Tidegate {} is ready.\n\n", env!("CARGO_PKG_VERSION"));
        for (what, place, remark) in self.lines() {
            let _ = writeln!(text, "{}", format!("  {what:<6} {place:<34} {remark}").trim_end());
        }
        for remark in self.config.remarks() {
            let _ = writeln!(text, "\nNote: {remark}.");
        }
        if let Some(public) = self.public.filter(|_| self.config.roles.api) {
            let page = public_url(public);
            let _ = write!(
                text,
                "\nNext, in another terminal:\n\n  \
                 curl {page}/api/v1/auth/register -H 'content-type: application/json' \\\n       \
                 -d '{{\"username\":\"alice\",\"password\":\"123456\"}}'\n"
            );
        }
        text.push_str("\nCtrl-C stops it. `tidegate --help` tells the rest.\n");
        text
    }

    /// What, where, and a remark.
    fn lines(&self) -> Vec<(&'static str, String, &'static str)> {
        let (config, roles) = (self.config, self.config.roles);
        let mut lines = Vec::new();
        if !roles.is_all() {
            lines.push(("role", roles.to_string(), ""));
        }
        if let Some(public) = self.public {
            let page = public_url(public);
            if roles.api {
                lines.push(("page", format!("{page}/"), "open it in two windows and chat"));
                lines.push(("API", format!("{page}/docs"), "every call, to try out"));
            }
            if roles.gateway && !roles.api {
                lines.push(("socket", format!("{}/ws", page.replacen("http", "ws", 1)), ""));
            }
        }
        if config.bus.nats.is_some() {
            lines.push(("NATS", connect::bus_words(config), "joins the processes"));
            lines.push(("store", connect::store_words(config), ""));
        }
        if config.redis.is_some() && roles.has_front() {
            lines.push(("Redis", connect::ephemeral_words(config), "for what may be lost"));
        }
        let data = if self.data_made { "made just now" } else { "opened, with what was in it" };
        lines.push(("data", config.data_dir.display().to_string(), data));
        if let Some(generated) = self.key_generated {
            let key = if generated { "generated just now, mode 0600" } else { "read" };
            lines.push(("key", config.auth.signing_key_file.display().to_string(), key));
        }
        lines.push(("admin", format!("{}/metrics", url(self.admin)), "also /live and /ready"));
        lines
    }
}

/// The public port, by TLS where there is any.
fn public_url(public: PublicPorts) -> String {
    match public.tls {
        Some(tls) => url(tls).replacen("http", "https", 1),
        None => url(public.address),
    }
}

/// The address as a person on this machine would open it.
fn url(address: SocketAddr) -> String {
    match address.ip() {
        ip if ip.is_unspecified() || ip == IpAddr::V4(Ipv4Addr::LOCALHOST) => {
            format!("http://localhost:{}", address.port())
        }
        _ => format!("http://{address}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_become_urls_that_open() {
        assert_eq!(url("0.0.0.0:8080".parse().unwrap()), "http://localhost:8080");
        assert_eq!(url("[::]:8080".parse().unwrap()), "http://localhost:8080");
        assert_eq!(url("10.0.0.7:80".parse().unwrap()), "http://10.0.0.7:80");
    }
}
