//! TLS as a client: whom it believes to be the server, and a stream without io for who has sockets of its own.

use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::{ClientConnection, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use thiserror::Error;

/// Whom a client believes to be the server. Clones share the tickets with which sessions are resumed.
#[derive(Clone, Debug)]
pub struct Trust(Arc<rustls::ClientConfig>);

/// Why nobody can be trusted, or no such name.
#[derive(Debug, Error)]
pub enum TrustError {
    /// A file that is missing, or has no certificate in PEM form.
    #[error("cannot read certificates from {}", .path.display())]
    File {
        /// Which one.
        path: PathBuf,
        /// What is wrong with it.
        source: rustls_pki_types::pem::Error,
    },
    /// The system has no certificates to trust, or the file has none.
    #[error("no certificate to trust was found")]
    NoRoots,
    /// A certificate that the library does not take.
    #[error("a certificate cannot be used")]
    Unusable(#[from] rustls::Error),
    /// A host that no certificate can be for.
    #[error("{0} is not a name that a certificate can have")]
    BadName(String),
}

impl Trust {
    /// Whoever has a certificate that the system trusts. Reads many files.
    ///
    /// # Errors
    /// When there is none.
    pub fn system() -> Result<Self, TrustError> {
        let mut roots = RootCertStore::empty();
        // Some of a system's certificates are always odd.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        Self::roots(roots)
    }

    /// Whoever has a certificate that one in this file has signed, or one in this file.
    ///
    /// # Errors
    /// When it cannot be read, or has none.
    pub fn file(path: &Path) -> Result<Self, TrustError> {
        let unreadable = |source| TrustError::File { path: path.to_owned(), source };
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_file_iter(path).map_err(unreadable)? {
            roots.add(certificate.map_err(unreadable)?)?;
        }
        Self::roots(roots)
    }

    /// Anyone at all: encryption without knowing with whom. For measurements; whoever is in between can read and change
    /// everything.
    ///
    /// # Errors
    /// When the library has no protocol to offer.
    pub fn anyone() -> Result<Self, TrustError> {
        let provider = Arc::new(ring::default_provider());
        let builder = rustls::ClientConfig::builder_with_provider(Arc::clone(&provider));
        let builder = builder.with_safe_default_protocol_versions()?;
        let anyone = builder.dangerous().with_custom_certificate_verifier(Arc::new(Anyone(provider)));
        Ok(Self::http1(anyone.with_no_client_auth()))
    }

    fn roots(roots: RootCertStore) -> Result<Self, TrustError> {
        if roots.is_empty() {
            return Err(TrustError::NoRoots);
        }
        let builder = rustls::ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_safe_default_protocol_versions()?;
        Ok(Self::http1(builder.with_root_certificates(roots).with_no_client_auth()))
    }

    fn http1(mut config: rustls::ClientConfig) -> Self {
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Self(Arc::new(config))
    }

    pub(crate) fn connector(&self) -> tokio_rustls::TlsConnector {
        tokio_rustls::TlsConnector::from(Arc::clone(&self.0))
    }
}

/// The name that a server's certificate must have.
pub(crate) fn server_name(host: &str) -> Result<ServerName<'static>, TrustError> {
    ServerName::try_from(host.to_owned()).map_err(|_| TrustError::BadName(host.to_owned()))
}

/// TLS over any stream, blocking or not: what is written before the handshake is over leaves with its end.
#[derive(Debug)]
pub struct TlsLink(ClientConnection);

impl TlsLink {
    /// To this host.
    ///
    /// # Errors
    /// When no certificate can be for it.
    pub fn new(trust: &Trust, host: &str) -> Result<Self, TrustError> {
        Ok(Self(ClientConnection::new(Arc::clone(&trust.0), server_name(host)?)?))
    }

    /// Reads, with whatever the protocol has to write for that.
    ///
    /// # Errors
    /// As `stream` says; of the kind `InvalidData` when the server is not trusted or breaks the protocol.
    pub fn read(&mut self, stream: &mut (impl Read + Write), into: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.0.reader().read(into) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                // Who ends without a word for it is gone all the same.
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(0),
                other => return other,
            }
            self.flush(stream)?;
            // At the end there is nothing, and the reader says so.
            self.0.read_tls(stream)?;
            let processed = self.0.process_new_packets();
            let flushed = self.flush(stream);
            processed.map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
            flushed?;
        }
    }

    /// Takes what there is room for, and writes what `stream` takes.
    ///
    /// # Errors
    /// As `stream` says; of the kind `WouldBlock` when there is no room.
    pub fn write(&mut self, stream: &mut impl Write, bytes: &[u8]) -> io::Result<usize> {
        self.flush(stream)?;
        let taken = self.0.writer().write(bytes)?;
        self.flush(stream)?;
        if taken == 0 && !bytes.is_empty() { Err(ErrorKind::WouldBlock.into()) } else { Ok(taken) }
    }

    /// Writes what `stream` takes of what waits.
    ///
    /// # Errors
    /// As `stream` says, but not because it takes nothing at the moment.
    pub fn flush(&mut self, stream: &mut impl Write) -> io::Result<()> {
        while self.0.wants_write() {
            match self.0.write_tls(stream) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Looks at signatures, as the library wants it, and not at names.
#[derive(Debug)]
struct Anyone(Arc<CryptoProvider>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
