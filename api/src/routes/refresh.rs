//! Keeps a login up, or ends it.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use proto::Code;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::App;
use crate::caller::OptionalCaller;
use crate::extract::{JsonBody, OptionalBody};
use crate::logins::Tokens;
use crate::problem::{Problem, ProblemBody};

/// The newest refresh token of a login.
#[derive(Deserialize, ToSchema)]
pub(crate) struct Refresh {
    /// Good once.
    #[serde(alias = "refreshToken")]
    #[schema(example = "k3Zb0mWq8vY1xN5cR7tUaQ.…")]
    refresh_token: String,
}

/// What to end. Without a body: the login of the access token.
#[derive(Deserialize, Default, ToSchema)]
pub(crate) struct Logout {
    /// End the login of this refresh token; then no access token is needed.
    #[serde(alias = "refreshToken")]
    refresh_token: Option<String>,
    /// End every login of the user.
    #[serde(default)]
    #[schema(example = false)]
    all: bool,
}

/// Exchange a refresh token for new tokens.
#[utoipa::path(
    post, path = "/api/v1/auth/refresh", tag = "accounts", request_body = Refresh, security(()),
    responses(
        (status = 200, description = "The next tokens; the old refresh token is used up.", body = Tokens),
        (status = "default", description = "401 `UNAUTHENTICATED`: not good any more; using one twice ends its login. 403 `FORBIDDEN`: the account is disabled.",
            body = ProblemBody, content_type = "application/problem+json")
    )
)]
pub(crate) async fn refresh(
    State(app): State<App>,
    JsonBody(body): JsonBody<Refresh>,
) -> Result<Json<Tokens>, Problem> {
    app.refresh_login(&body.refresh_token).await.map(Json)
}

/// Log out: end the login, or all, and close its sockets.
#[utoipa::path(
    post, path = "/api/v1/auth/logout", tag = "accounts", request_body = Option<Logout>,
    security((), ("token" = [])),
    responses(
        (status = 204, description = "Ended."),
        (status = "default", description = "A problem.", body = ProblemBody,
            content_type = "application/problem+json")
    )
)]
pub(crate) async fn logout(
    State(app): State<App>,
    OptionalCaller(caller): OptionalCaller,
    OptionalBody(body): OptionalBody<Logout>,
) -> Result<StatusCode, Problem> {
    match (caller.map(|caller| caller.0), &body.refresh_token) {
        (Some(identity), _) if body.all => app.end_all_logins(&identity.user).await?,
        (None, Some(_)) if body.all => return Err(without_proof()),
        (_, Some(token)) => app.end_login_of(token).await?,
        (Some(identity), None) => match &identity.login {
            Some(login) => app.end_login(&identity.user, login).await?,
            // A token of another issuer belongs to no login here: all that can be ended are the sockets.
            None => app.commands.revoke(&identity.user, None),
        },
        (None, None) => return Err(without_proof()),
    }
    Ok(StatusCode::NO_CONTENT)
}

fn without_proof() -> Problem {
    let detail = "send `Authorization: Bearer <access token>`; or, for one login, its refresh_token";
    Problem::new(Code::Unauthenticated, detail)
}
