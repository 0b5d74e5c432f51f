//! Certificate and key: read from files, checked, and exchanged while the server runs.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use rustls::crypto::ring;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use thiserror::Error;

use super::certificate::validity;

/// Where they are, in PEM form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The server's certificate, and behind it those that lead to one that clients trust.
    pub certificate: PathBuf,
    /// Its private key: PKCS #8, PKCS #1 or SEC 1.
    pub key: PathBuf,
}

impl TlsFiles {
    /// Whether they can be used now.
    ///
    /// # Errors
    /// When they cannot.
    pub fn check(&self) -> Result<(), TlsError> {
        Identity::open(self.clone()).map(|_| ())
    }
}

/// Why there can be no TLS. A person has to change a file; trying again does not help before that.
#[derive(Debug, Error)]
pub enum TlsError {
    /// Missing, or not readable for this user.
    #[error("{} cannot be read", .path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Not a PEM file, or one without a certificate.
    #[error("{} has no certificate in PEM form (-----BEGIN CERTIFICATE-----)", .path.display())]
    NoCertificate {
        /// Which file.
        path: PathBuf,
    },
    /// Not a PEM file, or one without a private key.
    #[error("{} has no private key in PEM form (-----BEGIN PRIVATE KEY-----)", .path.display())]
    NoKey {
        /// Which file.
        path: PathBuf,
    },
    /// The key belongs to another certificate.
    #[error("the key in {} is not the one of the certificate in {}", .files.key.display(), .files.certificate.display())]
    Mismatch {
        /// Which files.
        files: TlsFiles,
    },
    /// Clients would refuse it.
    #[error("the certificate in {} ended {days} days ago; renew it", .path.display())]
    Ended {
        /// Which file.
        path: PathBuf,
        /// How long ago.
        days: u64,
    },
    /// Clients would refuse it.
    #[error("the certificate in {} is valid only in {days} days; look at the clock, and at the file", .path.display())]
    NotYet {
        /// Which file.
        path: PathBuf,
        /// In how many.
        days: u64,
    },
    /// A certificate or key that the library does not take, such as one of an unusual kind.
    #[error("certificate and key cannot be used")]
    Unusable(#[source] rustls::Error),
}

/// Answers each handshake with the newest certificate that could be used.
#[derive(Debug)]
pub(super) struct Identity {
    files: TlsFiles,
    served: RwLock<Served>,
    /// One reload at a time.
    reloading: Mutex<()>,
}

#[derive(Clone, Debug)]
struct Served {
    key: Arc<CertifiedKey>,
    expires: u64,
    /// What was read, to see whether it has changed.
    read: Arc<Read>,
}

#[derive(PartialEq, Eq)]
struct Read {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

impl std::fmt::Debug for Read {
    /// A key must not get into a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Read")
    }
}

impl Identity {
    pub(super) fn open(files: TlsFiles) -> Result<Self, TlsError> {
        let served = check(&files, Read::from(&files)?)?;
        Ok(Self { files, served: RwLock::new(served), reloading: Mutex::new(()) })
    }

    pub(super) fn files(&self) -> &TlsFiles {
        &self.files
    }

    pub(super) fn expires(&self) -> u64 {
        self.served().expires
    }

    /// Tells the metrics when the certificate ends.
    pub(super) fn tell(&self) {
        metrics::gauge!("gateway_tls_certificate_expires_seconds").set(self.expires() as f64);
    }

    /// See [`super::Tls::reload`].
    pub(super) fn reload(&self) -> Result<bool, TlsError> {
        // It guards nothing that a panic could leave half done.
        let _alone = self.reloading.lock().unwrap_or_else(PoisonError::into_inner);
        let read = Read::from(&self.files)?;
        if read == *self.served().read {
            return Ok(false);
        }
        let served = check(&self.files, read)?;
        *self.served.write().unwrap_or_else(PoisonError::into_inner) = served;
        Ok(true)
    }

