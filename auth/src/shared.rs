//! A verifier that many use and one replaces, when a key set was fetched again.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use crate::{Identity, TokenError, Verifier};

/// A handle to the verifier in force. Cloning gives another handle to the same one.
#[derive(Clone, Debug)]
pub struct SharedVerifier(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    verifier: RwLock<Arc<Verifier>>,
    unknown_keys: AtomicU64,
}

impl SharedVerifier {
    /// Begins with this verifier.
    pub fn new(verifier: Verifier) -> Self {
        Self(Arc::new(Shared { verifier: RwLock::new(Arc::new(verifier)), unknown_keys: AtomicU64::new(0) }))
    }

    /// See [`Verifier::verify`].
    pub fn verify(&self, token: &str, now: u64) -> Result<Identity, TokenError> {
        let verifier = Arc::clone(&self.0.verifier.read().unwrap_or_else(PoisonError::into_inner));
        let verified = verifier.verify(token, now);
        if matches!(verified, Err(TokenError::UnknownKey)) {
            self.0.unknown_keys.fetch_add(1, Ordering::Relaxed);
        }
        verified
    }

    /// From now on this verifier is in force.
    pub fn replace(&self, verifier: Verifier) {
        *self.0.verifier.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(verifier);
    }

    /// How many tokens named a key that nobody knows. When it grows, an issuer may have published a new key: whoever
    /// fetches key sets does so again, at a pace of their own.
    pub fn unknown_keys(&self) -> u64 {
        self.0.unknown_keys.load(Ordering::Relaxed)
    }
}
