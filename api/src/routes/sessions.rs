//! Where one is logged in, and one's password.

use auth::passwords;
use axum::Json;
use axum::extract::State;
use http::StatusCode;
use proto::{Code, LoginId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::register::check_password;
use crate::App;
use crate::caller::{Address, Caller};
use crate::extract::{JsonBody, PathOf, QueryOf};
use crate::numbers::Wide;
use crate::paging::{List, Paging, falling};
use crate::problem::{Problem, ProblemBody};

/// A login, on one device.
#[derive(Serialize, ToSchema)]
pub(crate) struct Session {
    /// Its name, for logging it out.
    #[schema(example = "5f2b9c0e7d414a0c")]
    session_id: String,
    /// As the device was named at the login.
    #[schema(example = "laptop")]
    device: String,
    /// From where.
    #[schema(example = "192.0.2.1")]
    address: String,
    /// When it began, in Unix milliseconds.
    #[schema(example = "1790000000000")]
    created_at: Wide,
    /// When it last got a fresh token, in Unix milliseconds.
    #[schema(example = "1790000900000")]
    last_seen: Wide,
    /// It is the one that asks.
    current: bool,
}

/// Where one is logged in.
#[derive(Serialize, ToSchema)]
pub(crate) struct Sessions {
    /// The most recently used first.
    sessions: Vec<Session>,
    /// For `cursor`; `null` at the end.
    #[schema(example = json!(null))]
    next_cursor: Option<String>,
}

/// The old password and the new one.
#[derive(Deserialize, ToSchema)]
pub(crate) struct ChangePassword {
    /// As it is now.
    #[serde(alias = "oldPassword")]
    #[schema(example = "123456", format = Password)]
    old_password: String,
    /// As long as the server asks for, at most 256 bytes.
    #[serde(alias = "newPassword")]
    #[schema(example = "correct horse", format = Password)]
    new_password: String,
}

/// Where one is logged in.
#[utoipa::path(
    get, path = "/api/v1/users/me/sessions", tag = "accounts", params(Paging),
    responses(
        (status = 200, description = "Logins that have not ended.", body = Sessions),
        (status = "default", description = "A problem.", body = ProblemBody,
            content_type = "application/problem+json")
    )
)]
pub(crate) async fn sessions(
    State(app): State<App>,
    caller: Caller,
    QueryOf(paging): QueryOf<Paging>,
) -> Result<Json<Sessions>, Problem> {
    let key = |login: &store::Login| format!("{} {}", falling(login.last_used.0), login.login);
    let page = paging.page_of(List::Sessions, app.store.logins(&caller.0.user).await?, key)?;
    let session = |login: store::Login| Session {
        current: caller.0.login.as_ref() == Some(&login.login),
        session_id: login.login.to_string(),
        device: login.device,
        address: login.address,
        created_at: Wide(login.created.0),
        last_seen: Wide(login.last_used.0),
    };
    Ok(Json(Sessions {
        sessions: page.items.into_iter().map(session).collect(),
        next_cursor: page.next_cursor,
    }))
}

/// Log out one device. Its sockets are closed at once.
#[utoipa::path(
    delete, path = "/api/v1/users/me/sessions/{session_id}", tag = "accounts",
    params(("session_id" = String, Path, description = "Which.", example = "5f2b9c0e7d414a0c")),
    responses(
        (status = 204, description = "Logged out, or was."),
        (status = "default", description = "A problem.", body = ProblemBody,
            content_type = "application/problem+json")
    )
)]
pub(crate) async fn end_session(
    State(app): State<App>,
    caller: Caller,
    PathOf(session): PathOf<String>,
) -> Result<StatusCode, Problem> {
    let login = LoginId::parse(&session).map_err(|error| Problem::field("session_id", error))?;
    app.end_login(&caller.0.user, &login).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Log out every device but the one that asks. Their sockets are closed at once.
#[utoipa::path(
    delete, path = "/api/v1/users/me/sessions", tag = "accounts",
    responses(
        (status = 204, description = "Only this one is left."),
        (status = "default", description = "A problem.", body = ProblemBody,
            content_type = "application/problem+json")
    )
)]
pub(crate) async fn end_other_sessions(
    State(app): State<App>,
    caller: Caller,
) -> Result<StatusCode, Problem> {
    app.end_other_logins(&caller.0.user, caller.0.login.as_ref()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Change one's password. Every other device is logged out.
#[utoipa::path(
    post, path = "/api/v1/users/me/password", tag = "accounts", request_body = ChangePassword,
    responses(
        (status = 204, description = "Changed."),
        (status = "default", description = "401 `BAD_CREDENTIALS`: the old password is another; 429 `RATE` after too \
            many failures; 404 `NOT_FOUND`: users of another issuer have no password here, \
            nor has anybody where another system decides about logins.",
            body = ProblemBody, content_type = "application/problem+json")
    )
)]
pub(crate) async fn change_password(
    State(app): State<App>,
    caller: Caller,
    Address(address): Address,
    JsonBody(body): JsonBody<ChangePassword>,
) -> Result<StatusCode, Problem> {
    let user = &caller.0.user;
    let none = || Problem::new(Code::NotFound, "this user has no account here");
    if app.elsewhere.is_some() {
        return Err(Problem::new(Code::NotFound, "passwords are not kept here"));
    }
    let another = || Problem::new(Code::BadCredentials, "the old password is another");
    let account = app.store.account(user).await?.ok_or_else(none)?;
    check_password("new_password", &body.new_password, app.config.password_chars_min)?;
    app.backoff.admit(&account.username, address).await?;
    let (old, old_hash, new) = (body.old_password, account.password_hash.clone(), body.new_password);
    let work = move || passwords::verify(&old, Some(&old_hash)).then(|| passwords::hash(&new));
    let hashed = match app.hashes.run(work).await {
        Ok(hashed) => hashed,
        Err(problem) => {
            // What was not even tried has not failed.
            app.backoff.not_tried(&account.username).await;
            return Err(problem);
        }
    };
    let Some(hashed) = hashed else {
        app.backoff.failed(address).await;
        return Err(another());
    };
    app.backoff.succeeded(&account.username).await;
    let hash = hashed.map_err(|error| {
        tracing::error!(%error, "hashing a password failed");
        Problem::new(Code::Internal, "the password could not be hashed")
    })?;
    let change = |now: &mut store::Account| {
        // Changed meanwhile, the password that was checked is no longer the one.
        if now.password_hash != account.password_hash && now.password_hash != hash {
            return Err(another());
        }
        now.password_hash.clone_from(&hash);
        Ok(())
    };
    app.change_account(user, change).await?.ok_or_else(none)?;
    app.end_other_logins(user, caller.0.login.as_ref()).await?;
    Ok(StatusCode::NO_CONTENT)
}
