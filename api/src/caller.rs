//! Who calls, and from where.

use std::net::IpAddr;

use auth::Identity;
use axum::extract::{FromRequestParts, MatchedPath};
use http::header::AUTHORIZATION;
use http::request::Parts;
use proto::command::Source;
use proto::{Code, UserId};

use crate::App;
use crate::idempotency::CallId;
use crate::problem::Problem;
use crate::scopes::Access;

/// The address of the client. Whoever accepts connections puts it into the request's extensions; without it, no
/// limit per address holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

/// The verified caller of a request: a user, or a service that has the scope for what it asks. With an idempotency key the call has
/// an id.
pub(crate) struct Caller(pub(crate) Identity, Option<CallId>);

/// The caller, if the request carries a token; a bad token is refused all the same, and so is one of who is signed out.
pub(crate) struct OptionalCaller(pub(crate) Option<Caller>);

/// Where the request came from, if known.
pub(crate) struct Address(pub(crate) Option<IpAddr>);

/// For whom a command is sent to the routers.
#[derive(Clone, Debug)]
pub(crate) struct Asker {
    pub(crate) user: UserId,
    pub(crate) source: Source,
    /// Of the call that asks, if it may have been made before.
    pub(crate) call: Option<CallId>,
}

impl Caller {
    /// Commands of the caller as a user.
    pub(crate) fn asker(&self) -> Asker {
        Asker { user: self.0.user.clone(), source: Source::Client, call: self.1 }
    }

    /// Whether a service asks, whose scope allows it.
    pub(crate) fn is_service(&self) -> bool {
        self.0.is_service()
    }

    /// Commands of the caller: as a user, or as the trusted service that it is.
    pub(crate) fn operator(&self) -> Asker {
        let source = if self.is_service() { Source::ServerApi } else { Source::Client };
        Asker { source, ..self.asker() }
    }
}

impl FromRequestParts<App> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let OptionalCaller(caller) = OptionalCaller::from_request_parts(parts, app).await?;
        caller
            .ok_or_else(|| Problem::new(Code::Unauthenticated, "send `Authorization: Bearer <access token>`"))
    }
}

impl FromRequestParts<App> for OptionalCaller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let Some(header) = parts.headers.get(AUTHORIZATION) else { return Ok(Self(None)) };
        let token = header.to_str().ok().and_then(bearer).ok_or_else(|| {
            Problem::new(Code::Unauthenticated, "the Authorization header is not `Bearer <token>`")
        })?;
        let identity = app.verify(token)?;
        let path = parts.extensions.get::<MatchedPath>().map_or("", MatchedPath::as_str);
        Access::to(&parts.method, path).check(&identity)?;
        app.check_standing(&identity).await?;
        let caller = Caller(identity, parts.extensions.get().copied());
        app.rates.admit(parts, &caller)?;
        Ok(Self(Some(caller)))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Address {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(parts.extensions.get::<ClientAddress>().map(|address| address.0)))
    }
}

/// The scheme is case-insensitive (RFC 9110 §11.1).
fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim_start())
}
