//! Receipts: how far the other of a direct conversation is, for a client that was away when it was told; and that one's own device has
//! something, for a client without a socket.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use proto::client_frame::Position;
use proto::{Code, Request, Seq, UserId};
use serde::Serialize;
use utoipa::ToSchema;

use super::conversations::{UpTo, conversation_id};
use crate::App;
use crate::caller::Caller;
use crate::extract::{JsonBody, PathOf};
use crate::numbers::Wide;
use crate::problem::{Problem, ProblemBody};

/// How far others are.
#[derive(Serialize, ToSchema)]
pub(crate) struct Receipts {
    /// One for the other user of a direct conversation; none for groups, which are asked by message who has read it.
    receipts: Vec<Receipt>,
    /// Always `null`: the list is whole.
    #[schema(example = json!(null))]
    next_cursor: Option<String>,
}

/// How far a user is; the members are called as those of a socket's `receipt`.
#[derive(Serialize, ToSchema)]
pub(crate) struct Receipt {
    /// Who.
    #[schema(example = "bob")]
    user: String,
    /// On a device of theirs up to here; 0 for nothing yet.
    delivered_seq: Wide,
    /// Read up to here; 0 for nothing yet.
    read_seq: Wide,
}

/// How far the other of a direct conversation is.
#[utoipa::path(
    get, path = "/api/v1/conversations/{conversation}/receipts", tag = "conversations",
    params(("conversation" = String, Path, description = "Which.", example = "d.alice.bob")),
    responses(
        (status = 200, description = "How far.", body = Receipts),
        (status = "default", description = "403 `FORBIDDEN`: not a member.", body = ProblemBody,
            content_type = "application/problem+json")
    )
)]
pub(crate) async fn receipts(
    State(app): State<App>,
    caller: Caller,
    PathOf(conversation): PathOf<String>,
) -> Result<Json<Receipts>, Problem> {
    let stranger = || Problem::new(Code::Forbidden, "you are not a member of this conversation");
    let user: &UserId = &caller.0.user;
    let id = conversation_id(&conversation)?;
    let head = app.commands.heads(&caller.asker(), std::slice::from_ref(&id)).await?.pop();
    if !head.is_some_and(|head| head.member) {
        return Err(stranger());
    }
    let Some(peer) = id.peer_of(user).filter(|peer| peer != user) else {
        return Ok(Json(Receipts { receipts: Vec::new(), next_cursor: None }));
    };
    let cursor = app.store.cursor(&peer, &id).await?;
    let delivered_seq = Wide(cursor.delivered.max(cursor.read).0);
    let receipt = Receipt { user: peer.to_string(), delivered_seq, read_seq: Wide(cursor.read.0) };
    Ok(Json(Receipts { receipts: vec![receipt], next_cursor: None }))
}

/// Say that this device has a conversation up to a seq. Never goes back.
#[utoipa::path(
    post, path = "/api/v1/conversations/{conversation}/delivered", tag = "conversations", request_body = UpTo,
    params(("conversation" = String, Path, description = "Which.", example = "d.alice.bob")),
    responses(
        (status = 204, description = "Noted; who wrote is told."),
        (status = "default", description = "403 `FORBIDDEN`: not a member.", body = ProblemBody,
            content_type = "application/problem+json")
    )
)]
pub(crate) async fn delivered(
    State(app): State<App>,
    caller: Caller,
    PathOf(conversation): PathOf<String>,
    JsonBody(body): JsonBody<UpTo>,
) -> Result<StatusCode, Problem> {
    let position = Position { conversation: conversation_id(&conversation)?, seq: Seq(body.seq.0) };
    app.commands.ask(&caller.asker(), Request::Delivered(position)).await?;
    Ok(StatusCode::NO_CONTENT)
}
