//! `sync`: what changed since a cursor, one cursor for everything. The HTTP twin of the frames `sync`, `delta`, `too_long` and
//! `head`.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use proto::client_frame::Sync;
use proto::server_frame::{Delta, Head};
use proto::{ClientFrame, Code, ConversationId, Reply, Request, ServerFrame};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

use super::conversations::Conversation;
use crate::caller::Caller;
use crate::commands::unexpected;
use crate::contacts::ContactBody;
use crate::extract::QueryOf;
use crate::numbers::Wide;
use crate::problem::{Problem, ProblemBody};
use crate::{App, frames};

/// Where one stands.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct SyncFrom {
    /// The `cursor` of the last answer, or of a socket's last `delta`; absent or empty for the first time.
    cursor: Option<String>,
    /// Conversations on screen, up to 200 ids with commas between them: `heads` has their newest seqs.
    #[param(example = "d.alice.bob,g.team")]
    open: Option<String>,
}

/// What a socket is told as `delta`, or as `too_long`.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum Synced {
    Changed(Changed),
    StartAgain(StartAgain),
}

/// What changed, each in its present state.
#[derive(Serialize, ToSchema)]
pub(crate) struct Changed {
    /// Conversations, most recently changed first.
    conversations: Vec<Conversation>,
    /// Contacts, also those that are nothing any more.
    contacts: Vec<ContactBody>,
    /// For the next call.
    #[schema(example = "1.18c2f0a1b00.18c2f0a1b00.0.")]
    cursor: String,
    /// There is more: ask again at once, with this cursor.
    more: bool,
    /// Of those of `open` in which one is.
    heads: Vec<OpenHead>,
}

/// The cursor is too old or unknown.
#[derive(Serialize, ToSchema)]
pub(crate) struct StartAgain {
    /// Start again without a cursor: what one holds is replaced by what that answers.
    too_long: TooLong,
}

/// Says nothing more.
#[derive(Serialize, ToSchema)]
pub(crate) struct TooLong {}

/// How far a conversation is.
#[derive(Serialize, ToSchema)]
pub(crate) struct OpenHead {
    /// Which.
    #[schema(example = "d.alice.bob")]
    conversation: String,
    /// Its newest seq. Who holds less reads the rest of its messages.
    last_seq: Wide,
}

/// What changed since a cursor: messages, edits, reactions, what one read or set on other devices, membership, contacts. One
/// cursor for all of it, the same as over sockets; without one, everything there is, newest first.
#[utoipa::path(
    get, path = "/api/v1/sync", tag = "conversations", params(SyncFrom),
    responses(
        (status = 200, description = "What changed; or `too_long`: the cursor is too old or unknown, start again without one.",
            body = Synced),
        (status = "default", description = "400 `BAD_FIELD`: more than 200 conversations, or something that is none. 413: a cursor of more than 1024 bytes.",
            body = ProblemBody, content_type = "application/problem+json")
    )
)]
pub(crate) async fn sync(
    State(app): State<App>,
    caller: Caller,
    QueryOf(from): QueryOf<SyncFrom>,
) -> Result<Json<Synced>, Problem> {
    let (sync, asker) = (from.frame()?, caller.asker());
    // As over sockets, heads come first: what is said meanwhile is in the delta.
    let open: BTreeSet<ConversationId> = sync.open.iter().map(|at| at.conversation.clone()).collect();
    let open: Vec<ConversationId> = open.into_iter().collect();
    let heads = app.commands.heads(&asker, &open).await?;
    let heads = heads.into_iter().filter(|head| head.member);
    let heads = heads.map(|head| Head::of(head.conversation, head.seq).into()).collect();
    match app.commands.ask(&asker, Request::Sync(Sync { open: Vec::new(), ..sync })).await? {
        Reply::Frame(ServerFrame::Delta(delta)) => Ok(Json(Synced::changed(delta, heads)?)),
        Reply::Frame(ServerFrame::TooLong) => {
            Ok(Json(Synced::StartAgain(StartAgain { too_long: TooLong {} })))
        }
        _ => Err(unexpected()),
    }
}

impl SyncFrom {
    fn frame(self) -> Result<Sync, Problem> {
        let open = self.open.unwrap_or_default();
        let ids = open.split(',').map(str::trim).filter(|id| !id.is_empty());
        let open: Vec<_> = ids.map(|id| json!({ "conversation": id })).collect();
        match frames::read(&json!({"sync": {"cursor": self.cursor.unwrap_or_default(), "open": open}}))? {
            ClientFrame::Sync(sync) => Ok(sync),
            _ => Err(Problem::new(Code::BadFrame, "not a sync")),
        }
    }
}

impl Synced {
    fn changed(delta: Delta, heads: Vec<OpenHead>) -> Result<Self, Problem> {
        let Delta { conversations, cursor, more, contacts } = delta;
        let conversations: Result<_, _> = conversations.into_iter().map(Conversation::of_state).collect();
        let contacts = contacts.into_iter().map(ContactBody::from).collect();
        Ok(Self::Changed(Changed { conversations: conversations?, contacts, cursor, more, heads }))
    }
}

impl From<Head> for OpenHead {
    fn from(head: Head) -> Self {
        Self { conversation: head.conversation.to_string(), last_seq: Wide(head.last.0) }
    }
}
