//! The secret that signs our own tokens, and its form in a file.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use thiserror::Error;

/// The fewest bytes a secret may have (RFC 7518 §3.2: as many as the hash has).
pub const SECRET_BYTES_MIN: usize = 32;

/// The fewest different bytes a secret may have; a random one of 32 bytes has about 30.
const DIFFERENT_BYTES_MIN: usize = 10;

/// Secrets out of tutorials, in lower case and without separators. One that contains such a text is refused however
/// long it is.
const SAMPLES: &[&str] = &[
    "yoursecret",
    "your256bitsecret",
    "yoursupersecret",
    "yourjwtsecret",
    "changeme",
    "changethis",
    "changeinproduction",
    "astringsecretatleast256bitslong",
    "supersecretkey",
    "mysecretkey",
    "jwtsecret",
    "secretkey",
    "insecure",
    "password",
    "example",
];

/// An HS256 key.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningKey(Box<[u8]>);

/// Why something is not a key. Always the configuration's fault; a retry does not help.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum KeyError {
    /// Too few bytes.
    #[error("the secret has {0} bytes; at least {SECRET_BYTES_MIN} are needed")]
    Short(usize),
    /// A secret that everybody knows.
    #[error("the secret is a known sample; generate one instead")]
    Sample,
    /// A secret with hardly any different bytes.
    #[error("the secret repeats itself; generate one instead")]
    Weak,
    /// Not the content of a key file.
    #[error("a key file holds one line of base64url without padding")]
    Text,
    /// Not a public key of this kind in PEM form.
    #[error("not a public key for {0} in PEM form")]
    Pem(&'static str),
    /// A key that is too short, or on another curve.
    #[error("the key does not fit its algorithm: RSA needs 2048 bits, ES256 the curve P-256, EdDSA Ed25519")]
    Unfit,
    /// Not a key set.
    #[error("not a JSON Web Key Set of at most 64 keys")]
    Jwks,
    /// A key set without a key that could be used.
    #[error("the key set has no RS256, ES256 or EdDSA key for signatures")]
    NoUsableKey,
}

impl SigningKey {
    /// 32 random bytes.
    pub fn generate() -> Self {
        Self(Box::new(rand::random::<[u8; SECRET_BYTES_MIN]>()))
    }

    /// Reads a key file: what [`Self::to_text`] wrote, white space around it ignored.
    pub fn from_text(text: &str) -> Result<Self, KeyError> {
        let bytes = URL_SAFE_NO_PAD.decode(text.trim()).map_err(|_| KeyError::Text)?;
        Self::from_secret(&bytes)
    }

    /// Takes a configured secret as it is, if it is long enough and not one that everybody knows.
    pub fn from_secret(secret: &[u8]) -> Result<Self, KeyError> {
        if is_sample(secret) {
            return Err(KeyError::Sample);
        }
        if secret.len() < SECRET_BYTES_MIN {
            return Err(KeyError::Short(secret.len()));
        }
        let mut seen = [false; 256];
        secret.iter().for_each(|byte| seen[usize::from(*byte)] = true);
        if seen.iter().filter(|seen| **seen).count() < DIFFERENT_BYTES_MIN {
            return Err(KeyError::Weak);
        }
        Ok(Self(secret.into()))
    }

    /// The content of a key file: one line of base64url. Whoever writes it gives the file mode 0600.
    pub fn to_text(&self) -> String {
        URL_SAFE_NO_PAD.encode(&self.0) + "\n"
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Debug for SigningKey {
    /// Never shown.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningKey(…)")
    }
}

fn is_sample(secret: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(secret) else { return false };
    let plain: String =
        text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    plain == "secret" || SAMPLES.iter().any(|sample| plain.contains(sample))
}
