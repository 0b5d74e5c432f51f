//! Groups: make, list, look at, change, hand over, end.

use std::time::Duration;

use auth::Scope;
use axum::Json;
use axum::extract::State;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use http::StatusCode;
use proto::command::GroupRequest;
use proto::delivery::GroupDone;
use proto::group::{GroupEdit, Role};
use proto::{Code, ConversationId, GroupId, Request, Seq, UserId, limits};
use serde::{Deserialize, Serialize};
use store::{GroupInfo, StoreError};
use utoipa::{IntoParams, ToSchema};

use super::member_changes::change;
use super::new_groups::{Creation, NewId, owner};
use crate::answers::GroupChanged;
use crate::caller::{Asker, Caller};
use crate::extract::{JsonBody, PathOf, QueryOf, by_name};
use crate::group_shape::{EditGroup, Group, Settings};
use crate::idempotency::{Key, Made};
use crate::numbers::IdText;
use crate::paging::{List, Paging};
use crate::problem::{Problem, ProblemBody};
use crate::scopes::missing;
use crate::{App, Shared};

/// Groups that are read from the store at the same time.
const READS_AT_ONCE: usize = 16;
/// How long to wait for lists to show a change. Routers write changes of members several times a second.
pub(super) const SHOWN_WAIT_MAX: Duration = Duration::from_millis(1_200);
/// How often to look.
pub(super) const SHOWN_POLL: Duration = Duration::from_millis(10);

/// A new group.
#[derive(Deserialize, ToSchema)]
pub(crate) struct CreateGroup {
    /// Chosen by the creator, in the alphabet of ids; made up if absent.
    #[serde(alias = "groupId")]
    #[schema(value_type = Option<String>, example = "team")]
    group_id: Option<IdText>,
    /// 1 to 100 characters.
    #[schema(example = "The team")]
    name: String,
    /// Members besides the creator.
    #[serde(default, alias = "memberIds", alias = "members")]
    #[schema(value_type = Vec<String>, example = json!(["bob", "carol"]))]
    member_ids: Vec<IdText>,
    /// The owner, where a service makes the group; the caller if absent.
    #[schema(value_type = Option<String>)]
    owner: Option<IdText>,
    #[serde(flatten, deserialize_with = "by_name")]
    settings: Settings,
}

/// Whom the group is handed over to.
#[derive(Deserialize, ToSchema)]
pub(crate) struct NewOwner {
    /// A member.
    #[serde(alias = "userId")]
    #[schema(value_type = String, example = "bob")]
    user_id: IdText,
}

/// Whose groups.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListGroups {
    /// Whose, where a service asks; the caller's if absent.
    user_id: Option<String>,
}

/// A group that was made.
#[derive(Serialize, ToSchema)]
pub(crate) struct CreatedGroup {
    /// Its id.
    #[schema(example = "team")]
    group_id: String,
    /// Its conversation.
    #[schema(example = "g.team")]
    conversation: String,
    /// Its name.
    #[schema(example = "The team")]
    name: String,
    /// The creator.
    #[schema(example = "alice")]
    owner: String,
    /// How many members it has.
    #[schema(example = 3)]
    members: u32,
}

/// A part of one's groups.
#[derive(Serialize, ToSchema)]
pub(crate) struct Groups {
    /// In order of their ids.
    groups: Vec<Group>,
    /// For `cursor`; `null` at the end.
    #[schema(example = json!(null))]
    next_cursor: Option<String>,
}

/// Make a group. Its creator is its owner.
#[utoipa::path(
    post, path = "/api/v1/groups", tag = "groups", request_body = CreateGroup,
    responses(
        (status = 201, description = "It exists.", body = CreatedGroup),
        (status = "default", description = "409 `CONFLICT`: the id is taken; `TOO_MANY`: somebody is in too many groups.",
            body = ProblemBody, content_type = "application/problem+json")
    )
)]
pub(crate) async fn create_group(
    State(app): State<App>,
    caller: Caller,
    key: Key,
    JsonBody(body): JsonBody<CreateGroup>,
) -> Result<(StatusCode, Json<CreatedGroup>), Problem> {
    let id = NewId::of("group_id", body.group_id.as_ref(), &caller, &key, Made::Group)?;
    let members = user_ids("member_ids", &body.member_ids)?;
    let asker = owner(&caller, body.owner.as_ref(), Scope::GroupsManage)?;
    if let Some(made) = app.made_before(&id).await? {
        return Ok((StatusCode::CREATED, Json(made.into())));
    }
    app.room_for_another_group(&id.group, members.iter().chain([&asker.user])).await?;
    let settings = Some(Box::new(GroupEdit::from(body.settings)));
    let create = GroupRequest::Create { name: body.name.clone(), members, settings };
    let created = match app.make_group(&asker, &id, create).await? {
        Creation::Done(done) => CreatedGroup {
            conversation: ConversationId::group(&id.group).to_string(),
            group_id: id.group.to_string(),
            name: body.name,
            owner: asker.user.to_string(),
            members: done.members,
        },
        Creation::Before(info) => (*info).into(),
    };
    Ok((StatusCode::CREATED, Json(created)))
}

