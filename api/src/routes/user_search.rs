//! Finding users of whose names one knows the beginning. Slowed down, so that nobody reads the list of all.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use store::{Account, AccountStatus, NICKNAME_CHARS_MIN};
use utoipa::{IntoParams, ToSchema};

use crate::caller::Caller;
use crate::extract::QueryOf;
use crate::paging::Paging;
use crate::problem::{Problem, ProblemBody};
use crate::profile::{self, Profile};
use crate::{App, Shared};

/// Users in an answer: whoever looks for one of more types more.
const FOUND_MAX: usize = 50;

/// Whom to find.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct SearchUsers {
    /// The beginning of usernames, where it has at least 3 characters, and of nicknames, where it has at least 2; capitals make no
    /// difference.
    #[param(example = "ali", min_length = 2, max_length = 64)]
    prefix: String,
}

/// Who was found.
#[derive(Serialize, ToSchema)]
pub(crate) struct SearchedUsers {
    /// First those whose usernames begin so, in order of these, then those whose nicknames do, in order of these; at most 50. Where
    /// there are as many as asked for there may be more, which a longer prefix finds.
    users: Vec<Profile>,
    /// Always `null`: a search does not go on.
    #[schema(example = json!(null))]
    next_cursor: Option<String>,
}

/// Find users by the beginning of their usernames or nicknames.
#[utoipa::path(
    get, path = "/api/v1/users/search", tag = "users", params(SearchUsers, Paging),
    responses(
        (status = 200, description = "Some of those whose names begin so.", body = SearchedUsers),
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
    let unlike_a_name = || {
        Problem::field("prefix", format!("at least {NICKNAME_CHARS_MIN} characters of a name, at most 64"))
    };
    let prefix = profile::nickname(&query.prefix).map_err(|_| unlike_a_name())?;
    if prefix.chars().count() < NICKNAME_CHARS_MIN {
        return Err(unlike_a_name());
    }
    let limit = paging.only_page()?.min(FOUND_MAX);
    app.backoff.admit_search(&caller).await?;
    let found = app.called(&prefix, limit).await?.into_iter();
    Ok(Json(SearchedUsers { users: found.map(Profile::from).collect(), next_cursor: None }))
}

impl Shared {
    /// Who has a username or a nickname that begins so, and may be used.
    async fn called(&self, prefix: &str, limit: usize) -> Result<Vec<Account>, Problem> {
        let by_username = async {
            match profile::username(prefix) {
                Ok(prefix) => self.store.accounts_by_prefix(&prefix, limit).await,
                // Nobody's username has such characters.
                Err(_) => Ok(Vec::new()),
            }
        };
        let (mut found, by_nickname) =
            tokio::try_join!(by_username, self.store.accounts_by_nickname(prefix, limit))?;
        for account in by_nickname {
            if found.iter().all(|other| other.user != account.user) {
                found.push(account);
            }
        }
        found.retain(|account| account.status == AccountStatus::Active);
        found.truncate(limit);
        Ok(found)
    }
}
