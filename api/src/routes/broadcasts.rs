//! What services tell everybody who is connected, and how far that is.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::LOCATION;
use proto::broadcast::{BroadcastRequest, BroadcastState};
use proto::client_frame::Send;
use proto::{ClientMessageId, Reply, Request};
use serde::Serialize;
use utoipa::ToSchema;

use crate::App;
use crate::caller::{Asker, Caller};
use crate::commands::unexpected;
use crate::extract::PathOf;
use crate::numbers::Wide;
use crate::problem::{Problem, ProblemBody};

/// How far a broadcast is, as the gateways said within the last second.
#[derive(Serialize, ToSchema)]
pub(crate) struct BroadcastProgress {
    /// Which: the idempotency key of the call.
    #[schema(example = "01890a5d-ac96-774b-bcce-b302099a8090")]
    broadcast_id: String,
    /// Since when, Unix milliseconds.
    #[schema(value_type = String, example = "1790000000000")]
    begun_at: Wide,
    /// When the last gateway came to its end, Unix milliseconds; `null` while any tells.
    #[schema(value_type = Option<String>, example = "1790000010000")]
    ended_at: Option<Wide>,
    /// Shards of gateways that have said something of it.
    #[schema(example = 4)]
    shards: u32,
    /// Sockets that were told.
    #[schema(example = 99_000)]
    told: u64,
    /// Sockets that had no room for it, because their clients do not read.
    #[schema(example = 12)]
    missed: u64,
    /// Sockets that are still to be told.
    #[schema(example = 0)]
    left: u64,
    /// Sockets that were still to be told by gateways of which nothing is heard any more.
    #[schema(example = 0)]
    lost: u64,
    /// Sockets a second that are told at the moment.
    #[schema(example = 0)]
    per_second: u32,
}

/// How far a broadcast is. Known for as long as the router that saw to it lives, and for the last 64.
#[utoipa::path(
    get, path = "/api/v1/broadcasts/{broadcast_id}", tag = "messages",
    params(("broadcast_id" = String, Path, description = "As it was answered.",
        example = "01890a5d-ac96-774b-bcce-b302099a8090")),
    responses(
        (status = 200, description = "So far.", body = BroadcastProgress),
        (status = "default", description = "404 `NOT_FOUND`: it is not remembered.", body = ProblemBody,
            content_type = "application/problem+json")
    )
)]
pub(crate) async fn broadcast(
    State(app): State<App>,
    caller: Caller,
    PathOf(id): PathOf<String>,
) -> Result<Json<BroadcastProgress>, Problem> {
    let id = ClientMessageId::parse(&id).map_err(|error| Problem::field("broadcast_id", error))?;
    ask(&app, &caller.operator(), BroadcastRequest::State(id)).await.map(Json)
}

/// Begins one with the body and the key of a message.
pub(super) async fn begin(app: &App, asker: &Asker, send: Send) -> Result<Response, Problem> {
    let request = BroadcastRequest::Begin { id: send.client_message_id, body: send.body };
    let progress = ask(app, asker, request).await?;
    let place = format!("/api/v1/broadcasts/{}", progress.broadcast_id);
    Ok((StatusCode::ACCEPTED, [(LOCATION, place)], Json(progress)).into_response())
}

async fn ask(app: &App, asker: &Asker, request: BroadcastRequest) -> Result<BroadcastProgress, Problem> {
    match app.commands.ask(asker, Request::Broadcast(request)).await? {
        Reply::Broadcast(state) => Ok(state.into()),
        _ => Err(unexpected()),
    }
}

impl From<BroadcastState> for BroadcastProgress {
    fn from(state: BroadcastState) -> Self {
        Self {
            broadcast_id: state.id.to_string(),
            begun_at: Wide(state.begun.0),
            ended_at: state.ended.map(|ended| Wide(ended.0)),
            shards: state.shards,
            told: state.told,
            missed: state.missed,
            left: state.left,
            lost: state.lost,
            per_second: state.per_second,
        }
    }
}
