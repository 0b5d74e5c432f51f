//! What members are: role, nickname, muted or not; and all of them muted.

use axum::Json;
use axum::extract::State;
use proto::Timestamp;
use proto::command::GroupRequest;
use proto::group::Role;
use serde::Deserialize;
use utoipa::ToSchema;

use super::groups::group_id;
use super::members::named;
use crate::answers::GroupChanged;
use crate::caller::Caller;
use crate::extract::{JsonBody, OptionalBody, PathOf};
use crate::numbers::Wide;
use crate::problem::{Problem, ProblemBody};
use crate::{App, now};

/// "Until further notice": the end of the year 9999.
const FOREVER: Timestamp = Timestamp(253_402_300_799_000);
/// What a mute must be.
const TO_COME: &str = "a time to come is needed; to unmute, use DELETE";

/// What a member shall be.
#[derive(Deserialize, ToSchema)]
pub(crate) struct SetRole {
    /// `member` or `admin`.
    #[schema(value_type = String, example = "admin")]
    role: MemberRole,
}

/// What a member can be made.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum MemberRole {
    /// Says things.
    Member,
    /// Also keeps the group in order.
    Admin,
}

/// For how long; without either, until further notice.
#[derive(Default, Deserialize, ToSchema)]
pub(crate) struct Mute {
    /// From now on, milliseconds.
    #[serde(alias = "durationMs")]
    #[schema(value_type = Option<String>, example = "60000")]
    duration_ms: Option<Wide>,
    /// Until then, Unix milliseconds.
    #[schema(value_type = Option<String>)]
    until: Option<Wide>,
}

/// How a member shall be called.
#[derive(Deserialize, ToSchema)]
pub(crate) struct SetNickname {
    /// At most 50 characters; empty for as elsewhere.
    #[schema(example = "Bobby")]
    nickname: String,
}

/// Make a member an admin, or an admin a member. Only the owner can.
#[utoipa::path(
    put, path = "/api/v1/groups/{group_id}/members/{user_id}/role", tag = "groups", request_body = SetRole,
    params(
        ("group_id" = String, Path, description = "Which.", example = "team"),
        ("user_id" = String, Path, description = "Whom.", example = "bob")
    ),
    responses(
        (status = 200, description = "They have this role now.", body = GroupChanged),
        (status = "default", description = "403 `FORBIDDEN`: not the owner. 404 `NOT_FOUND`: not a member.",
            body = ProblemBody, content_type = "application/problem+json")
    )
)]
pub(crate) async fn set_role(
    State(app): State<App>,
    caller: Caller,
    PathOf((group, user)): PathOf<(String, String)>,
    JsonBody(body): JsonBody<SetRole>,
) -> Result<Json<GroupChanged>, Problem> {
    let role = match body.role {
        MemberRole::Member => Role::Member,
        MemberRole::Admin => Role::Admin,
    };
    let request = GroupRequest::SetRole(vec![named(&caller, &user)?], role);
    change(&app, &caller, &group, request).await
}

/// Mute a member: until a time, or until further notice.
#[utoipa::path(
    put, path = "/api/v1/groups/{group_id}/members/{user_id}/mute", tag = "groups", request_body = Option<Mute>,
    params(
        ("group_id" = String, Path, description = "Which.", example = "team"),
        ("user_id" = String, Path, description = "Whom.", example = "carol")
    ),
    responses(
        (status = 200, description = "What they send is refused until then.", body = GroupChanged),
        (status = "default", description = "403 `FORBIDDEN`: neither owner nor admin, or they are an admin.",
            body = ProblemBody, content_type = "application/problem+json")
    )
)]
pub(crate) async fn mute_member(
    State(app): State<App>,
    caller: Caller,
    PathOf((group, user)): PathOf<(String, String)>,
    OptionalBody(body): OptionalBody<Mute>,
) -> Result<Json<GroupChanged>, Problem> {
    let request = GroupRequest::Mute(vec![named(&caller, &user)?], body.end()?);
    change(&app, &caller, &group, request).await
}

