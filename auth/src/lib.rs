//! Who is it? Verifies and issues access tokens, hashes passwords, makes refresh tokens. Pure: no io, no clock.
//!
//! ```text
//! own signing key ──► Issuer ──► access token ─┐
//! other issuers' keys (secret, PEM, JWKS) ─────┴► Verifier (SharedVerifier: replaced while in use) ──► Identity
//! password ──► passwords::{hash, verify}          refresh token ──► RefreshToken::digest, the only thing stored
//! ```
//!
//! **Guarantees.** The algorithm belongs to the key, never to the token: a token that names another one is refused
//! before any signature is checked (RFC 8725 §3.1). Each key serves one issuer and one audience. `exp`, `sub`,
//! `iss` and `aud` are required. No secret appears in a `Debug` output or in an error.
//!
//! **Does not** fetch key sets, remember refresh tokens, or decide what an identity may do.
//!
//! **Limits.** A token has at most [`TOKEN_BYTES_MAX`] bytes, a password at most [`passwords::PASSWORD_BYTES_MAX`],
//! a secret at least [`SECRET_BYTES_MIN`].

mod claims;
mod identity;
mod issuer;
mod jwks;
mod link;
pub mod passwords;
mod refresh;
mod scope;
mod shared;
mod signing_key;
mod verifier;
mod verifying_key;

pub use identity::{Identity, Scopes, TokenError};
pub use issuer::Issuer;
pub use link::LinkToken;
pub use refresh::RefreshToken;
pub use scope::Scope;
pub use shared::SharedVerifier;
pub use signing_key::{KeyError, SECRET_BYTES_MIN, SigningKey};
pub use verifier::{LoginRule, ScopeRule, Trust, Verifier};
pub use verifying_key::VerifyingKey;

/// The most bytes an access token may have.
pub const TOKEN_BYTES_MAX: usize = 8 * 1024;
