//! Invitations and links: give, list, take back.

use auth::LinkToken;
use axum::Json;
use axum::extract::State;
use http::StatusCode;
use proto::command::GroupRequest;
use proto::group::NewLink;
use proto::{LinkId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::groups::{group_id, user_ids};
use super::member_changes::change;
use super::members::named;
use crate::answers::GroupChanged;
use crate::caller::Caller;
use crate::extract::{JsonBody, OptionalBody, PathOf, QueryOf};
use crate::numbers::{IdText, Wide};
use crate::paging::{List, Page, Paging, rising};
use crate::problem::{Problem, ProblemBody};
use crate::{App, now};

/// Milliseconds for which an invitation or a link is good when nobody says: 7 days.
const GOOD_FOR_MS: u64 = 7 * 24 * 60 * 60 * 1000;
/// And at most: 365 days.
const GOOD_FOR_MS_MAX: u64 = 365 * 24 * 60 * 60 * 1000;

/// Whom to invite.
#[derive(Deserialize, ToSchema)]
pub(crate) struct Invite {
    /// By user id.
    #[serde(alias = "userIds")]
    #[schema(value_type = Vec<String>, example = json!(["grace"]))]
    user_ids: Vec<IdText>,
    /// How long it is good, milliseconds; 7 days if absent, 365 days at most.
    #[serde(alias = "expiresInMs")]
    #[schema(value_type = Option<String>, example = "86400000")]
    expires_in_ms: Option<Wide>,
}

/// Who is invited.
#[derive(Serialize, ToSchema)]
pub(crate) struct Invitations {
    /// Those that end first come first; at most 200 in all.
    invitations: Vec<Invitation>,
    /// For `cursor`; `null` at the end.
    #[schema(example = json!(null))]
    next_cursor: Option<String>,
}

/// An invitation that was not accepted yet.
#[derive(Serialize, ToSchema)]
pub(crate) struct Invitation {
    /// Who may join.
    #[schema(example = "grace")]
    user: String,
    /// Who said so.
    #[schema(example = "alice")]
    by: String,
    /// When it is void, Unix milliseconds.
    #[schema(value_type = String, example = "1790604800000")]
    expires: Wide,
}

/// What a link shall be.
#[derive(Default, Deserialize, ToSchema)]
pub(crate) struct MakeLink {
    /// How long it is good, milliseconds; 7 days if absent, 365 days at most.
    #[serde(alias = "expiresInMs")]
    #[schema(value_type = Option<String>, example = "86400000")]
    expires_in_ms: Option<Wide>,
    /// How many may join through it; 0 or absent for any number.
    #[serde(default, alias = "usesMax")]
    #[schema(example = 10)]
    uses_max: u32,
}

/// A link that was made.
#[derive(Serialize, ToSchema)]
pub(crate) struct MadeLink {
    /// Names it.
    #[schema(example = "x3Jd0sYbqQ2k")]
    link_id: String,
    /// Whoever shows it joins: `{"link_token": "…"}` to the group's members. Told here and nowhere else.
    #[schema(example = "Gq0l8uXyV1eGmQm3yQp6Yw5r0bZk2f1a")]
    token: String,
    /// When it ends, Unix milliseconds.
    #[schema(value_type = String, example = "1790604800000")]
    expires: Wide,
}

/// The links of a group.
#[derive(Serialize, ToSchema)]
pub(crate) struct Links {
    /// Those that end first come first; at most 20 in all.
    links: Vec<Link>,
    /// For `cursor`; `null` at the end.
    #[schema(example = json!(null))]
    next_cursor: Option<String>,
}

/// A link through which one may join.
#[derive(Serialize, ToSchema)]
pub(crate) struct Link {
    /// Names it.
    #[schema(example = "x3Jd0sYbqQ2k")]
    link_id: String,
    /// Who made it.
    #[schema(example = "alice")]
    by: String,
    /// When it ends, Unix milliseconds.
    #[schema(value_type = String, example = "1790604800000")]
    expires: Wide,
    /// How many may join through it; 0 for any number.
    #[schema(example = 10)]
    uses_max: u32,
    /// How many have.
    #[schema(example = 0)]
    uses: u32,
}

/// Invite others: they may join until then, however one joins otherwise.
#[utoipa::path(
    post, path = "/api/v1/groups/{group_id}/invitations", tag = "groups", request_body = Invite,
    params(("group_id" = String, Path, description = "Which.", example = "team")),
    responses(
        (status = 200, description = "They are invited.", body = GroupChanged),
        (status = "default", description = "403 `FORBIDDEN`: neither owner nor admin. 409 `TOO_MANY`.",
            body = ProblemBody, content_type = "application/problem+json")
    )
)]
pub(crate) async fn invite(
    State(app): State<App>,
    caller: Caller,
    PathOf(group): PathOf<String>,
    JsonBody(body): JsonBody<Invite>,
) -> Result<Json<GroupChanged>, Problem> {
    let users = user_ids("user_ids", &body.user_ids)?;
    if users.is_empty() {
        return Err(Problem::field("user_ids", "one at least is required"));
    }
    change(&app, &caller, &group, GroupRequest::Invite(users, end(body.expires_in_ms)?)).await
}