/// The groups one is a member of.
#[utoipa::path(
    get, path = "/api/v1/groups", tag = "groups", params(Paging, ListGroups),
    responses(
        (status = 200, description = "One's groups.", body = Groups),
        (status = "default", description = "A problem.", body = ProblemBody,
            content_type = "application/problem+json")
    )
)]
pub(crate) async fn list_groups(
    State(app): State<App>,
    caller: Caller,
    QueryOf(paging): QueryOf<Paging>,
    QueryOf(query): QueryOf<ListGroups>,
) -> Result<Json<Groups>, Problem> {
    let user =
        query.user_id.as_deref().map_or_else(|| Ok(caller.0.user.clone()), |id| user_id("user_id", id))?;
    if user != caller.0.user && !caller.is_service() {
        return Err(missing(Scope::GroupsManage));
    }
    let page = paging.page_of(List::Groups, app.store.groups_of(&user).await?, GroupId::to_string)?;
    let groups = app.groups_named(page.items).await?;
    Ok(Json(Groups { groups: groups.into_iter().map(Group::from).collect(), next_cursor: page.next_cursor }))
}

/// A group one is a member of.
#[utoipa::path(
    get, path = "/api/v1/groups/{group_id}", tag = "groups",
    params(("group_id" = String, Path, description = "Which.", example = "team")),
    responses(
        (status = 200, description = "The group.", body = Group),
        (status = "default", description = "404 `NOT_FOUND`: none, or one is not a member.", body = ProblemBody,
            content_type = "application/problem+json")
    )
)]
pub(crate) async fn group(
    State(app): State<App>,
    caller: Caller,
    PathOf(group): PathOf<String>,
) -> Result<Json<Group>, Problem> {
    app.group_seen_by(&caller, &group_id(&group)?).await.map(|info| Json(info.into()))
}

/// Change a group: name, description, announcement, avatar, attributes, how one joins, who may send.
#[utoipa::path(
    patch, path = "/api/v1/groups/{group_id}", tag = "groups", request_body = EditGroup,
    params(("group_id" = String, Path, description = "Which.", example = "team")),
    responses(
        (status = 200, description = "It is so now.", body = GroupChanged),
        (status = "default", description = "403 `FORBIDDEN`: neither owner nor admin. 400 `BAD_FIELD`: beyond a limit.",
            body = ProblemBody, content_type = "application/problem+json")
    )
)]
pub(crate) async fn edit_group(
    State(app): State<App>,
    caller: Caller,
    PathOf(group): PathOf<String>,
    JsonBody(body): JsonBody<EditGroup>,
) -> Result<Json<GroupChanged>, Problem> {
    change(&app, &caller, &group, GroupRequest::Edit(Box::new(body.into()))).await
}

/// Hand a group over to another member. Its owner becomes an admin.
#[utoipa::path(
    put, path = "/api/v1/groups/{group_id}/owner", tag = "groups", request_body = NewOwner,
    params(("group_id" = String, Path, description = "Which.", example = "team")),
    responses(
        (status = 200, description = "It has this owner now.", body = GroupChanged),
        (status = "default", description = "403 `FORBIDDEN`: not the owner. 404 `NOT_FOUND`: not a member.",
            body = ProblemBody, content_type = "application/problem+json")
    )
)]
pub(crate) async fn transfer_group(
    State(app): State<App>,
    caller: Caller,
    PathOf(group): PathOf<String>,
    JsonBody(body): JsonBody<NewOwner>,
) -> Result<Json<GroupChanged>, Problem> {
    let transfer = GroupRequest::Transfer(user_id("user_id", &body.user_id.0)?);
    change(&app, &caller, &group, transfer).await
}

/// End a group. Only its owner can; its history stays readable.
#[utoipa::path(
    delete, path = "/api/v1/groups/{group_id}", tag = "groups",
    params(("group_id" = String, Path, description = "Which.", example = "team")),
    responses(
        (status = 200, description = "Nothing more can be said in it.", body = GroupChanged),
        (status = "default", description = "403 `FORBIDDEN`: not the owner.", body = ProblemBody,
            content_type = "application/problem+json")
    )
)]
pub(crate) async fn dismiss_group(
    State(app): State<App>,
    caller: Caller,
    PathOf(group): PathOf<String>,
) -> Result<Json<GroupChanged>, Problem> {
    change(&app, &caller, &group, GroupRequest::Dismiss).await
}

