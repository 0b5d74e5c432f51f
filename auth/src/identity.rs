//! What a verified token says, and why a token is refused.

use proto::{LoginId, UserId};
use thiserror::Error;

use crate::Scope;

/// Who holds a token, once it is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The `sub` claim.
    pub user: UserId,
    /// The `sid` claim: the login that the token belongs to, where its issuer keeps logins. Whether that is us, it says.
    pub login: Option<LoginId>,
    /// The `exp` claim, Unix seconds.
    pub expires: u64,
    /// The `scope` claim.
    pub scopes: Scopes,
}

/// What a token allows besides being its user (RFC 8693 §4.2: words separated by spaces). Mostly empty, then
/// without an allocation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scopes(Box<str>);

impl Scopes {
    /// Of a `scope` claim.
    pub fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// The claim that gives these.
    pub fn of(scopes: &[Scope]) -> Self {
        Self::new(&scopes.iter().map(|scope| scope.name()).collect::<Vec<_>>().join(" "))
    }

    /// Whether one of its words is `word`.
    pub fn contains(&self, word: &str) -> bool {
        self.0.split(' ').any(|one| one == word)
    }

    /// Those of its words that mean something here.
    pub fn known(&self) -> impl Iterator<Item = Scope> {
        self.0.split(' ').filter_map(Scope::named)
    }

    /// As the claim has them.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Identity {
    /// Whether it is a trusted service: it may do what its scopes say, and what users do only with [`Scope::Server`].
    pub fn is_service(&self) -> bool {
        self.scopes.known().next().is_some()
    }

    /// Whether it is a service that may do this.
    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.known().any(|held| held == scope || held == Scope::Server)
    }

    /// Whether it may do what users do, as its user: users may, and services with [`Scope::Server`].
    pub fn is_user(&self) -> bool {
        !self.is_service() || self.may(Scope::Server)
    }
}

/// Why a token is refused. Always the caller's fault; only [`TokenError::NotYet`] and [`TokenError::UnknownKey`] may
/// pass later (a clock ahead of ours, a key set that is being fetched).
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TokenError {
    /// Longer than [`crate::TOKEN_BYTES_MAX`].
    #[error("the token is longer than {} bytes", crate::TOKEN_BYTES_MAX)]
    TooLong,
    /// Not three base64url parts with JSON in the first two.
    #[error("this is not a JSON web token")]
    Malformed,
    /// The header demands an extension (`crit`) that is not known here.
    #[error("the token's header has critical extensions, none of which is understood here")]
    Critical,
    /// No key of the issuer has the algorithm that the header names; `none` is never among them.
    #[error("the token's algorithm is not one that its issuer uses")]
    Algorithm,
    /// No key of the issuer has the header's `kid`.
    #[error("the token's key is not known")]
    UnknownKey,
    /// The signature does not match.
    #[error("the token's signature is wrong")]
    Signature,
    /// The `exp` claim has passed.
    #[error("the token has expired")]
    Expired,
    /// The `nbf` claim is still to come.
    #[error("the token is not valid yet")]
    NotYet,
    /// The `iss` claim names nobody who is trusted here.
    #[error("the token's issuer is not trusted")]
    Issuer,
    /// The `aud` claim names somebody else.
    #[error("the token is meant for another audience")]
    Audience,
    /// A required claim is missing or has a wrong type.
    #[error("the token has no proper {0} claim")]
    Claim(&'static str),
}

impl TokenError {
    /// One word, for metrics and logs.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::TooLong => "too_long",
            Self::Malformed => "malformed",
            Self::Critical => "critical",
            Self::Algorithm => "algorithm",
            Self::UnknownKey => "unknown_key",
            Self::Signature => "signature",
            Self::Expired => "expired",
            Self::NotYet => "not_yet",
            Self::Issuer => "issuer",
            Self::Audience => "audience",
            Self::Claim(_) => "claim",
        }
    }
}