/// Who is invited. For owner and admins.
#[utoipa::path(
    get, path = "/api/v1/groups/{group_id}/invitations", tag = "groups",
    params(("group_id" = String, Path, description = "Which.", example = "team"), Paging),
    responses(
        (status = 200, description = "The invitations that hold.", body = Invitations),
        (status = "default", description = "403 `FORBIDDEN`: neither owner nor admin.", body = ProblemBody,
            content_type = "application/problem+json")
    )
)]
pub(crate) async fn list_invitations(
    State(app): State<App>,
    caller: Caller,
    PathOf(group): PathOf<String>,
    QueryOf(paging): QueryOf<Paging>,
) -> Result<Json<Invitations>, Problem> {
    let info = app.group_managed_by(&caller, &group_id(&group)?).await?;
    let now = now();
    let holding = info.settings.invitations.into_iter().filter(|invitation| invitation.expires > now);
    let invitations = holding.map(|invitation| Invitation {
        user: invitation.user.to_string(),
        by: invitation.by.to_string(),
        expires: Wide(invitation.expires.0),
    });
    let key = |invitation: &Invitation| format!("{} {}", rising(invitation.expires.0), invitation.user);
    let Page { items, next_cursor } = paging.page_of(List::GroupInvitations, invitations, key)?;
    Ok(Json(Invitations { invitations: items, next_cursor }))
}

/// Withdraw an invitation, or decline one's own (`me`).
#[utoipa::path(
    delete, path = "/api/v1/groups/{group_id}/invitations/{user_id}", tag = "groups",
    params(
        ("group_id" = String, Path, description = "Which.", example = "team"),
        ("user_id" = String, Path, description = "Whose; `me` for one's own.", example = "grace")
    ),
    responses(
        (status = 200, description = "There is none.", body = GroupChanged),
        (status = "default", description = "403 `FORBIDDEN`: another's, and neither owner nor admin.",
            body = ProblemBody, content_type = "application/problem+json")
    )
)]
pub(crate) async fn uninvite(
    State(app): State<App>,
    caller: Caller,
    PathOf((group, user)): PathOf<(String, String)>,
) -> Result<Json<GroupChanged>, Problem> {
    change(&app, &caller, &group, GroupRequest::Uninvite(vec![named(&caller, &user)?])).await
}

