//! `[tls]`: certificate and key of the public port, and where they are shown.

use std::net::SocketAddr;
use std::time::Duration;

use ::gateway::tls::{TlsError, TlsFiles};

use super::reader::Reader;
use super::seconds;
use crate::roles::Roles;

/// How TLS is spoken.
pub(crate) struct TlsSettings {
    /// A port of its own; `None`: the public port speaks nothing else.
    pub(crate) listen: Option<SocketAddr>,
    pub(crate) files: TlsFiles,
    /// Between two looks at the files.
    pub(crate) reload_check: Duration,
    pub(crate) handshakes_percent: u8,
}

/// `None` without a certificate. Whoever has a public port looks whether its files can be used.
pub(super) fn read(reader: &Reader, roles: Roles) -> Option<TlsSettings> {
    let (certificate, key) = (reader.path("tls.certificate_file"), reader.path("tls.key_file"));
    let listen = (!reader.text("tls.listen").is_empty()).then(|| reader.address("tls.listen"));
    let reload_check = reader.duration("tls.reload_check", seconds(1)..=seconds(86_400));
    let handshakes_percent = reader.whole("tls.handshakes_percent", 1..=100);
    let (certificate, key) = match (certificate, key) {
        (Some(certificate), Some(key)) => (certificate, key),
        (None, None) => {
            if listen.is_some() {
                reader.problem("tls.listen", "needs tls.certificate_file and tls.key_file");
            }
            return None;
        }
        _ => {
            reader.problem("tls.certificate_file", "goes with tls.key_file: give both or neither");
            return None;
        }
    };
    let files = TlsFiles { certificate, key };
    if roles.has_front()
        && let Err(error) = files.check()
    {
        let path = match &error {
            TlsError::NoKey { .. } | TlsError::Mismatch { .. } => "tls.key_file",
            TlsError::Unreadable { path, .. } if *path == files.key => "tls.key_file",
            _ => "tls.certificate_file",
        };
        reader.problem(path, format!("{:#}", anyhow::Error::from(error)));
    }
    Some(TlsSettings { listen, files, reload_check, handshakes_percent })
}
