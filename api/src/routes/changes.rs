//! Changing what was said: the HTTP twins of the frames `recall`, `edit`, `react`, `pin`, `pins` and `versions`.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use proto::client_frame::Position;
use proto::{ClientMessageId, Reply, Request, Seq, ServerFrame};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::conversations::conversation_id;
use super::messages::{self, SentMessage};
use crate::App;
use crate::answers::{self, Message, NewMessageBody, Overlay};
use crate::caller::Caller;
use crate::commands::unexpected;
use crate::extract::{JsonBody, PathOf};
use crate::idempotency::{KEY_KNOWN_MS, Key};
use crate::numbers::{IdText, Wide};
use crate::problem::{Problem, ProblemBody};

/// Which message, and by which idempotency key. Exactly one of `seq` and `message_id`.
#[derive(Deserialize, ToSchema)]
pub(crate) struct ChangeMessage {
    /// Of which conversation.
    #[schema(example = "d.alice.bob")]
    conversation: String,
    /// Its place …
    #[schema(value_type = Option<String>, example = "1")]
    seq: Option<Wide>,
    /// … or its handle.
    #[serde(alias = "messageId")]
    #[schema(value_type = Option<String>)]
    message_id: Option<Wide>,
    /// For an edit: what it says from now on, of the same kind.
    #[schema(value_type = Option<NewMessageBody>)]
    body: Option<Value>,
    /// For a reaction: an emoji or a short text.
    #[schema(example = "👍")]
    reaction: Option<String>,
    /// For a reaction or a pin: takes it back.
    remove: Option<bool>,
    /// A UUID: sending again with the same one within a day is not a second change. The header `Idempotency-Key` does the
    /// same.
    #[serde(alias = "clientMessageId")]
    client_message_id: Option<String>,
    /// In whose name; only a trusted service may say so.
    #[schema(value_type = Option<String>)]
    sender: Option<IdText>,
}

/// A route for each frame that changes a message: its function, its path, the frame, what success and refusals mean.
macro_rules! changes {
    ($($(#[$doc:meta])* $name:ident = $path:literal, $frame:literal, $done:literal, $refusals:literal;)+) => {$(
        $(#[$doc])*
        #[utoipa::path(
            post, path = $path, tag = "messages", request_body = ChangeMessage,
            responses(
                (status = 201, description = $done, body = SentMessage),
                (status = "default", description = $refusals, body = ProblemBody,
                    content_type = "application/problem+json")
            )
        )]
        pub(crate) async fn $name(
            State(app): State<App>,
            caller: Caller,
            key: Key,
            JsonBody(change): JsonBody<ChangeMessage>,
        ) -> Result<(StatusCode, Json<SentMessage>), Problem> {
            make(&app, &caller, &key, $frame, change).await
        }
    )+};
}

changes! {
    /// Take a message back: nobody sees what it said any more.
    recall_message = "/api/v1/messages/recall", "recall", "It is gone.",
        "403 `RECALL_TOO_LATE`, `FORBIDDEN`. 404: no such message. 410 `RECALLED`: it is gone already.";

    /// Change what one's own message says. Its versions stay readable.
    edit_message = "/api/v1/messages/edit", "edit", "It says this now.",
        "403 `EDIT_TOO_LATE`, `FORBIDDEN`. 404: no such message. 410 `RECALLED`: it is gone.";

    /// React to a message, or take the reaction back.
    react_to_message = "/api/v1/messages/react", "react", "Everybody sees it.",
        "404: no such message. 409 `TOO_MANY`: it has as many as it may have. 410 `RECALLED`.";

    /// Pin a message in its conversation, or no longer. In groups the owner and admins may.
    pin_message = "/api/v1/messages/pin", "pin", "Everybody sees it.",
        "403 `FORBIDDEN`. 404: no such message. 409 `TOO_MANY`: so many are pinned. 410 `RECALLED`.";
}

