//! Members of groups: list, look at, join, add, leave, remove.

use auth::LinkToken;
use axum::Json;
use axum::extract::State;
use proto::command::GroupRequest;
use proto::{Code, UserId};
use serde::{Deserialize, Serialize};
use store::{Member, Role};
use utoipa::ToSchema;

use super::groups::{group_id, user_id, user_ids};
use super::member_changes::change;
use crate::App;
use crate::answers::GroupChanged;
use crate::caller::Caller;
use crate::extract::{OptionalBody, PathOf, QueryOf};
use crate::numbers::{IdText, Wide};
use crate::paging::{List, Paging};
use crate::problem::{Problem, ProblemBody};

/// A part of the members.
#[derive(Serialize, ToSchema)]
pub(crate) struct Members {
    /// In order of their user ids.
    members: Vec<GroupMember>,
    /// For `cursor`; `null` at the end.
    #[schema(example = json!(null))]
    next_cursor: Option<String>,
}

/// One member.
#[derive(Serialize, ToSchema)]
pub(crate) struct GroupMember {
    /// Who.
    #[schema(example = "alice")]
    user: String,
    /// `member`, `admin` or `owner`.
    #[schema(example = "owner")]
    role: &'static str,
    /// Since when, Unix milliseconds.
    #[schema(value_type = String, example = "1790000000000")]
    joined_at: Wide,
    /// How they are called in this group; empty for as elsewhere.
    #[schema(example = "Al")]
    nickname: String,
    /// Until when they may not speak, Unix milliseconds; "0" for not muted.
    #[schema(value_type = String, example = "0")]
    muted_until: Wide,
}

/// Whom to add; nobody named means oneself.
#[derive(Deserialize, Default, ToSchema)]
pub(crate) struct AddMembers {
    /// Others, by user id.
    #[serde(default, alias = "userIds", alias = "member_ids", alias = "memberIds")]
    #[schema(value_type = Vec<String>, example = json!(["dave"]))]
    user_ids: Vec<IdText>,
    /// Of a link, to join through it.
    #[serde(alias = "linkToken")]
    link_token: Option<String>,
}

/// The members of a group one is a member of.
#[utoipa::path(
    get, path = "/api/v1/groups/{group_id}/members", tag = "groups",
    params(("group_id" = String, Path, description = "Which.", example = "team"), Paging),
    responses(
        (status = 200, description = "A part of the members.", body = Members),
        (status = "default", description = "404 `NOT_FOUND`: no such group, or one is not a member.",
            body = ProblemBody, content_type = "application/problem+json")
    )
)]
pub(crate) async fn list_members(
    State(app): State<App>,
    caller: Caller,
    PathOf(group): PathOf<String>,
    QueryOf(paging): QueryOf<Paging>,
) -> Result<Json<Members>, Problem> {
    let group = group_id(&group)?;
    let after = paging.after(List::Members, |text| UserId::parse(text).ok())?;
    let limit = paging.limit()?;
    app.group_seen_by(&caller, &group).await?;
    let mut members = app.store.members(&group, after, limit + 1).await?;
    let more = members.len() > limit;
    members.truncate(limit);
    let next_cursor = members.last().filter(|_| more).map(|member| List::Members.cursor(&member.user));
    Ok(Json(Members { members: members.into_iter().map(GroupMember::from).collect(), next_cursor }))
}

/// A member of a group one is a member of.
#[utoipa::path(
    get, path = "/api/v1/groups/{group_id}/members/{user_id}", tag = "groups",
    params(
        ("group_id" = String, Path, description = "Which.", example = "team"),
        ("user_id" = String, Path, description = "Whom; `me` for oneself.", example = "bob")
    ),
    responses(
        (status = 200, description = "The member.", body = GroupMember),
        (status = "default", description = "404 `NOT_FOUND`: no such group, or no such member.",
            body = ProblemBody, content_type = "application/problem+json")
    )
)]
pub(crate) async fn member(
    State(app): State<App>,
    caller: Caller,
    PathOf((group, user)): PathOf<(String, String)>,
) -> Result<Json<GroupMember>, Problem> {
    let group = group_id(&group)?;
    let user = named(&caller, &user)?;
    app.group_seen_by(&caller, &group).await?;
    let member = app.store.member(&group, &user).await?;
    let none = || Problem::new(Code::NotFound, "not a member of the group");
    member.map(|member| Json(member.into())).ok_or_else(none)
}

/// Join a group (without a body, or through a link), or add others to it.
#[utoipa::path(
    post, path = "/api/v1/groups/{group_id}/members", tag = "groups", request_body = Option<AddMembers>,
    params(("group_id" = String, Path, description = "Which.", example = "team")),
    responses(
        (status = 200, description = "They are members.", body = GroupChanged),
        (status = "default", description = "409 `GROUP_FULL`, `TOO_MANY`; 410 `DISMISSED`; 403 `FORBIDDEN`, `JOIN_CLOSED`.",
            body = ProblemBody, content_type = "application/problem+json")
    )
)]
pub(crate) async fn add_members(
    State(app): State<App>,
    caller: Caller,
    PathOf(group): PathOf<String>,
    OptionalBody(body): OptionalBody<AddMembers>,
) -> Result<Json<GroupChanged>, Problem> {
    let users = user_ids("user_ids", &body.user_ids)?;
    let own = std::slice::from_ref(&caller.0.user);
    let request = match body.link_token.as_deref() {
        Some(token) => {
            let token = LinkToken::parse(token).ok_or_else(|| Problem::field("link_token", "not a token"))?;
            GroupRequest::JoinByLink(token.hash())
        }
        None if users.is_empty() || users == own => GroupRequest::Join,
        None => GroupRequest::Add(users.clone()),
    };
    let new = if matches!(request, GroupRequest::Add(_)) { users.as_slice() } else { own };
    app.room_for_another_group(&group_id(&group)?, new.iter()).await?;
    change(&app, &caller, &group, request).await
}

/// Leave a group (`me`), or remove another member.
#[utoipa::path(
    delete, path = "/api/v1/groups/{group_id}/members/{user_id}", tag = "groups",
    params(
        ("group_id" = String, Path, description = "Which.", example = "team"),
        ("user_id" = String, Path, description = "Whom; `me` for oneself.", example = "bob")
    ),
    responses(
        (status = 200, description = "No longer a member.", body = GroupChanged),
        (status = "default", description = "409 `OWNER_MUST_STAY`; 403 `FORBIDDEN`.", body = ProblemBody,
            content_type = "application/problem+json")
    )
)]
pub(crate) async fn remove_member(
    State(app): State<App>,
    caller: Caller,
    PathOf((group, user)): PathOf<(String, String)>,
) -> Result<Json<GroupChanged>, Problem> {
    let request = if user == "me" || user == caller.0.user.as_str() {
        GroupRequest::Leave
    } else {
        GroupRequest::Remove(vec![user_id("user_id", &user)?])
    };
    change(&app, &caller, &group, request).await
}

/// A user of a path; `me` for oneself.
pub(super) fn named(caller: &Caller, text: &str) -> Result<UserId, Problem> {
    if text == "me" { Ok(caller.0.user.clone()) } else { user_id("user_id", text) }
}

impl From<Member> for GroupMember {
    fn from(member: Member) -> Self {
        let role = match member.role {
            Role::Member => "member",
            Role::Admin => "admin",
            Role::Owner => "owner",
        };
        Self {
            user: member.user.to_string(),
            role,
            joined_at: Wide(member.joined_at.0),
            nickname: member.nickname,
            muted_until: Wide(member.muted_until.0),
        }
    }
}
