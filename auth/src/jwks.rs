//! Key sets as identity providers publish them (RFC 7517).

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};

use crate::{KeyError, VerifyingKey};

/// Keys of one set that are looked at; a document with more is refused, since each may cost a signature check.
const KEYS_MAX: usize = 64;

pub(crate) fn keys(document: &str) -> Result<Vec<VerifyingKey>, KeyError> {
    let set: JwkSet = serde_json::from_str(document).map_err(|_| KeyError::Jwks)?;
    if set.keys.len() > KEYS_MAX {
        return Err(KeyError::Jwks);
    }
    let keys: Vec<VerifyingKey> = set.keys.iter().filter_map(key).collect();
    if keys.is_empty() { Err(KeyError::NoUsableKey) } else { Ok(keys) }
}

fn key(jwk: &Jwk) -> Option<VerifyingKey> {
    if !matches!(jwk.common.public_key_use, None | Some(PublicKeyUse::Signature)) {
        return None;
    }
    let (algorithm, name) = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => (Algorithm::RS256, KeyAlgorithm::RS256),
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => {
            (Algorithm::ES256, KeyAlgorithm::ES256)
        }
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
            (Algorithm::EdDSA, KeyAlgorithm::EdDSA)
        }
        _ => return None,
    };
    if jwk.common.key_algorithm.is_some_and(|named| named != name) {
        return None;
    }
    let decoding = DecodingKey::from_jwk(jwk).ok()?;
    VerifyingKey::checked(algorithm, jwk.common.key_id.clone(), decoding).ok()
}
