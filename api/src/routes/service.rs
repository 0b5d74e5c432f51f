//! What trusted services do with accounts.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use proto::{Code, UserId};
use serde::{Deserialize, Serialize};
use store::AccountStatus;
use utoipa::ToSchema;

use super::register::{Credential, NewAccount};
use crate::App;
use crate::caller::Caller;
use crate::extract::{JsonBody, PathOf};
use crate::numbers::IdText;
use crate::problem::{Problem, ProblemBody};
use crate::profile::Me;

/// Whether an account may be used.
#[derive(Clone, Copy, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(example = "disabled")]
pub(crate) enum Status {
    /// It may.
    Active,
    /// Nobody can log in with it.
    Disabled,
}

/// What to make of an account.
#[derive(Deserialize, ToSchema)]
#[schema(example = json!({"status": "disabled"}))]
pub(crate) struct ChangeAccount {
    /// Disabling closes every socket of the user.
    status: Status,
}

/// An account, as services see it.
#[derive(Serialize, ToSchema)]
pub(crate) struct AccountState {
    /// Whose.
    #[schema(example = "231894619234304")]
    user_id: String,
    /// Whether it may be used.
    status: Status,
}

/// A new account, made by a service.
#[derive(Deserialize, ToSchema)]
pub(crate) struct CreateUser {
    /// The `sub` of the user's tokens, where the service has ids of its own; made up if absent.
    #[serde(alias = "userId")]
    #[schema(value_type = Option<String>, example = "user-4711")]
    user_id: Option<IdText>,
    /// 1 to 64 letters, digits and `. _ - | @ : + = ~`; capitals make no difference.
    #[schema(example = "dora")]
    username: String,
    /// As long as the server asks for, at most 256 bytes. Absent, nobody logs in with a password: the user comes with tokens of
    /// another issuer.
    #[schema(example = "correct horse", format = Password)]
    password: Option<String>,
    /// Instead of `password`, what another backend stored: bcrypt (`$2a$`, `$2b$`, `$2y$`) with a cost of 4 to 14, or argon2id
    /// (`v=19`) as a PHC string with `m` of at most 65536, `t` of at most 4 and `p` of at most 16. The first login replaces it.
    #[serde(alias = "passwordHash")]
    #[schema(format = Password)]
    password_hash: Option<String>,
    /// What others see; the username if absent.
    #[schema(example = "Dora")]
    nickname: Option<String>,
    /// Only its owner sees it.
    #[schema(example = "dora@example.org")]
    email: Option<String>,
}

/// Make an account. Also where nobody may register.
#[utoipa::path(
    post, path = "/api/v1/server/users", tag = "services", request_body = CreateUser,
    responses(
        (status = 201, description = "It exists; nobody is logged in.", body = Me),
        (status = "default", description = "409 `CONFLICT`: the username or the id is taken. 403 `FORBIDDEN`: not a service \
            with the scope.", body = ProblemBody, content_type = "application/problem+json")
    )
)]
pub(crate) async fn create_user(
    State(app): State<App>,
    _: Caller,
    JsonBody(body): JsonBody<CreateUser>,
) -> Result<(StatusCode, Json<Me>), Problem> {
    let user = body.user_id.map(|id| UserId::parse(&id.0)).transpose();
    let credential = match (body.password, body.password_hash) {
        (Some(_), Some(_)) => return Err(Problem::field("password_hash", "not beside a password")),
        (Some(password), None) => Credential::Password(password),
        (None, Some(hash)) => Credential::Imported(hash),
        (None, None) => Credential::None,
    };
    let new = NewAccount {
        user: user.map_err(|error| Problem::field("user_id", error))?,
        username: body.username,
        credential,
        nickname: body.nickname,
        email: body.email,
    };
    let account = Box::pin(app.make_account(new)).await?;
    Ok((StatusCode::CREATED, Json(Me::of(&account.user.clone(), Some(account)))))
}

/// Log a user out everywhere: every login ends, every socket is closed. Of users of another issuer the sockets alone.
#[utoipa::path(
    delete, path = "/api/v1/server/users/{user_id}/sessions", tag = "services",
    params(("user_id" = String, Path, description = "Whom.", example = "231894619234304")),
    responses(
        (status = 204, description = "Logged out, or was; sockets are closed on every gateway within moments, with 4401."),
        (status = "default", description = "403 `FORBIDDEN`: not a service with the scope.", body = ProblemBody,
            content_type = "application/problem+json")
    )
)]
pub(crate) async fn end_user_sessions(
    State(app): State<App>,
    _: Caller,
    PathOf(user): PathOf<String>,
) -> Result<StatusCode, Problem> {
    let user = UserId::parse(&user).map_err(|error| Problem::field("user_id", error))?;
    app.end_all_logins(&user).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Disable an account, or enable it again. Disabled, it is logged out everywhere and its sockets are closed.
#[utoipa::path(
    patch, path = "/api/v1/server/users/{user_id}", tag = "services", request_body = ChangeAccount,
    params(("user_id" = String, Path, description = "Whose.", example = "231894619234304")),
    responses(
        (status = 200, description = "The account, changed.", body = AccountState),
        (status = "default", description = "403 `FORBIDDEN`: not a trusted service; 404 `NOT_FOUND`: no account here.",
            body = ProblemBody, content_type = "application/problem+json")
    )
)]
pub(crate) async fn change_account(
    State(app): State<App>,
    _: Caller,
    PathOf(user): PathOf<String>,
    JsonBody(body): JsonBody<ChangeAccount>,
) -> Result<Json<AccountState>, Problem> {
    let user = UserId::parse(&user).map_err(|error| Problem::field("user_id", error))?;
    let none = || Problem::new(Code::NotFound, "there is no account of this user here");
    let status = match body.status {
        Status::Active => AccountStatus::Active,
        Status::Disabled => AccountStatus::Disabled,
    };
    let change = |account: &mut store::Account| {
        account.status = status;
        Ok(())
    };
    app.change_account(&user, change).await?.ok_or_else(none)?;
    if status == AccountStatus::Disabled {
        app.end_all_logins(&user).await?;
    }
    Ok(Json(AccountState { user_id: user.to_string(), status: body.status }))
}
