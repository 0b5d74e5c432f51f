//! Live rooms: make, look at, change, end. Sockets join them; see `docs/PROTOCOL.md`.

use auth::Scope;
use axum::Json;
use axum::extract::State;
use http::StatusCode;
use proto::command::GroupRequest;
use proto::group::{GroupEdit, Room as Keeps};
use proto::{Code, ConversationId, GroupId};
use serde::{Deserialize, Serialize};
use store::GroupInfo;
use utoipa::ToSchema;

use super::member_changes::change;
use super::new_groups::{NewId, owner};
use crate::App;
use crate::answers::GroupChanged;
use crate::caller::Caller;
use crate::config::RoomMakers;
use crate::extract::{JsonBody, PathOf};
use crate::idempotency::{Key, Made};
use crate::numbers::{IdText, Wide};
use crate::problem::{Problem, ProblemBody};

/// Who may say something in a room.
#[derive(Clone, Copy, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Writers {
    /// Whoever is in it.
    Everyone,
    /// Its owner, and services.
    Owner,
}

/// A new live room.
#[derive(Deserialize, ToSchema)]
pub(crate) struct MakeRoom {
    /// Chosen by whoever makes it, in the alphabet of ids, and not that of a group; made up if absent.
    #[serde(alias = "roomId")]
    #[schema(value_type = Option<String>, example = "stream-7")]
    room_id: Option<IdText>,
    /// 1 to 100 characters.
    #[schema(example = "Finals")]
    name: String,
    /// At most 500 characters.
    #[serde(default)]
    #[schema(example = "Say what you see")]
    description: String,
    /// Who writes: `everyone` who is in it, or its `owner` and services alone.
    #[serde(default = "everyone")]
    #[schema(value_type = String, example = "everyone")]
    write: Writers,
    /// Whether what is said is kept, as in a group; without, it is told to who is there and forgotten.
    #[serde(default)]
    #[schema(example = false)]
    history: bool,
    /// Whose it is, where a service makes it; the caller's if absent.
    #[schema(value_type = Option<String>)]
    owner: Option<IdText>,
}

fn everyone() -> Writers {
    Writers::Everyone
}

/// What changes of a room; what is absent stays.
#[derive(Deserialize, ToSchema)]
pub(crate) struct ChangeRoom {
    /// 1 to 100 characters.
    #[schema(example = "Finals, second half")]
    name: Option<String>,
    /// At most 500 characters; empty for none.
    description: Option<String>,
    /// Who writes: `everyone` or `owner`.
    #[schema(value_type = Option<String>, example = "owner")]
    write: Option<Writers>,
}

/// A live room.
#[derive(Serialize, ToSchema)]
pub(crate) struct Room {
    /// Its id.
    #[schema(example = "stream-7")]
    room_id: String,
    /// Where one sends to.
    #[schema(example = "g.stream-7")]
    conversation: String,
    /// Its name.
    #[schema(example = "Finals")]
    name: String,
    /// What it is about.
    description: String,
    /// Whose it is.
    #[schema(example = "alice")]
    owner: String,
    /// Who writes.
    #[schema(value_type = String, example = "everyone")]
    write: Writers,
    /// Whether what is said is kept.
    history: bool,
    /// It has ended.
    ended: bool,
    /// Since when it is there, Unix milliseconds.
    #[schema(value_type = String, example = "1790000000000")]
    created_at: Wide,
}

/// Make a live room: sockets join it and hear what is said from then on. Services make them, and users where the server says so.
#[utoipa::path(
    post, path = "/api/v1/rooms", tag = "rooms", request_body = MakeRoom,
    responses(
        (status = 201, description = "It exists.", body = Room),
        (status = "default", description = "403 `FORBIDDEN`: users make none here. 409 `CONFLICT`: the id is taken.",
            body = ProblemBody, content_type = "application/problem+json")
    )
)]
pub(crate) async fn make_room(
    State(app): State<App>,
    caller: Caller,
    key: Key,
    JsonBody(body): JsonBody<MakeRoom>,
) -> Result<(StatusCode, Json<Room>), Problem> {
    if !caller.is_service() && app.config.rooms_made_by == RoomMakers::Services {
        return Err(Problem::new(Code::Forbidden, "users make no rooms here, services do"));
    }
    let id = NewId::of("room_id", body.room_id.as_ref(), &caller, &key, Made::Room)?;
    let asker = owner(&caller, body.owner.as_ref(), Scope::RoomsManage)?;
    let settings = GroupEdit {
        description: Some(body.description.clone()),
        read_only: Some(matches!(body.write, Writers::Owner)),
        room: Some(if body.history { Keeps::WithHistory } else { Keeps::WithoutHistory }),
        ..GroupEdit::default()
    };
    let create = GroupRequest::Create {
        name: body.name.clone(),
        members: Vec::new(),
        settings: Some(Box::new(settings)),
    };
    // One that was made before by the same call is shown as it is now.
    app.make_group(&asker, &id, create).await?;
    let made = app.room(&id.group).await?;
    Ok((StatusCode::CREATED, Json(made)))
}

