//! Messages that are to be confirmed: confirming them, and who has.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use proto::{Reply, Request, ServerFrame, server_frame};
use serde::Serialize;
use utoipa::ToSchema;

use super::readers::{of, position};
use crate::App;
use crate::caller::Caller;
use crate::commands::unexpected;
use crate::extract::{PathOf, QueryOf};
use crate::paging::{List, Paging};
use crate::problem::{Problem, ProblemBody};

/// How many have confirmed a message, and a part of those who are to.
#[derive(Serialize, ToSchema)]
pub(crate) struct Confirmations {
    /// So many have.
    #[schema(example = 1)]
    confirmed: u32,
    /// Of so many who were there when it was sent and still are, but its sender.
    #[schema(example = 2)]
    of: u32,
    /// In order of user ids.
    members: Vec<Confirmation>,
    /// For `cursor`; `null` at the end. `limit` members are looked at for a page, and those who came later left out: it may have few
    /// or none though more follow.
    #[schema(example = json!(null))]
    next_cursor: Option<String>,
}

/// One who has confirmed it, or not.
#[derive(Serialize, ToSchema)]
pub(crate) struct Confirmation {
    /// Who.
    #[schema(example = "bob")]
    user: String,
    /// Whether they have.
    confirmed: bool,
}

/// Who has confirmed a message: for its sender, for the owner and admins of the group, and for services.
#[utoipa::path(
    get, path = "/api/v1/conversations/{conversation}/messages/{seq}/confirmations", tag = "conversations",
    params(
        ("conversation" = String, Path, description = "Which.", example = "d.alice.bob"),
        ("seq" = String, Path, description = "The place of the message.", example = "1"), Paging
    ),
    responses(
        (status = 200, description = "How many, and a part of them.", body = Confirmations),
        (status = "default", description = "403 `FORBIDDEN`: only its sender and those who manage the group may see it. \
            404: no such message, or none to confirm. \
            410 `RECALLED`, `EXPIRED`: it is gone.", body = ProblemBody, content_type = "application/problem+json")
    )
)]
pub(crate) async fn confirmations(
    State(app): State<App>,
    caller: Caller,
    PathOf((conversation, seq)): PathOf<(String, String)>,
    QueryOf(paging): QueryOf<Paging>,
) -> Result<Json<Confirmations>, Problem> {
    let of = of(position(&conversation, &seq)?, &paging, List::Confirmations)?;
    let reply = app.commands.ask(&caller.asker(), Request::Confirmations(of)).await?;
    let Reply::Frame(ServerFrame::Confirmations(page)) = reply else { return Err(unexpected()) };
    let member = |member: server_frame::Confirmation| Confirmation {
        user: member.user.to_string(),
        confirmed: member.confirmed,
    };
    Ok(Json(Confirmations {
        confirmed: page.confirmed,
        of: page.of,
        members: page.members.into_iter().map(member).collect(),
        next_cursor: page.next.map(|user| List::Confirmations.cursor(user)),
    }))
}

/// Confirms a message that is to be confirmed. Doing so again changes nothing.
#[utoipa::path(
    post, path = "/api/v1/conversations/{conversation}/messages/{seq}/confirm", tag = "conversations",
    params(
        ("conversation" = String, Path, description = "Which.", example = "d.alice.bob"),
        ("seq" = String, Path, description = "The place of the message.", example = "1")
    ),
    responses(
        (status = 204, description = "It is stored that one has."),
        (status = "default", description = "404: no such message, or none to confirm. \
            410 `RECALLED`, `EXPIRED`: it is gone, or the time to confirm it is over.", body = ProblemBody,
            content_type = "application/problem+json")
    )
)]
pub(crate) async fn confirm(
    State(app): State<App>,
    caller: Caller,
    PathOf((conversation, seq)): PathOf<(String, String)>,
) -> Result<StatusCode, Problem> {
    let at = position(&conversation, &seq)?;
    match app.commands.ask(&caller.asker(), Request::Confirm(at)).await? {
        Reply::Frame(ServerFrame::Confirmed(_)) => Ok(StatusCode::NO_CONTENT),
        _ => Err(unexpected()),
    }
}
