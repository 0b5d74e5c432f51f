//! Calls that are made again (draft-ietf-httpapi-idempotency-key-header): the same `Idempotency-Key` with the same request is one call.
//!
//! ```text
//! POST with a key ─► known? ─┬─ answered: the same answer again
//!                            ├─ still runs: 409        with another request: 422
//!                            └─ new: handler ─► success is kept
//! ```
//!
//! **Guarantees.** Within a process a call that succeeded is not carried out again for as long as its answer is kept. Answers take so many
//! bytes at most; the oldest go first, and a metric counts those that went before their time. Refusals are not kept: what was refused changed
//! nothing, and may be asked again. Beyond a process, what a call makes has an id that is derived from the key ([`IdempotencyKey::derive`]),
//! so that another process, or this one after a restart, finds it there already; and the log entry by which it changes a group or a contact has the
//! id of the call ([`CallId`]), so that its owner answers the same call again and appends nothing.
//!
//! **Does not** keep what holds a secret ([`holds_secret`]). Knows a request by a keyed hash, not by its bytes.

mod answers;
mod key;

use axum::body::Body;
use axum::extract::{FromRequestParts as _, MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, Method};
use proto::Code;

pub(crate) use answers::KeptAnswers;
pub(crate) use key::{CallId, HEADER, IdempotencyKey, KEY_CHARS_MAX, Made};

use crate::App;
use crate::caller::Caller;
use crate::extract;
use crate::problem::Problem;
use answers::{Begun, Call};

/// Says that an answer is one that was given before.
pub(crate) const REPLAYED: &str = "idempotency-replayed";

/// How old a call may be to be known still by what it has made, unless the client says how old it is.
pub(crate) const KEY_KNOWN_MS: u64 = 24 * 60 * 60 * 1_000;

/// When to ask again about a call that still runs.
const RUNNING_RETRY_MS: u32 = 500;

/// Whether answers of this path hold a token or a ticket: these are in no memory of the server, and the key means nothing there. To log in
/// twice is to have two logins, a refresh token is good once, a name is taken once; unused tickets and links end by themselves.
pub(crate) fn holds_secret(path: &str) -> bool {
    path.starts_with("/api/v1/auth/")
        || path == "/api/v1/tickets"
        || path == "/api/v1/groups/{group_id}/links"
}

/// Whether the key means something for this operation.
pub(crate) fn takes_key(method: &Method, path: &str) -> bool {
    method == Method::POST && !holds_secret(path)
}

/// Lets a call be made once.
pub(crate) async fn once(State(app): State<App>, request: Request, next: Next) -> Response {
    let path = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
    if path.is_empty() || !takes_key(request.method(), path) || !request.headers().contains_key(HEADER) {
        return next.run(request).await;
    }
    run(&app, request, next).await.unwrap_or_else(Problem::into_response)
}

async fn run(app: &App, request: Request, next: Next) -> Result<Response, Problem> {
    let (mut parts, body) = request.into_parts();
    // Who may not make the call hears so, and not what others heard.
    let caller = Caller::from_request_parts(&mut parts, app).await?;
    let Some(key) = IdempotencyKey::of(&parts.headers)? else {
        return Ok(next.run(Request::from_parts(parts, body)).await);
    };
    let body = extract::read(Request::from_parts(parts.clone(), body), &()).await?;
    let uri = parts.uri.path_and_query().map_or("", |uri| uri.as_str());
    let call = Call { asker: &caller, key: &key, uri, body: &body };
    parts.extensions.insert(CallId::of(&call));
    match app.kept_answers.begin(&call) {
        Begun::First(running) => {
            let response = next.run(Request::from_parts(parts, Body::from(body))).await;
            Ok(running.answered(response).await)
        }
        Begun::Again(answer) => Ok(answer.into_response()),
        Begun::Running => {
            let problem = Problem::new(Code::Conflict, "the first call with this idempotency-key still runs");
            Err(problem.retry_after_ms(RUNNING_RETRY_MS))
        }
        Begun::AnotherCall => Err(Problem::key_of_another_call()),
    }
}

/// The key of a request, where it has one.
pub(crate) struct Key(pub(crate) Option<IdempotencyKey>);

impl<S: Send + Sync> axum::extract::FromRequestParts<S> for Key {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut http::request::Parts, _: &S) -> Result<Self, Problem> {
        let headers: &HeaderMap = &parts.headers;
        IdempotencyKey::of(headers).map(Self)
    }
}
