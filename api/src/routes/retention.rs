//! For how long a conversation keeps its entries: the HTTP twin of the frame `set_retention`.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use proto::ClientMessageId;
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use super::messages::{self, SentMessage};
use crate::App;
use crate::caller::Caller;
use crate::extract::{JsonBody, PathOf};
use crate::idempotency::{KEY_KNOWN_MS, Key};
use crate::numbers::IdText;
use crate::problem::{Problem, ProblemBody};

/// For how long entries are kept.
#[derive(Deserialize, ToSchema)]
pub(crate) struct SetRetention {
    /// Older ones are shown to nobody, and dropped in time. 0: as the server is configured. Ten years at most.
    #[schema(example = 604_800)]
    seconds: u32,
    /// A UUID: sending again with the same one within a day is not a second entry. The header `Idempotency-Key` does the
    /// same.
    #[serde(alias = "clientMessageId")]
    client_message_id: Option<String>,
    /// In whose name; only a trusted service may say so.
    #[schema(value_type = Option<String>)]
    sender: Option<IdText>,
}

/// Set for how long a conversation keeps its entries: the owner and admins of a group, either side of a direct conversation.
/// An entry of its own tells everybody.
#[utoipa::path(
    put, path = "/api/v1/conversations/{conversation}/retention", tag = "conversations", request_body = SetRetention,
    params(
        ("conversation" = String, Path, description = "Which.", example = "d.alice.bob"),
        ("Idempotency-Key" = Option<String>, Header, description = "The same as `client_message_id`, in any form.")
    ),
    responses(
        (status = 201, description = "It holds from now on; the entry that says so.", body = SentMessage),
        (status = "default", description = "403 `FORBIDDEN`. 404: no such group. 410 `DISMISSED`.", body = ProblemBody,
            content_type = "application/problem+json")
    )
)]
pub(crate) async fn set_retention(
    State(app): State<App>,
    caller: Caller,
    key: Key,
    PathOf(conversation): PathOf<String>,
    JsonBody(set): JsonBody<SetRetention>,
) -> Result<(StatusCode, Json<SentMessage>), Problem> {
    let asker = messages::asker(&caller, set.sender.as_ref())?;
    let key = messages::key(set.client_message_id.as_deref(), &caller, &key)?;
    let id = key.unwrap_or_else(ClientMessageId::now);
    let fields =
        json!({ "client_message_id": id.to_string(), "conversation": conversation, "seconds": set.seconds });
    // The socket's codec reads the frame, so that both understand the same.
    let mut send = messages::read_frame(&json!({ "set_retention": fields }))?;
    if key.is_some() {
        (send.attempt, send.age_ms) = (1, KEY_KNOWN_MS);
    }
    messages::store(&app, &asker, send).await
}