/// Let a member speak again.
#[utoipa::path(
    delete, path = "/api/v1/groups/{group_id}/members/{user_id}/mute", tag = "groups",
    params(
        ("group_id" = String, Path, description = "Which.", example = "team"),
        ("user_id" = String, Path, description = "Whom.", example = "carol")
    ),
    responses(
        (status = 200, description = "They may speak.", body = GroupChanged),
        (status = "default", description = "403 `FORBIDDEN`: neither owner nor admin.", body = ProblemBody,
            content_type = "application/problem+json")
    )
)]
pub(crate) async fn unmute_member(
    State(app): State<App>,
    caller: Caller,
    PathOf((group, user)): PathOf<(String, String)>,
) -> Result<Json<GroupChanged>, Problem> {
    let request = GroupRequest::Mute(vec![named(&caller, &user)?], Timestamp(0));
    change(&app, &caller, &group, request).await
}

/// Mute all but owner and admins: until a time, or until further notice.
#[utoipa::path(
    put, path = "/api/v1/groups/{group_id}/mute", tag = "groups", request_body = Option<Mute>,
    params(("group_id" = String, Path, description = "Which.", example = "team")),
    responses(
        (status = 200, description = "What others send is refused until then.", body = GroupChanged),
        (status = "default", description = "403 `FORBIDDEN`: neither owner nor admin.", body = ProblemBody,
            content_type = "application/problem+json")
    )
)]
pub(crate) async fn mute_all(
    State(app): State<App>,
    caller: Caller,
    PathOf(group): PathOf<String>,
    OptionalBody(body): OptionalBody<Mute>,
) -> Result<Json<GroupChanged>, Problem> {
    change(&app, &caller, &group, GroupRequest::MuteAll(body.end()?)).await
}

/// Let all speak again.
#[utoipa::path(
    delete, path = "/api/v1/groups/{group_id}/mute", tag = "groups",
    params(("group_id" = String, Path, description = "Which.", example = "team")),
    responses(
        (status = 200, description = "All may speak who are not muted by name.", body = GroupChanged),
        (status = "default", description = "403 `FORBIDDEN`: neither owner nor admin.", body = ProblemBody,
            content_type = "application/problem+json")
    )
)]
pub(crate) async fn unmute_all(
    State(app): State<App>,
    caller: Caller,
    PathOf(group): PathOf<String>,
) -> Result<Json<GroupChanged>, Problem> {
    change(&app, &caller, &group, GroupRequest::MuteAll(Timestamp(0))).await
}

/// Say how a member is called in the group: oneself, or, as owner or admin, another.
#[utoipa::path(
    put, path = "/api/v1/groups/{group_id}/members/{user_id}/nickname", tag = "groups", request_body = SetNickname,
    params(
        ("group_id" = String, Path, description = "Which.", example = "team"),
        ("user_id" = String, Path, description = "Whom; `me` for oneself.", example = "me")
    ),
    responses(
        (status = 200, description = "They are called so.", body = GroupChanged),
        (status = "default", description = "400 `BAD_FIELD`: too long. 403 `FORBIDDEN`: another's, and neither owner nor \
            admin.", body = ProblemBody, content_type = "application/problem+json")
    )
)]
pub(crate) async fn set_nickname(
    State(app): State<App>,
    caller: Caller,
    PathOf((group, user)): PathOf<(String, String)>,
    JsonBody(body): JsonBody<SetNickname>,
) -> Result<Json<GroupChanged>, Problem> {
    let request = GroupRequest::SetNickname(named(&caller, &user)?, body.nickname);
    change(&app, &caller, &group, request).await
}

/// Changes a group and says what came of it.
pub(super) async fn change(
    app: &App,
    caller: &Caller,
    group: &str,
    request: GroupRequest,
) -> Result<Json<GroupChanged>, Problem> {
    let group = group_id(group)?;
    let done = app.change_group(&caller.operator(), &group, request).await?;
    Ok(Json(GroupChanged::of(&group, &done)))
}

impl Mute {
    fn end(&self) -> Result<Timestamp, Problem> {
        match (self.duration_ms, self.until) {
            (None, None) => Ok(FOREVER),
            (Some(_), Some(_)) => Err(Problem::field("until", "only one of duration_ms, until is allowed")),
            (Some(Wide(0)), None) => Err(Problem::field("duration_ms", TO_COME)),
            (Some(duration_ms), None) => Ok(Timestamp(now().0.saturating_add(duration_ms.0)).min(FOREVER)),
            (None, Some(until)) if until.0 <= now().0 => Err(Problem::field("until", TO_COME)),
            (None, Some(until)) => Ok(Timestamp(until.0).min(FOREVER)),
        }
    }
}
