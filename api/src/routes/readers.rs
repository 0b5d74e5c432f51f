//! Who has read a message: by the cursors of members, page by page, whatever the size of the group.

use axum::Json;
use axum::extract::State;
use proto::client_frame::{Position, ReadersOf};
use proto::{Reply, Request, Seq, ServerFrame, UserId, server_frame};
use serde::Serialize;
use utoipa::ToSchema;

use super::conversations::conversation_id;
use crate::App;
use crate::caller::Caller;
use crate::commands::unexpected;
use crate::extract::{PathOf, QueryOf};
use crate::paging::{List, Paging};
use crate::problem::{Problem, ProblemBody};

/// The message that a path names.
pub(super) fn position(conversation: &str, seq: &str) -> Result<Position, Problem> {
    let conversation = conversation_id(conversation)?;
    let seq = seq.parse().map(Seq).map_err(|_| Problem::field("seq", "a whole number is required"))?;
    Ok(Position { conversation, seq })
}

/// Which part of a list of members is asked for, about a message.
pub(super) fn of(at: Position, paging: &Paging, list: List) -> Result<ReadersOf, Problem> {
    let Position { conversation, seq } = at;
    let after = paging.after(list, |text| UserId::parse(text).ok())?;
    let limit = u32::try_from(paging.limit()?).unwrap_or(u32::MAX);
    Ok(ReadersOf { conversation, seq, after, limit })
}

/// Who has received and read a message. Cursors may be some seconds behind.
#[derive(Serialize, ToSchema)]
pub(crate) struct Readers {
    /// In order of user ids: all who were there when it was sent, but its sender.
    readers: Vec<Reader>,
    /// For `cursor`; `null` at the end. `limit` members are looked at for a page, and those who came later left out: it may have few
    /// or none though more follow.
    #[schema(example = json!(null))]
    next_cursor: Option<String>,
}

/// One who received, or not, and read, or not.
#[derive(Serialize, ToSchema)]
pub(crate) struct Reader {
    /// Who.
    #[schema(example = "bob")]
    user: String,
    /// A device of theirs has it.
    delivered: bool,
    /// They have read it.
    read: bool,
}

/// Who has read a message.
#[utoipa::path(
    get, path = "/api/v1/conversations/{conversation}/messages/{seq}/readers", tag = "conversations",
    params(
        ("conversation" = String, Path, description = "Which.", example = "d.alice.bob"),
        ("seq" = String, Path, description = "The place of the message.", example = "1"), Paging
    ),
    responses(
        (status = 200, description = "A part of them.", body = Readers),
        (status = "default", description = "403 `FORBIDDEN`: not a member. 404: no such message. \
            410 `RECALLED`, `EXPIRED`: it is gone.", body = ProblemBody,
            content_type = "application/problem+json")
    )
)]
pub(crate) async fn readers(
    State(app): State<App>,
    caller: Caller,
    PathOf((conversation, seq)): PathOf<(String, String)>,
    QueryOf(paging): QueryOf<Paging>,
) -> Result<Json<Readers>, Problem> {
    let of = of(position(&conversation, &seq)?, &paging, List::Readers)?;
    let reply = app.commands.ask(&caller.asker(), Request::Readers(of)).await?;
    let Reply::Frame(ServerFrame::Readers(page)) = reply else { return Err(unexpected()) };
    let reader = |reader: server_frame::Reader| Reader {
        user: reader.user.to_string(),
        delivered: reader.delivered,
        read: reader.read,
    };
    let readers = page.readers.into_iter().map(reader).collect();
    Ok(Json(Readers { readers, next_cursor: page.next.map(|user| List::Readers.cursor(user)) }))
}