/// The socket's codec reads the frame, so that both understand the same.
async fn make(
    app: &App,
    caller: &Caller,
    key: &Key,
    frame: &str,
    change: ChangeMessage,
) -> Result<(StatusCode, Json<SentMessage>), Problem> {
    let asker = messages::asker(caller, change.sender.as_ref())?;
    let key = messages::key(change.client_message_id.as_deref(), caller, key)?;
    let id = key.unwrap_or_else(ClientMessageId::now);
    let mut fields = json!({ "client_message_id": id.to_string(), "conversation": change.conversation });
    let number = |wide: &Option<Wide>| wide.as_ref().map(|wide| json!(wide.0.to_string()));
    let optional = [
        ("seq", number(&change.seq)),
        ("message_id", number(&change.message_id)),
        ("body", change.body),
        ("reaction", change.reaction.map(Value::from)),
        ("remove", change.remove.map(Value::from)),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            fields[name] = value;
        }
    }
    let mut send = messages::read_frame(&json!({ frame: fields }))?;
    if key.is_some() {
        (send.attempt, send.age_ms) = (1, KEY_KNOWN_MS);
    }
    messages::store(app, &asker, send).await
}

/// Messages as they are now.
#[derive(Serialize, ToSchema)]
pub(crate) struct PinnedMessages {
    /// In rising seq, each as a socket's `event` has it.
    #[schema(value_type = Vec<Message>)]
    messages: Vec<Box<RawValue>>,
    /// Their present states.
    #[schema(value_type = Vec<Overlay>)]
    overlays: Vec<Box<RawValue>>,
    /// Always `null`: the list is whole.
    #[schema(example = json!(null))]
    next_cursor: Option<String>,
}

/// The pinned messages of a conversation.
#[utoipa::path(
    get, path = "/api/v1/conversations/{conversation}/pins", tag = "conversations",
    params(("conversation" = String, Path, description = "Which.", example = "d.alice.bob")),
    responses(
        (status = 200, description = "All of them.", body = PinnedMessages),
        (status = "default", description = "403 `FORBIDDEN`: not a member.", body = ProblemBody,
            content_type = "application/problem+json")
    )
)]
pub(crate) async fn pins(
    State(app): State<App>,
    caller: Caller,
    PathOf(conversation): PathOf<String>,
) -> Result<Json<PinnedMessages>, Problem> {
    let request = Request::Pins(conversation_id(&conversation)?);
    match app.commands.ask(&caller.asker(), request).await? {
        Reply::Frame(ServerFrame::Pins(pins)) => {
            let (messages, overlays) = answers::messages(ServerFrame::Pins(pins))?;
            Ok(Json(PinnedMessages { messages, overlays, next_cursor: None }))
        }
        _ => Err(unexpected()),
    }
}

/// Everything that a message ever said.
#[derive(Serialize, ToSchema)]
pub(crate) struct MessageVersions {
    /// The message as it was sent, then the entries that edited it. Empty when it was recalled.
    #[schema(value_type = Vec<Message>)]
    messages: Vec<Box<RawValue>>,
    /// Always `null`: the list is whole.
    #[schema(example = json!(null))]
    next_cursor: Option<String>,
}

/// The versions of a message.
#[utoipa::path(
    get, path = "/api/v1/conversations/{conversation}/messages/{seq}/versions", tag = "conversations",
    params(
        ("conversation" = String, Path, description = "Which.", example = "d.alice.bob"),
        ("seq" = String, Path, description = "The place of the message.", example = "1")
    ),
    responses(
        (status = 200, description = "Oldest first.", body = MessageVersions),
        (status = "default", description = "403 `FORBIDDEN`: not a member. 404: no such message.", body = ProblemBody,
            content_type = "application/problem+json")
    )
)]
pub(crate) async fn versions(
    State(app): State<App>,
    caller: Caller,
    PathOf((conversation, seq)): PathOf<(String, String)>,
) -> Result<Json<MessageVersions>, Problem> {
    let conversation = conversation_id(&conversation)?;
    let seq = seq.parse().map(Seq).map_err(|_| Problem::field("seq", "a whole number is required"))?;
    let request = Request::Versions(Position { conversation, seq });
    match app.commands.ask(&caller.asker(), request).await? {
        Reply::Frame(ServerFrame::Versions(versions)) => {
            let (messages, _) = answers::messages(ServerFrame::Versions(versions))?;
            Ok(Json(MessageVersions { messages, next_cursor: None }))
        }
        _ => Err(unexpected()),
    }
}