/// As it is now: it was made by the same call, made at another process or long ago.
impl From<GroupInfo> for CreatedGroup {
    fn from(info: GroupInfo) -> Self {
        Self {
            conversation: ConversationId::group(&info.group).to_string(),
            group_id: info.group.to_string(),
            name: info.name,
            owner: info.owner.to_string(),
            members: info.members,
        }
    }
}

pub(super) fn group_id(text: &str) -> Result<GroupId, Problem> {
    GroupId::parse(text).map_err(|error| Problem::field("group_id", error))
}

pub(super) fn user_id(field: &str, text: &str) -> Result<UserId, Problem> {
    UserId::parse(text).map_err(|error| Problem::field(field, error))
}

/// Ids of users; a wrong one is named by its place.
pub(super) fn user_ids(field: &str, ids: &[IdText]) -> Result<Vec<UserId>, Problem> {
    if ids.len() > limits::MEMBERS_PER_COMMAND_MAX {
        return Err(Problem::field(
            field,
            format!("at most {} are allowed", limits::MEMBERS_PER_COMMAND_MAX),
        ));
    }
    let parse = |(at, id): (usize, &IdText)| {
        UserId::parse(&id.0).map_err(|error| Problem::field(&format!("{field}[{at}]"), error))
    };
    ids.iter().enumerate().map(parse).collect()
}

impl Shared {
    /// Changes a group, and waits for a moment until lists and look-ups show it: whoever made a group finds it in the
    /// next call. The change stands whether or not they show it already.
    pub(super) async fn change_group(
        &self,
        asker: &Asker,
        group: &GroupId,
        change: GroupRequest,
    ) -> Result<GroupDone, Problem> {
        let done = self.commands.change_group(asker, Request::Group(group.clone(), change)).await?;
        let seq = done.seq;
        let shown = async {
            while self.store.group(group).await?.is_none_or(|info| info.watermark < seq) {
                tokio::time::sleep(SHOWN_POLL).await;
            }
            Ok::<_, StoreError>(())
        };
        if seq > Seq::ZERO && tokio::time::timeout(SHOWN_WAIT_MAX, shown).await.is_err() {
            tracing::debug!(%group, "a change of a group is not shown yet");
        }
        Ok(done)
    }

    /// The groups of a user, in order of their ids.
    pub(crate) async fn groups_of(&self, user: &UserId) -> Result<Vec<GroupInfo>, Problem> {
        self.groups_named(self.store.groups_of(user).await?).await
    }

    async fn groups_named(&self, ids: Vec<GroupId>) -> Result<Vec<GroupInfo>, Problem> {
        let read = |id: GroupId| async move { self.store.group(&id).await };
        let groups = stream::iter(ids.into_iter().map(read)).buffered(READS_AT_ONCE);
        let groups: Vec<Option<GroupInfo>> = groups.try_collect().await?;
        Ok(groups.into_iter().flatten().collect())
    }

    /// A group, if the caller is a member or a service.
    pub(super) async fn group_seen_by(&self, caller: &Caller, group: &GroupId) -> Result<GroupInfo, Problem> {
        let is_seen = caller.is_service() || self.store.member(group, &caller.0.user).await?.is_some();
        let info = if is_seen { self.store.group(group).await? } else { None };
        info.ok_or_else(|| Problem::new(Code::NotFound, "there is no such group that you are a member of"))
    }

    /// A group, if the caller keeps it in order: owner, admin, or a service.
    pub(super) async fn group_managed_by(
        &self,
        caller: &Caller,
        group: &GroupId,
    ) -> Result<GroupInfo, Problem> {
        let info = self.group_seen_by(caller, group).await?;
        let member = self.store.member(group, &caller.0.user).await?;
        if caller.is_service() || member.is_some_and(|member| member.role > Role::Member) {
            return Ok(info);
        }
        Err(Problem::new(Code::Forbidden, "only the owner and admins may see this"))
    }

    /// Whether each of them may come into this group, beside those that they are in. Counted from lists that may be a second behind.
    pub(super) async fn room_for_another_group(
        &self,
        group: &GroupId,
        users: impl Iterator<Item = &UserId>,
    ) -> Result<(), Problem> {
        let users: Vec<UserId> = users.cloned().collect();
        let count = |user: UserId| async move {
            let groups = self.store.groups_of(&user).await?;
            // Who is in it takes no more room: the call may have been made before.
            Ok::<_, Problem>((if groups.contains(group) { 0 } else { groups.len() }, user))
        };
        let mut counts = stream::iter(users.into_iter().map(count)).buffered(READS_AT_ONCE);
        while let Some((groups, user)) = counts.try_next().await? {
            if groups >= self.config.groups_per_user_max {
                let max = self.config.groups_per_user_max;
                return Err(Problem::new(
                    Code::TooMany,
                    format!("{user} is in {groups} groups; at most {max} are allowed"),
                ));
            }
        }
        Ok(())
    }
}
