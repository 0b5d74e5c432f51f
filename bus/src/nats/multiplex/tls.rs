//! TLS as a client of NATS servers, from files.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::nats::config::NatsTls;

/// Why there can be no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file that is missing, or has something else in it.
    #[error("cannot read {path}")]
    File {
        /// Which one.
        path: PathBuf,
        /// What is wrong with it.
        source: rustls_pki_types::pem::Error,
    },
    /// Nobody whose signature on a server's certificate would count.
    #[error("no certificate to trust was found")]
    NoRoots,
    /// A certificate or key that rustls refuses.
    #[error("the certificates cannot be used")]
    Unusable(#[from] rustls::Error),
    /// A host that no certificate can be for.
    #[error("{0} is not a name that a certificate can have")]
    BadName(String),
}

/// Reads the files; for each connection again, so that they can be renewed.
pub(super) fn client_config(files: &NatsTls) -> Result<ClientConfig, TlsError> {
    let mut roots = RootCertStore::empty();
    match &files.roots_file {
        Some(path) => {
            for certificate in certificates(path)? {
                roots.add(certificate)?;
            }
        }
        None => {
            // Some of a system's certificates are always odd.
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    if roots.is_empty() {
        return Err(TlsError::NoRoots);
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let builder = builder.with_root_certificates(roots);
    let Some((chain, key)) = &files.client_certificate else { return Ok(builder.with_no_client_auth()) };
    let private =
        PrivateKeyDer::from_pem_file(key).map_err(|source| TlsError::File { path: key.clone(), source })?;
    Ok(builder.with_client_auth_cert(certificates(chain)?, private)?)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let unreadable = |source| TlsError::File { path: path.to_owned(), source };
    CertificateDer::pem_file_iter(path).map_err(unreadable)?.collect::<Result<_, _>>().map_err(unreadable)
}
