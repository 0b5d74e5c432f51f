//! Certificates that sign themselves, in files, and a gateway that shows them.

use std::sync::Arc;

use gateway::tls::{Tls, TlsFiles};
use gateway::{GatewayConfig, TlsPort};
use rustls::crypto::ring::default_provider;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;

use crate::bench::Bench;

/// A folder with a certificate and its key.
pub struct Authority {
    folder: tempfile::TempDir,
    /// What the files hold.
    pub certificate: CertificateDer<'static>,
}

impl Authority {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let certificate = CertificateDer::from(Vec::new());
        let mut authority = Self { folder, certificate };
        authority.renew();
        authority
    }

    pub fn files(&self) -> TlsFiles {
        TlsFiles { certificate: self.folder.path().join("cert.pem"), key: self.folder.path().join("key.pem") }
    }

    /// Another certificate and key in the same files.
    pub fn renew(&mut self) {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        std::fs::write(self.files().certificate, made.cert.pem()).unwrap();
        std::fs::write(self.files().key, made.signing_key.serialize_pem()).unwrap();
        self.certificate = made.cert.der().clone();
    }

    /// A gateway whose public port speaks TLS.
    pub fn bench(&self, change: impl FnOnce(&mut GatewayConfig)) -> (Bench, Tls) {
        let tls = Tls::open(self.files()).unwrap();
        let port = TlsPort { listen: None, tls: tls.clone(), handshakes_percent: 50 };
        let bench = Bench::with(|config| {
            config.tls = Some(port);
            change(config);
        });
        (bench, tls)
    }

    /// A client that trusts the present certificate, with tickets of its own.
    pub fn client(&self, protocols: &[&str]) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()));
        let builder = builder.with_safe_default_protocol_versions().unwrap();
        let mut config = builder.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        Arc::new(config)
    }
}