/// Make a link: whoever has its token may join.
#[utoipa::path(
    post, path = "/api/v1/groups/{group_id}/links", tag = "groups", request_body = Option<MakeLink>,
    params(("group_id" = String, Path, description = "Which.", example = "team")),
    responses(
        (status = 201, description = "It lets in whoever shows the token.", body = MadeLink),
        (status = "default", description = "403 `FORBIDDEN`: neither owner nor admin. 409 `TOO_MANY`.",
            body = ProblemBody, content_type = "application/problem+json")
    )
)]
pub(crate) async fn make_link(
    State(app): State<App>,
    caller: Caller,
    PathOf(group): PathOf<String>,
    OptionalBody(body): OptionalBody<MakeLink>,
) -> Result<(StatusCode, Json<MadeLink>), Problem> {
    let (link, token) = LinkToken::new_link();
    let expires = end(body.expires_in_ms)?;
    let new = NewLink { link: link.clone(), token: token.hash(), expires, uses_max: body.uses_max };
    let _changed = change(&app, &caller, &group, GroupRequest::MakeLink(new)).await?;
    let made = MadeLink { link_id: link.to_string(), token: token.text(), expires: Wide(expires.0) };
    Ok((StatusCode::CREATED, Json(made)))
}

/// The links of a group, without their tokens. For owner and admins.
#[utoipa::path(
    get, path = "/api/v1/groups/{group_id}/links", tag = "groups",
    params(("group_id" = String, Path, description = "Which.", example = "team"), Paging),
    responses(
        (status = 200, description = "The links that have not ended.", body = Links),
        (status = "default", description = "403 `FORBIDDEN`: neither owner nor admin.", body = ProblemBody,
            content_type = "application/problem+json")
    )
)]
pub(crate) async fn list_links(
    State(app): State<App>,
    caller: Caller,
    PathOf(group): PathOf<String>,
    QueryOf(paging): QueryOf<Paging>,
) -> Result<Json<Links>, Problem> {
    let info = app.group_managed_by(&caller, &group_id(&group)?).await?;
    let now = now();
    let links = info
        .settings
        .links
        .into_iter()
        .filter(|link| link.expires > now && (link.uses_max == 0 || link.uses < link.uses_max));
    let links = links.map(|link| Link {
        link_id: link.link.to_string(),
        by: link.by.to_string(),
        expires: Wide(link.expires.0),
        uses_max: link.uses_max,
        uses: link.uses,
    });
    let key = |link: &Link| format!("{} {}", rising(link.expires.0), link.link_id);
    let Page { items, next_cursor } = paging.page_of(List::Links, links, key)?;
    Ok(Json(Links { links: items, next_cursor }))
}

/// End a link.
#[utoipa::path(
    delete, path = "/api/v1/groups/{group_id}/links/{link_id}", tag = "groups",
    params(
        ("group_id" = String, Path, description = "Which.", example = "team"),
        ("link_id" = String, Path, description = "Which link.", example = "x3Jd0sYbqQ2k")
    ),
    responses(
        (status = 200, description = "Nobody joins through it any more.", body = GroupChanged),
        (status = "default", description = "403 `FORBIDDEN`: neither owner nor admin.", body = ProblemBody,
            content_type = "application/problem+json")
    )
)]
pub(crate) async fn end_link(
    State(app): State<App>,
    caller: Caller,
    PathOf((group, link)): PathOf<(String, String)>,
) -> Result<Json<GroupChanged>, Problem> {
    let link = LinkId::parse(&link).map_err(|error| Problem::field("link_id", error))?;
    change(&app, &caller, &group, GroupRequest::EndLink(link)).await
}

fn end(expires_in_ms: Option<Wide>) -> Result<Timestamp, Problem> {
    match expires_in_ms.map_or(GOOD_FOR_MS, |ms| ms.0) {
        0 => Err(Problem::field("expires_in_ms", "more than 0 is needed")),
        ms if ms > GOOD_FOR_MS_MAX => Err(Problem::field("expires_in_ms", "365 days are allowed at most")),
        ms => Ok(now().plus_ms(ms)),
    }
}
