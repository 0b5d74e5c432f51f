//! Oneself and others.

use axum::Json;
use axum::extract::State;
use proto::{Code, UserId};
use serde::{Deserialize, Serialize};
use store::{Account, AccountStatus};
use utoipa::{IntoParams, ToSchema};

use crate::caller::Caller;
use crate::details::ChangeDetails;
use crate::extract::{JsonBody, PathOf, QueryOf, by_name};
use crate::numbers::present;
use crate::problem::{Problem, ProblemBody};
use crate::profile::{self, Me, Profile};
use crate::{App, Shared};

/// What to change; what is absent stays.
#[derive(Deserialize, ToSchema)]
pub(crate) struct ChangeMe {
    /// What others see.
    #[schema(example = "Alice B.")]
    nickname: Option<String>,
    /// `null` or an empty text takes it away.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, example = "alice@example.org")]
    email: Option<Option<String>>,
    /// What one says of oneself.
    #[serde(flatten, deserialize_with = "by_name")]
    details: ChangeDetails,
}

/// Whom to find.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct FindUsers {
    /// The whole username; capitals make no difference.
    #[param(example = "alice")]
    username: String,
}

/// Who was found.
#[derive(Serialize, ToSchema)]
pub(crate) struct FoundUsers {
    /// One, or none.
    users: Vec<Profile>,
    /// Always `null`: the list is whole.
    #[schema(example = json!(null))]
    next_cursor: Option<String>,
}

/// Oneself.
#[utoipa::path(
    get, path = "/api/v1/users/me", tag = "users",
    responses(
        (status = 200, description = "Oneself; mostly `null` for users of another issuer.", body = Me),
        (status = "default", description = "A problem.", body = ProblemBody,
            content_type = "application/problem+json")
    )
)]
pub(crate) async fn me(State(app): State<App>, caller: Caller) -> Result<Json<Me>, Problem> {
    let account = app.store.account(&caller.0.user).await?;
    Ok(Json(Me::of(&caller.0.user, account)))
}

/// Change one's nickname, e-mail address, picture, phone number, fields, and who sees whether one is there.
#[utoipa::path(
    patch, path = "/api/v1/users/me", tag = "users", request_body = ChangeMe,
    responses(
        (status = 200, description = "Oneself, changed.", body = Me),
        (status = "default", description = "404 `NOT_FOUND`: users of another issuer have no account here.",
            body = ProblemBody, content_type = "application/problem+json")
    )
)]
pub(crate) async fn change_me(
    State(app): State<App>,
    caller: Caller,
    JsonBody(body): JsonBody<ChangeMe>,
) -> Result<Json<Me>, Problem> {
    let user = &caller.0.user;
    let none = || Problem::new(Code::NotFound, "this user has no account here");
    let change = |account: &mut Account| {
        if let Some(nickname) = &body.nickname {
            account.nickname = profile::nickname(nickname)?;
        }
        if let Some(email) = &body.email {
            account.email =
                email.as_deref().filter(|text| !text.is_empty()).map(profile::email).transpose()?;
        }
        body.details.apply(&mut account.details)
    };
    let account = app.change_account(user, change).await?.ok_or_else(none)?;
    if body.details.says_audience() {
        app.commands.presence_rules(user);
    }
    Ok(Json(Me::of(user, Some(account))))
}

/// Another user.
#[utoipa::path(
    get, path = "/api/v1/users/{user_id}", tag = "users",
    params(("user_id" = String, Path, description = "Whom.", example = "231894619234304")),
    responses(
        (status = 200, description = "What others may see.", body = Profile),
        (status = "default", description = "404 `NOT_FOUND`: no account here. 429 `RATE`: too many looked up, with `retry_after_ms`.",
            body = ProblemBody,
            content_type = "application/problem+json")
    )
)]
pub(crate) async fn user(
    State(app): State<App>,
    caller: Caller,
    PathOf(user): PathOf<String>,
) -> Result<Json<Profile>, Problem> {
    let user = UserId::parse(&user).map_err(|error| Problem::field("user_id", error))?;
    app.backoff.admit_look_up(&caller).await?;
    let account = app.store.account(&user).await?;
    account
        .map(|account| Json(account.into()))
        .ok_or_else(|| Problem::new(Code::NotFound, "there is no account of this user here"))
}

/// Find a user by username.
#[utoipa::path(
    get, path = "/api/v1/users", tag = "users", params(FindUsers),
    responses(
        (status = 200, description = "The user with exactly this username, if there is one.", body = FoundUsers),
        (status = "default", description = "429 `RATE`: too many searches, with `retry_after_ms`.", body = ProblemBody,
            content_type = "application/problem+json")
    )
)]
pub(crate) async fn find_users(
    State(app): State<App>,
    caller: Caller,
    QueryOf(query): QueryOf<FindUsers>,
) -> Result<Json<FoundUsers>, Problem> {
    app.backoff.admit_search(&caller).await?;
    let users = app.find(&query.username).await?.into_iter().collect();
    Ok(Json(FoundUsers { users, next_cursor: None }))
}

impl Shared {
    async fn find(&self, name: &str) -> Result<Option<Profile>, Problem> {
        let Ok(name) = profile::username(name) else { return Ok(None) };
        let account = self.store.account_by_username(&name).await?;
        Ok(account.filter(|account| account.status == AccountStatus::Active).map(Profile::from))
    }
}
