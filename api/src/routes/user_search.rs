//! Finding users of whose names one knows the beginning. Slowed down, so that nobody reads the list of all.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use store::{AccountStatus, SEARCH_CHARS_MIN};
use utoipa::{IntoParams, ToSchema};

use crate::App;
use crate::caller::Caller;
use crate::extract::QueryOf;
use crate::paging::Paging;
use crate::problem::{Problem, ProblemBody};
use crate::profile::{self, Profile};

/// Users in an answer: whoever looks for one of more types more.
const FOUND_MAX: usize = 50;

/// Whom to find.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct SearchUsers {
    /// The beginning of usernames, at least 3 characters; capitals make no difference.
    #[param(example = "ali")]
    prefix: String,
}

/// Who was found.
#[derive(Serialize, ToSchema)]
pub(crate) struct SearchedUsers {
    /// In order of their usernames; at most 50. Where there are as many as asked for there may be more, which a longer prefix finds.
    users: Vec<Profile>,
    /// Always `null`: a search does not go on.
    #[schema(example = json!(null))]
    next_cursor: Option<String>,
}

/// Find users by the beginning of their usernames.
#[utoipa::path(
    get, path = "/api/v1/users/search", tag = "users", params(SearchUsers, Paging),
    responses(
        (status = 200, description = "Some of those whose usernames begin so.", body = SearchedUsers),
        (status = "default", description = "429 `RATE`: too many searches.", body = ProblemBody,
            content_type = "application/problem+json")
    )
)]
pub(crate) async fn search_users(
    State(app): State<App>,
    caller: Caller,
    QueryOf(query): QueryOf<SearchUsers>,
    QueryOf(paging): QueryOf<Paging>,
) -> Result<Json<SearchedUsers>, Problem> {
    let too_short =
        || Problem::field("prefix", format!("at least {SEARCH_CHARS_MIN} characters of a username"));
    let prefix = profile::username(&query.prefix).map_err(|_| too_short())?;
    if prefix.chars().count() < SEARCH_CHARS_MIN {
        return Err(too_short());
    }
    let limit = paging.only_page()?.min(FOUND_MAX);
    app.backoff.admit_search(&caller).await?;
    let found = app.store.accounts_by_prefix(&prefix, limit).await?.into_iter();
    let active = found.filter(|account| account.status == AccountStatus::Active);
    Ok(Json(SearchedUsers { users: active.map(Profile::from).collect(), next_cursor: None }))
}
