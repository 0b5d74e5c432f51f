//! The one shape of everything that goes wrong (RFC 9457), with the same codes as the socket.

use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use proto::Code;
use proto::server_frame::Nack;
use serde::Serialize;
use store::StoreError;
use utoipa::ToSchema;

/// How long to wait when a part is away and nobody knows for how long.
const AWAY_RETRY_MS: u32 = 1_000;
/// How long to wait when a queue is full; queues here drain in less.
const BUSY_RETRY_MS: u32 = 500;

/// Why a request was refused, before it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    code: Code,
    status: StatusCode,
    detail: String,
    retry_after_ms: Option<u32>,
}

/// An RFC 9457 problem: every answer that is not a success has this shape.
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemBody<'a> {
    /// Names the kind of problem; a name, not an address.
    #[serde(rename = "type")]
    #[schema(example = "urn:tidegate:problem:BAD_FIELD")]
    kind: String,
    /// What the code means.
    #[schema(example = "A field has a value that is not allowed.")]
    title: &'a str,
    /// The HTTP status.
    #[schema(example = 400)]
    status: u16,
    /// What was wrong this time, and what is allowed.
    #[schema(example = "username: it is required")]
    pub(crate) detail: &'a str,
    /// The number of the code; the same as in a socket's `nack`.
    #[schema(example = 1001)]
    code: u16,
    /// The name of the code.
    #[schema(example = "BAD_FIELD")]
    name: &'a str,
    /// When a retry can help, in milliseconds; absent where none can, or nobody knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u32>,
}

/// The HTTP status of each code.
fn status_of(code: Code) -> StatusCode {
    match code {
        Code::BadFrame | Code::BadField => StatusCode::BAD_REQUEST,
        Code::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Code::Unauthenticated | Code::BadCredentials => StatusCode::UNAUTHORIZED,
        Code::Forbidden
        | Code::Blocked
        | Code::NotFriends
        | Code::Muted
        | Code::ReadOnly
        | Code::JoinClosed => StatusCode::FORBIDDEN,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::Conflict
        | Code::GroupFull
        | Code::OwnerMustStay
        | Code::TooMany
        | Code::PredecessorMissing
        | Code::Unconfirmed => StatusCode::CONFLICT,
        Code::RecallTooLate | Code::EditTooLate => StatusCode::FORBIDDEN,
        Code::Dismissed | Code::Recalled | Code::Expired => StatusCode::GONE,
        Code::Rate => StatusCode::TOO_MANY_REQUESTS,
        Code::Busy | Code::Unavailable | Code::Late => StatusCode::SERVICE_UNAVAILABLE,
        Code::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl Problem {
    /// A problem with a code; `detail` says what was wrong this time, for people.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        let retry_after_ms = match code {
            Code::Busy => Some(BUSY_RETRY_MS),
            Code::Unavailable | Code::Late => Some(AWAY_RETRY_MS),
            _ => None,
        };
        Self { code, status: status_of(code), detail: detail.into(), retry_after_ms }
    }

    /// A field with a wrong value.
    pub(crate) fn field(name: &str, problem: impl std::fmt::Display) -> Self {
        Self::new(Code::BadField, format!("{name}: {problem}"))
    }

    /// A path that exists, asked with a method that it does not have.
    pub(crate) fn wrong_method() -> Self {
        let problem = Self::new(Code::NotFound, "this path does not have this method");
        problem.with_status(StatusCode::METHOD_NOT_ALLOWED)
    }

    /// An idempotency key that was used for something else.
    pub(crate) fn key_of_another_call() -> Self {
        let problem = Self::field("idempotency-key", "was used for another request");
        problem.with_status(StatusCode::UNPROCESSABLE_ENTITY)
    }

    /// With another status than the usual one of its code.
    #[must_use]
    pub(crate) fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// Its status.
    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    /// With another time to wait.
    #[must_use]
    pub(crate) fn retry_after_ms(mut self, ms: u32) -> Self {
        self.retry_after_ms = Some(ms);
        self
    }

    /// As it is written.
    pub(crate) fn body(&self) -> ProblemBody<'_> {
        ProblemBody {
            kind: format!("urn:tidegate:problem:{}", self.code.name()),
            title: self.code.meaning(),
            status: self.status.as_u16(),
            detail: &self.detail,
            code: self.code.number(),
            name: self.code.name(),
            retry_after_ms: self.retry_after_ms,
        }
    }

    /// Its code.
    pub fn code(&self) -> Code {
        self.code
    }
}

impl From<Nack> for Problem {
    fn from(nack: Nack) -> Self {
        let problem = Self::new(nack.code, nack.message);
        if nack.retry_after_ms == 0 { problem } else { problem.retry_after_ms(nack.retry_after_ms) }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) | StoreError::Unknown(_) => {
                tracing::warn!(%error, "store did not answer");
                Self::new(Code::Unavailable, "the store is away")
            }
            StoreError::Corrupt(_) => {
                tracing::error!(%error, "stored data cannot be read");
                Self::new(Code::Internal, "stored data cannot be read")
            }
        }
    }
}

/// As a part of an answer that has several.
impl Serialize for Problem {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.body().serialize(serializer)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status, axum::Json(self.body())).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(ms) = self.retry_after_ms {
            headers.insert(RETRY_AFTER, HeaderValue::from(ms.div_ceil(1_000)));
        }
        response
    }
}