    fn served(&self) -> Served {
        self.served.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ResolvesServerCert for Identity {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.served().key)
    }
}

impl Read {
    fn from(files: &TlsFiles) -> Result<Self, TlsError> {
        let read = |path: &Path| {
            std::fs::read(path).map_err(|source| TlsError::Unreadable { path: path.to_owned(), source })
        };
        Ok(Self { certificate: read(&files.certificate)?, key: read(&files.key)? })
    }
}

fn check(files: &TlsFiles, read: Read) -> Result<Served, TlsError> {
    let no_certificate = || TlsError::NoCertificate { path: files.certificate.clone() };
    let chain = CertificateDer::pem_slice_iter(&read.certificate)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| no_certificate())?;
    let valid = chain.first().and_then(|own| validity(own)).ok_or_else(no_certificate)?;
    let key =
        PrivateKeyDer::from_pem_slice(&read.key).map_err(|_| TlsError::NoKey { path: files.key.clone() })?;
    let key = CertifiedKey::from_der(chain, key, &ring::default_provider()).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => TlsError::Mismatch { files: files.clone() },
        error => TlsError::Unusable(error),
    })?;
    let now = lifecycle::wall_clock_ms() / 1_000;
    let (path, days) = (|| files.certificate.clone(), |seconds: u64| seconds / 86_400);
    if valid.ends < now {
        return Err(TlsError::Ended { path: path(), days: days(now - valid.ends) });
    }
    if valid.begins > now {
        return Err(TlsError::NotYet { path: path(), days: days(valid.begins - now) });
    }
    Ok(Served { key: Arc::new(key), expires: valid.ends, read: Arc::new(read) })
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Folder(tempfile::TempDir);

    impl Folder {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        fn files(&self) -> TlsFiles {
            TlsFiles { certificate: self.0.path().join("cert.pem"), key: self.0.path().join("key.pem") }
        }

        /// A certificate that is valid so many days from now.
        fn write(&self, (from, until): (i64, i64)) {
            let (files, key) = (self.files(), rcgen::KeyPair::generate().unwrap());
            std::fs::write(&files.certificate, certificate(&key, (from, until))).unwrap();
            std::fs::write(&files.key, key.serialize_pem()).unwrap();
        }
    }

    fn certificate(key: &rcgen::KeyPair, (from, until): (i64, i64)) -> String {
        let mut params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let day = |offset: i64| {
            let days = i64::try_from(lifecycle::wall_clock_ms() / 86_400_000).unwrap() + offset;
            rcgen::date_time_ymd(1970, 1, 1) + std::time::Duration::from_secs(86_400 * days.unsigned_abs())
        };
        (params.not_before, params.not_after) = (day(from), day(until));
        params.self_signed(key).unwrap().pem()
    }

    #[track_caller]
    fn refused(folder: &Folder) -> String {
        Identity::open(folder.files()).map(|_| ()).unwrap_err().to_string()
    }

    #[test]
    fn each_fault_of_the_files_has_its_own_words() {
        let folder = Folder::new();
        let files = folder.files();
        assert!(refused(&folder).ends_with("cert.pem cannot be read"));
        folder.write((-1, 10));
        std::fs::write(&files.certificate, "no certificate").unwrap();
        assert!(refused(&folder).contains("cert.pem has no certificate in PEM form"));
        folder.write((-1, 10));
        std::fs::write(&files.key, "no key").unwrap();
        assert!(refused(&folder).contains("key.pem has no private key in PEM form"));
        folder.write((-1, 10));
        std::fs::write(&files.key, rcgen::KeyPair::generate().unwrap().serialize_pem()).unwrap();
        assert!(refused(&folder).starts_with("the key in "), "{}", refused(&folder));
        folder.write((-10, -3));
        assert!(refused(&folder).ends_with("days ago; renew it"), "{}", refused(&folder));
        folder.write((3, 10));
        assert!(refused(&folder).contains("is valid only in"), "{}", refused(&folder));
    }

    #[test]
    fn a_reload_takes_what_can_be_used_and_keeps_what_is_served_otherwise() {
        let folder = Folder::new();
        folder.write((-1, 10));
        let identity = Identity::open(folder.files()).unwrap();
        let first = identity.served().key;
        assert!(!identity.reload().unwrap(), "nothing has changed");
        let other = rcgen::KeyPair::generate().unwrap();
        std::fs::write(folder.files().certificate, certificate(&other, (-1, 20))).unwrap();
        assert!(identity.reload().is_err(), "the key of the new certificate is not there yet");
        assert!(Arc::ptr_eq(&first, &identity.served().key));
        std::fs::write(folder.files().key, other.serialize_pem()).unwrap();
        let before = identity.expires();
        assert!(identity.reload().unwrap());
        assert_eq!(identity.expires() - before, 10 * 86_400);
        assert!(!Arc::ptr_eq(&first, &identity.served().key));
    }
}
