//! What a person reads after the start: what was done, where the page is, and what to try next.

use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;

/// What there is to tell.
pub(crate) struct Greeting<'a> {
    pub(crate) data_dir: &'a Path,
    pub(crate) data_made: bool,
    pub(crate) key_file: &'a Path,
    pub(crate) key_generated: bool,
    pub(crate) public: SocketAddr,
    pub(crate) admin: SocketAddr,
}

impl Greeting<'_> {
    /// As lines for a terminal.
    pub(crate) fn text(&self) -> String {
        let (page, admin) = (url(self.public), url(self.admin));
        let data = if self.data_made { "made just now" } else { "opened, with what was in it" };
        let key = if self.key_generated { "generated just now, mode 0600" } else { "read" };
        let mut text = format!("Tidegate {} is ready.\n\n", env!("CARGO_PKG_VERSION"));
        for (what, place, remark) in [
            ("page", format!("{page}/"), "open it in two windows and chat"),
            ("API", format!("{page}/docs"), "every call, to try out"),
            ("data", self.data_dir.display().to_string(), data),
            ("key", self.key_file.display().to_string(), key),
            ("admin", format!("{admin}/metrics"), "also /live and /ready"),
        ] {
            let _ = writeln!(text, "  {what:<6} {place:<34} {remark}");
        }
        let _ = write!(
            text,
            "\nNext, in another terminal:\n\n  \
             curl {page}/api/v1/auth/register -H 'content-type: application/json' \\\n       \
             -d '{{\"username\":\"alice\",\"password\":\"123456\"}}'\n\n\
             Ctrl-C stops it. `tidegate --help` tells the rest.\n"
        );
        text
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
