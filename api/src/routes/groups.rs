//! Groups: make, list, look at, end.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use http::StatusCode;
use proto::command::GroupRequest;
use proto::delivery::GroupDone;
use proto::{Code, ConversationId, GroupId, Request, Seq, UserId};
use serde::{Deserialize, Serialize};
use store::{GroupInfo, StoreError};
use utoipa::ToSchema;

use crate::answers::{Group, GroupChanged};
use crate::caller::Caller;
use crate::extract::{JsonBody, PathOf};
use crate::numbers::IdText;
use crate::problem::{Problem, ProblemBody};
use crate::{App, Shared};

/// Groups that are read from the store at the same time.
const READS_AT_ONCE: usize = 16;
/// How long to wait for lists to show a change. Routers write changes of members within a second.
const SHOWN_WAIT_MAX: Duration = Duration::from_millis(1_200);
/// How often to look.
const SHOWN_POLL: Duration = Duration::from_millis(10);

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

/// One's groups.
#[derive(Serialize, ToSchema)]
pub(crate) struct Groups {
    /// In order of their ids.
    groups: Vec<Group>,
}

/// Make a group. Its creator is its owner.
#[utoipa::path(
    post, path = "/api/v1/groups", tag = "groups", request_body = CreateGroup,
    responses(
        (status = 201, description = "It exists.", body = CreatedGroup),
        (status = "default", description = "409 `CONFLICT`: the id is taken.", body = ProblemBody,
            content_type = "application/problem+json")
    )
)]
pub(crate) async fn create_group(
    State(app): State<App>,
    caller: Caller,
    JsonBody(body): JsonBody<CreateGroup>,
) -> Result<(StatusCode, Json<CreatedGroup>), Problem> {
    let group = match &body.group_id {
        Some(id) => group_id(&id.0)?,
        None => group_id(&URL_SAFE_NO_PAD.encode(rand::random::<[u8; 12]>()))?,
    };
    let members = user_ids("member_ids", &body.member_ids)?;
    let create = GroupRequest::Create { name: body.name.clone(), members, settings: None };
    let done = app.change_group(&caller, &group, create).await?;
    let created = CreatedGroup {
        conversation: ConversationId::group(&group).to_string(),
        group_id: group.to_string(),
        name: body.name,
        owner: caller.0.user.to_string(),
        members: done.members,
    };
    Ok((StatusCode::CREATED, Json(created)))
}

/// The groups one is a member of.
#[utoipa::path(
    get, path = "/api/v1/groups", tag = "groups",
    responses(
        (status = 200, description = "One's groups.", body = Groups),
        (status = "default", description = "A problem.", body = ProblemBody,
            content_type = "application/problem+json")
    )
)]
pub(crate) async fn list_groups(State(app): State<App>, caller: Caller) -> Result<Json<Groups>, Problem> {
    let groups = app.groups_of(&caller.0.user).await?;
    Ok(Json(Groups { groups: groups.into_iter().map(Group::from).collect() }))
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
    app.group_seen_by(&caller.0.user, &group_id(&group)?).await.map(|info| Json(info.into()))
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
    let group = group_id(&group)?;
    let done = app.change_group(&caller, &group, GroupRequest::Dismiss).await?;
    Ok(Json(GroupChanged::of(&group, &done)))
}

pub(super) fn group_id(text: &str) -> Result<GroupId, Problem> {
    GroupId::parse(text).map_err(|error| Problem::field("group_id", error))
}

/// Ids of users; a wrong one is named by its place.
pub(super) fn user_ids(field: &str, ids: &[IdText]) -> Result<Vec<UserId>, Problem> {
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
        caller: &Caller,
        group: &GroupId,
        change: GroupRequest,
    ) -> Result<GroupDone, Problem> {
        let done = self.commands.change_group(&caller.asker(), Request::Group(group.clone(), change)).await?;
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
        let ids = self.store.groups_of(user).await?;
        let read = |id: GroupId| async move { self.store.group(&id).await };
        let groups = stream::iter(ids.into_iter().map(read)).buffered(READS_AT_ONCE);
        let groups: Vec<Option<GroupInfo>> = groups.try_collect().await?;
        Ok(groups.into_iter().flatten().collect())
    }

    /// A group, if the user is a member.
    pub(super) async fn group_seen_by(&self, user: &UserId, group: &GroupId) -> Result<GroupInfo, Problem> {
        let member = self.store.member(group, user).await?;
        let info = self.store.group(group).await?;
        member
            .and(info)
            .ok_or_else(|| Problem::new(Code::NotFound, "there is no such group that you are a member of"))
    }
}