/// A live room. Anybody may look at one whose id they know.
#[utoipa::path(
    get, path = "/api/v1/rooms/{room_id}", tag = "rooms",
    params(("room_id" = String, Path, description = "Which.", example = "stream-7")),
    responses(
        (status = 200, description = "The room.", body = Room),
        (status = "default", description = "404 `NOT_FOUND`: there is no such room.", body = ProblemBody,
            content_type = "application/problem+json")
    )
)]
pub(crate) async fn room(
    State(app): State<App>,
    _caller: Caller,
    PathOf(room): PathOf<String>,
) -> Result<Json<Room>, Problem> {
    app.room(&room_id(&room)?).await.map(Json)
}

/// Change a live room: name, description, who writes. Its owner and services may.
#[utoipa::path(
    patch, path = "/api/v1/rooms/{room_id}", tag = "rooms", request_body = ChangeRoom,
    params(("room_id" = String, Path, description = "Which.", example = "stream-7")),
    responses(
        (status = 200, description = "It is so now.", body = GroupChanged),
        (status = "default", description = "403 `FORBIDDEN`: not the owner. 404 `NOT_FOUND`: there is no such room.",
            body = ProblemBody, content_type = "application/problem+json")
    )
)]
pub(crate) async fn change_room(
    State(app): State<App>,
    caller: Caller,
    PathOf(room): PathOf<String>,
    JsonBody(body): JsonBody<ChangeRoom>,
) -> Result<Json<GroupChanged>, Problem> {
    app.room(&room_id(&room)?).await?;
    let edit = GroupEdit {
        name: body.name,
        description: body.description,
        read_only: body.write.map(|write| matches!(write, Writers::Owner)),
        ..GroupEdit::default()
    };
    change(&app, &caller, &room, GroupRequest::Edit(Box::new(edit))).await
}

/// End a live room. Whoever is in it is told, and nobody comes in any more. Its owner and services may.
#[utoipa::path(
    delete, path = "/api/v1/rooms/{room_id}", tag = "rooms",
    params(("room_id" = String, Path, description = "Which.", example = "stream-7")),
    responses(
        (status = 200, description = "It has ended.", body = GroupChanged),
        (status = "default", description = "403 `FORBIDDEN`: not the owner. 404 `NOT_FOUND`: there is no such room.",
            body = ProblemBody, content_type = "application/problem+json")
    )
)]
pub(crate) async fn end_room(
    State(app): State<App>,
    caller: Caller,
    PathOf(room): PathOf<String>,
) -> Result<Json<GroupChanged>, Problem> {
    app.room(&room_id(&room)?).await?;
    change(&app, &caller, &room, GroupRequest::Dismiss).await
}

fn room_id(text: &str) -> Result<GroupId, Problem> {
    GroupId::parse(text).map_err(|error| Problem::field("room_id", error))
}

impl crate::Shared {
    async fn room(&self, room: &GroupId) -> Result<Room, Problem> {
        let info = self.store.group(room).await?;
        info.and_then(shown).ok_or_else(|| Problem::new(Code::NotFound, "there is no such room"))
    }
}

/// `None` for a group that is no room.
fn shown(info: GroupInfo) -> Option<Room> {
    let settings = info.settings;
    Some(Room {
        conversation: ConversationId::group(&info.group).to_string(),
        room_id: info.group.to_string(),
        name: info.name,
        description: settings.description,
        owner: info.owner.to_string(),
        write: if settings.read_only { Writers::Owner } else { Writers::Everyone },
        history: settings.room? == Keeps::WithHistory,
        ended: info.dismissed,
        created_at: Wide(info.created.0),
    })
}
