//! What trusted services do with accounts.

use axum::Json;
use axum::extract::State;
use proto::{Code, UserId};
use serde::{Deserialize, Serialize};
use store::AccountStatus;
use utoipa::ToSchema;

use super::messages::only_services;
use crate::App;
use crate::caller::Caller;
use crate::extract::{JsonBody, PathOf};
use crate::problem::{Problem, ProblemBody};

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
    caller: Caller,
    PathOf(user): PathOf<String>,
    JsonBody(body): JsonBody<ChangeAccount>,
) -> Result<Json<AccountState>, Problem> {
    if !caller.0.is_server() {
        return Err(only_services());
    }
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
