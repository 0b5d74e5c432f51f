//! One key that verifies, with the only algorithm it is used for.

use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, DecodingKeyKind};

use crate::{KeyError, SigningKey};

/// A key that verifies signatures of one algorithm.
#[derive(Clone)]
pub struct VerifyingKey {
    algorithm: Algorithm,
    kid: Option<String>,
    key: DecodingKey,
}

/// Bytes of an RSA modulus, at least (RFC 7518 §3.3: 2,048 bits).
const RSA_BYTES_MIN: usize = 256;
/// Bytes of an uncompressed point on P-256 (SEC 1 §2.3.3).
const P256_POINT_BYTES: usize = 65;
/// Bytes of an Ed25519 public key (RFC 8032 §5.1.5).
const ED25519_BYTES: usize = 32;

impl VerifyingKey {
    /// HS256 with our own key or one that another issuer shares with us.
    pub fn hs256(key: &SigningKey) -> Self {
        Self { algorithm: Algorithm::HS256, kid: None, key: DecodingKey::from_secret(key.bytes()) }
    }

    /// RS256 with a public key in PEM form.
    pub fn rs256_pem(pem: &str) -> Result<Self, KeyError> {
        let key = DecodingKey::from_rsa_pem(pem.as_bytes()).map_err(|_| KeyError::Pem("RSA"))?;
        Self::checked(Algorithm::RS256, None, key)
    }

    /// ES256 with a public key on P-256 in PEM form.
    pub fn es256_pem(pem: &str) -> Result<Self, KeyError> {
        let key = DecodingKey::from_ec_pem(pem.as_bytes()).map_err(|_| KeyError::Pem("P-256"))?;
        Self::checked(Algorithm::ES256, None, key)
    }

    /// EdDSA with an Ed25519 public key in PEM form.
    pub fn eddsa_pem(pem: &str) -> Result<Self, KeyError> {
        let key = DecodingKey::from_ed_pem(pem.as_bytes()).map_err(|_| KeyError::Pem("Ed25519"))?;
        Self::checked(Algorithm::EdDSA, None, key)
    }

    /// Every usable key of a JWKS document (RFC 7517 §5): RS256, ES256 and EdDSA keys that may verify signatures.
    /// Others are passed over, symmetric ones too: a published secret is none. An error when none is left.
    pub fn jwks(document: &str) -> Result<Vec<Self>, KeyError> {
        crate::jwks::keys(document)
    }

    /// Only for tokens whose header has this `kid`, or none.
    #[must_use]
    pub fn with_kid(mut self, kid: impl Into<String>) -> Self {
        self.kid = Some(kid.into());
        self
    }

    /// Checks that the key is strong enough and of the kind that its algorithm needs.
    pub(crate) fn checked(
        algorithm: Algorithm,
        kid: Option<String>,
        key: DecodingKey,
    ) -> Result<Self, KeyError> {
        let fits = match (algorithm, key.kind()) {
            (Algorithm::RS256, DecodingKeyKind::RsaModulusExponent { n, .. }) => n.len() >= RSA_BYTES_MIN,
            // The DER form holds the modulus, the exponent and at least four bytes of framing.
            (Algorithm::RS256, DecodingKeyKind::SecretOrDer(der)) => der.len() >= RSA_BYTES_MIN + 4,
            (Algorithm::ES256, DecodingKeyKind::SecretOrDer(point)) => point.len() == P256_POINT_BYTES,
            (Algorithm::EdDSA, DecodingKeyKind::SecretOrDer(point)) => point.len() == ED25519_BYTES,
            _ => false,
        };
        if fits && key.family() != AlgorithmFamily::Hmac {
            Ok(Self { algorithm, kid, key })
        } else {
            Err(KeyError::Unfit)
        }
    }

    pub(crate) fn is_for_algorithm(&self, name: &str) -> bool {
        name == match self.algorithm {
            Algorithm::HS256 => "HS256",
            Algorithm::RS256 => "RS256",
            Algorithm::ES256 => "ES256",
            _ => "EdDSA",
        }
    }

    pub(crate) fn answers_to(&self, kid: Option<&str>) -> bool {
        match (self.kid.as_deref(), kid) {
            (Some(own), Some(asked)) => own == asked,
            _ => true,
        }
    }

    pub(crate) fn signed(&self, message: &str, signature: &str) -> bool {
        jsonwebtoken::crypto::verify(signature, message.as_bytes(), &self.key, self.algorithm)
            .unwrap_or(false)
    }
}

impl std::fmt::Debug for VerifyingKey {
    /// The key itself may be a secret: only its algorithm and name are shown.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "VerifyingKey({:?}, kid {:?})", self.algorithm, self.kid)
    }
}
