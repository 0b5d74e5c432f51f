//! Requests to join: ask, list, answer.

use axum::Json;
use axum::extract::State;
use proto::command::GroupRequest;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::groups::{group_id, user_id};
use super::member_changes::change;
use crate::answers::GroupChanged;
use crate::caller::Caller;
use crate::extract::{OptionalBody, PathOf, QueryOf};
use crate::numbers::Wide;
use crate::paging::{List, Page, Paging, rising};
use crate::problem::{Problem, ProblemBody};
use crate::{App, now};

/// What those who answer shall know.
#[derive(Default, Deserialize, ToSchema)]
pub(crate) struct AskToJoin {
    /// At most 100 characters.
    #[serde(default)]
    #[schema(example = "It is me, Dave")]
    note: String,
}

/// Who waits for an answer.
#[derive(Serialize, ToSchema)]
pub(crate) struct JoinRequests {
    /// Oldest first; at most 100 in all.
    requests: Vec<JoinRequest>,
    /// For `cursor`; `null` at the end.
    #[schema(example = json!(null))]
    next_cursor: Option<String>,
}

/// A request to join.
#[derive(Serialize, ToSchema)]
pub(crate) struct JoinRequest {
    /// Who asks.
    #[schema(example = "erin")]
    user: String,
    /// What they say.
    #[schema(example = "It is me, Erin")]
    note: String,
    /// Since when, Unix milliseconds.
    #[schema(value_type = String, example = "1790000000000")]
    time: Wide,
    /// When it is void, Unix milliseconds.
    #[schema(value_type = String, example = "1790604800000")]
    expires: Wide,
}

/// Ask to join a group; one that is open is joined at once.
#[utoipa::path(
    post, path = "/api/v1/groups/{group_id}/join-requests", tag = "groups", request_body = Option<AskToJoin>,
    params(("group_id" = String, Path, description = "Which.", example = "team")),
    responses(
        (status = 200, description = "A member, or, if `pending`, waiting for an answer.", body = GroupChanged),
        (status = "default", description = "403 `JOIN_CLOSED`: one joins by invitation. 409 `TOO_MANY`: too many wait.",
            body = ProblemBody, content_type = "application/problem+json")
    )
)]
pub(crate) async fn ask_to_join(
    State(app): State<App>,
    caller: Caller,
    PathOf(group): PathOf<String>,
    OptionalBody(body): OptionalBody<AskToJoin>,
) -> Result<Json<GroupChanged>, Problem> {
    app.room_for_another_group(&group_id(&group)?, [&caller.0.user].into_iter()).await?;
    change(&app, &caller, &group, GroupRequest::AskToJoin { note: body.note }).await
}

/// Who waits to be let in. For owner and admins.
#[utoipa::path(
    get, path = "/api/v1/groups/{group_id}/join-requests", tag = "groups",
    params(("group_id" = String, Path, description = "Which.", example = "team"), Paging),
    responses(
        (status = 200, description = "The requests that wait.", body = JoinRequests),
        (status = "default", description = "403 `FORBIDDEN`: neither owner nor admin.", body = ProblemBody,
            content_type = "application/problem+json")
    )
)]
pub(crate) async fn list_join_requests(
    State(app): State<App>,
    caller: Caller,
    PathOf(group): PathOf<String>,
    QueryOf(paging): QueryOf<Paging>,
) -> Result<Json<JoinRequests>, Problem> {
    let info = app.group_managed_by(&caller, &group_id(&group)?).await?;
    let now = now();
    let waiting = info.settings.requests.into_iter().filter(|request| request.expires > now);
    let requests = waiting.map(|request| JoinRequest {
        user: request.user.to_string(),
        note: request.note,
        time: Wide(request.asked.0),
        expires: Wide(request.expires.0),
    });
    let key = |request: &JoinRequest| format!("{} {}", rising(request.time.0), request.user);
    let Page { items, next_cursor } = paging.page_of(List::JoinRequests, requests, key)?;
    Ok(Json(JoinRequests { requests: items, next_cursor }))
}

/// Let in who asked.
#[utoipa::path(
    post, path = "/api/v1/groups/{group_id}/join-requests/{user_id}/approve", tag = "groups",
    params(
        ("group_id" = String, Path, description = "Which.", example = "team"),
        ("user_id" = String, Path, description = "Whom.", example = "erin")
    ),
    responses(
        (status = 200, description = "A member now.", body = GroupChanged),
        (status = "default", description = "404: no such request. 409 `GROUP_FULL`, `TOO_MANY`: of this user's groups.",
            body = ProblemBody, content_type = "application/problem+json")
    )
)]
pub(crate) async fn approve_join_request(
    State(app): State<App>,
    caller: Caller,
    PathOf((group, user)): PathOf<(String, String)>,
) -> Result<Json<GroupChanged>, Problem> {
    let user = user_id("user_id", &user)?;
    // There may have been room when they asked.
    app.room_for_another_group(&group_id(&group)?, [&user].into_iter()).await?;
    change(&app, &caller, &group, GroupRequest::Approve(vec![user])).await
}

/// Do not let in who asked.
#[utoipa::path(
    post, path = "/api/v1/groups/{group_id}/join-requests/{user_id}/reject", tag = "groups",
    params(
        ("group_id" = String, Path, description = "Which.", example = "team"),
        ("user_id" = String, Path, description = "Whom.", example = "frank")
    ),
    responses(
        (status = 200, description = "The request is gone.", body = GroupChanged),
        (status = "default", description = "403 `FORBIDDEN`: neither owner nor admin.", body = ProblemBody,
            content_type = "application/problem+json")
    )
)]
pub(crate) async fn reject_join_request(
    State(app): State<App>,
    caller: Caller,
    PathOf((group, user)): PathOf<(String, String)>,
) -> Result<Json<GroupChanged>, Problem> {
    change(&app, &caller, &group, GroupRequest::Reject(vec![user_id("user_id", &user)?])).await
}
