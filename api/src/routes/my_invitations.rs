//! The groups to which one is invited: list, accept, decline.

use axum::Json;
use axum::extract::State;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use proto::command::GroupRequest;
use proto::{ConversationKind, Timestamp, UserId};
use serde::Serialize;
use store::{GroupInfo, InboxRow};
use utoipa::ToSchema;

use super::groups::group_id;
use super::member_changes::change;
use crate::answers::GroupChanged;
use crate::caller::Caller;
use crate::conversation_list::Place;
use crate::extract::{PathOf, QueryOf};
use crate::numbers::Wide;
use crate::paging::{List, Paging};
use crate::problem::{Problem, ProblemBody};
use crate::{App, Shared, now};

/// Lines of the user's list that are looked at in one go, and how often for one page.
const LINES: usize = 200;
const ROUNDS_MAX: usize = 16;
/// Groups that are read from the store at the same time.
const READS_AT_ONCE: usize = 16;

/// Where one may join.
#[derive(Serialize, ToSchema)]
pub(crate) struct MyInvitations {
    /// Newest first; those that have ended are left out. What came within the last second may be missing.
    invitations: Vec<MyInvitation>,
    /// For `cursor`; `null` at the end. A page may have few or none though more follow.
    #[schema(example = json!(null))]
    next_cursor: Option<String>,
}

/// An invitation to a group.
#[derive(Serialize, ToSchema)]
pub(crate) struct MyInvitation {
    /// The group.
    #[schema(example = "team")]
    group: String,
    /// Its name.
    #[schema(example = "The team")]
    name: String,
    /// Who said so.
    #[schema(example = "alice")]
    by: String,
    /// How many are in it.
    #[schema(example = 3)]
    members: u32,
    /// When it is void, Unix milliseconds.
    #[schema(value_type = String, example = "1790604800000")]
    expires: Wide,
}

/// To which groups one is invited.
#[utoipa::path(
    get, path = "/api/v1/invitations", tag = "groups", params(Paging),
    responses(
        (status = 200, description = "Some of them.", body = MyInvitations),
        (status = "default", description = "A problem.", body = ProblemBody,
            content_type = "application/problem+json")
    )
)]
pub(crate) async fn list_my_invitations(
    State(app): State<App>,
    caller: Caller,
    QueryOf(paging): QueryOf<Paging>,
) -> Result<Json<MyInvitations>, Problem> {
    let after = paging.after(List::MyInvitations, Place::parse)?;
    let (invitations, next) = app.invitations_of(&caller.0.user, after, paging.limit()?).await?;
    Ok(Json(MyInvitations { invitations, next_cursor: next.map(|place| List::MyInvitations.cursor(place)) }))
}

/// Accept an invitation. Who is a member already stays one.
#[utoipa::path(
    post, path = "/api/v1/invitations/{group_id}/accept", tag = "groups",
    params(("group_id" = String, Path, description = "Whose.", example = "team")),
    responses(
        (status = 200, description = "A member now.", body = GroupChanged),
        (status = "default", description = "403 `JOIN_CLOSED`: it has ended. 409 `GROUP_FULL`, `TOO_MANY`; 410 `DISMISSED`.",
            body = ProblemBody, content_type = "application/problem+json")
    )
)]
pub(crate) async fn accept_invitation(
    State(app): State<App>,
    caller: Caller,
    PathOf(group): PathOf<String>,
) -> Result<Json<GroupChanged>, Problem> {
    app.room_for_another_group(&group_id(&group)?, [&caller.0.user].into_iter()).await?;
    change(&app, &caller, &group, GroupRequest::Join).await
}

/// Decline an invitation. Where there is none nothing changes.
#[utoipa::path(
    post, path = "/api/v1/invitations/{group_id}/decline", tag = "groups",
    params(("group_id" = String, Path, description = "Whose.", example = "team")),
    responses(
        (status = 200, description = "There is none any more.", body = GroupChanged),
        (status = "default", description = "404 `NOT_FOUND`: no such group. 410 `DISMISSED`.", body = ProblemBody,
            content_type = "application/problem+json")
    )
)]
pub(crate) async fn decline_invitation(
    State(app): State<App>,
    caller: Caller,
    PathOf(group): PathOf<String>,
) -> Result<Json<GroupChanged>, Problem> {
    let own = GroupRequest::Uninvite(vec![caller.0.user.clone()]);
    change(&app, &caller, &group, own).await
}

impl Shared {
    /// The invitations behind `after`: from the lines of groups that the user is not in, because who is invited has such a line.
    async fn invitations_of(
        &self,
        user: &UserId,
        mut after: Option<Place>,
        limit: usize,
    ) -> Result<(Vec<MyInvitation>, Option<Place>), Problem> {
        let mut found = Vec::new();
        for _ in 0..ROUNDS_MAX {
            let before = after.as_ref().map(|place| (place.time.0, place.conversation.clone()));
            let rows = self.store.inbox(user, Timestamp(0), LINES, before).await?;
            let ended = rows.len() < LINES;
            for (place, info) in self.groups_left(rows).await? {
                let invitation = info.and_then(|info| MyInvitation::of(&info, user, now()));
                found.extend(invitation);
                after = Some(place);
                if found.len() == limit {
                    return Ok((found, after));
                }
            }
            if ended {
                return Ok((found, None));
            }
        }
        Ok((found, after))
    }

    /// Each line with the group that it is of, if its reader is not in it.
    async fn groups_left(&self, rows: Vec<InboxRow>) -> Result<Vec<(Place, Option<GroupInfo>)>, Problem> {
        let read = |row: InboxRow| async move {
            let info = match row.conversation.kind() {
                ConversationKind::Group(group) if row.left => self.store.group(&group).await?,
                _ => None,
            };
            Ok::<_, Problem>((Place::new(row.time, row.conversation), info))
        };
        stream::iter(rows.into_iter().map(read)).buffered(READS_AT_ONCE).try_collect().await
    }
}

impl MyInvitation {
    fn of(info: &GroupInfo, user: &UserId, now: Timestamp) -> Option<Self> {
        let holds = |of: &&store::Invitation| of.user == *user && of.expires > now;
        let invitation = info.settings.invitations.iter().find(holds).filter(|_| !info.dismissed)?;
        Some(Self {
            group: info.group.to_string(),
            name: info.name.clone(),
            by: invitation.by.to_string(),
            members: info.members,
            expires: Wide(invitation.expires.0),
        })
    }
}
