//! Sending over HTTP: for other services, and for clients too simple for a socket.

use auth::Scope;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use proto::client_frame::{AckMode, Send};
use proto::command::Source;
use proto::server_frame::Ack;
use proto::{Body, ClientFrame, ClientMessageId, Code, Reply, Request, ServerFrame, UserId, wire};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::broadcasts::{self, BroadcastProgress};
use super::many_messages::{self, SentToMany};
use crate::answers::NewMessageBody;
use crate::caller::{Asker, Caller};
use crate::commands::unexpected;
use crate::extract::JsonBody;
use crate::idempotency::{KEY_KNOWN_MS, Key};
use crate::numbers::{IdText, Wide};
use crate::problem::{Problem, ProblemBody};
use crate::scopes::missing;
use crate::{App, frames};

/// A message.
#[derive(Deserialize, ToSchema)]
pub(crate) struct SendMessage {
    /// Where to: a conversation …
    conversation: Option<String>,
    /// … or a user, by id.
    #[serde(alias = "toUser")]
    #[schema(value_type = Option<String>, example = "bob")]
    to_user: Option<IdText>,
    /// … or several, at most 100, each of whom gets a message of their own; only a service may say so.
    #[serde(alias = "toUsers")]
    #[schema(value_type = Option<Vec<String>>)]
    to_users: Option<Vec<IdText>>,
    /// … or everybody who is connected; only a service may say so. Nobody keeps it, and who is not there never hears it.
    #[serde(default, alias = "toEveryone")]
    to_everyone: bool,
    /// What it says.
    #[schema(value_type = NewMessageBody)]
    body: Value,
    /// A UUID: sending again with the same one within a day is not a second message. The header `Idempotency-Key`
    /// does the same; without either, each call is a message of its own.
    #[serde(alias = "clientMessageId")]
    #[schema(example = "01890a5d-ac96-774b-bcce-b302099a8057")]
    client_message_id: Option<String>,
    /// In whose name; only a trusted service may say so.
    #[schema(value_type = Option<String>)]
    sender: Option<IdText>,
    /// 0 for the first try with this `client_message_id`; makes it cheaper.
    attempt: Option<u32>,
    /// How long ago the first try was, milliseconds.
    #[serde(alias = "ageMs")]
    #[schema(value_type = Option<String>)]
    age_ms: Option<Wide>,
}

/// A message that is durable.
#[derive(Serialize, ToSchema)]
pub(crate) struct SentMessage {
    /// Whose log it is in.
    #[schema(example = "d.alice.bob")]
    conversation: String,
    /// Its place.
    #[schema(value_type = String, example = "1")]
    seq: Wide,
    /// Its handle.
    #[schema(value_type = String, example = "231894619234304")]
    message_id: Wide,
    /// When the server took it, Unix milliseconds.
    #[schema(value_type = String, example = "1790000000000")]
    time: Wide,
    /// Its idempotency key.
    #[schema(example = "01890a5d-ac96-774b-bcce-b302099a8057")]
    client_message_id: String,
}

/// Send a message. Answered once it is durable; in a live room that keeps nothing, once it was told there, with `seq` 0. A service sends in any user's name, or in that of its token; to groups without
/// being a member; and notices.
#[utoipa::path(
    post, path = "/api/v1/messages", tag = "messages", request_body = SendMessage,
    responses(
        (status = 201, description = "It is durable, and on its way.", body = SentMessage),
        (status = 202, description = "For `to_everyone`: it is being told, or was, and this far. `Location` is where to ask again.",
            body = BroadcastProgress),
        (status = 207, description = "What came of each of `to_users`.", body = SentToMany),
        (status = "default", body = ProblemBody, content_type = "application/problem+json",
            description = "403 `FORBIDDEN`: not a member, or not a trusted service. 503 `UNAVAILABLE`: send it again, with the same key; `BUSY` for `to_everyone`: another is under way, `retry_after_ms` says for how long about.")
    )
)]
pub(crate) async fn send_message(
    State(app): State<App>,
    caller: Caller,
    key: Key,
    JsonBody(mut message): JsonBody<SendMessage>,
) -> Result<Response, Problem> {
    let asker = asker(&caller, message.sender.as_ref())?;
    if message.to_everyone {
        let send = read_for_everyone(&caller, &asker, message, &key)?;
        return broadcasts::begin(&app, &asker, send).await;
    }
    let Some(users) = message.to_users.take() else {
        let send = read(&caller, &asker, &message, &key)?;
        return store(&app, &asker, send).await.map(IntoResponse::into_response);
    };
    if !caller.is_service() {
        return Err(missing(Scope::MessagesSend));
    }
    let recipients = {
        let conversation = message.conversation.as_ref().map(|_| "conversation");
        let user = message.to_user.as_ref().map(|_| "to_user");
        many_messages::recipients(&users, [conversation, user])?
    };
    message.to_user = recipients.first().map(|user| IdText(user.to_string()));
    let send = read(&caller, &asker, &message, &key)?;
    let sent = many_messages::send_to_each(&app, &asker, send, recipients).await;
    Ok((StatusCode::MULTI_STATUS, Json(sent)).into_response())
}

/// What everybody is to be told: nobody else is named.
fn read_for_everyone(
    caller: &Caller,
    asker: &Asker,
    mut message: SendMessage,
    key: &Key,
) -> Result<Send, Problem> {
    if !caller.is_service() {
        return Err(missing(Scope::MessagesSend));
    }
    if message.conversation.is_some() || message.to_user.is_some() || message.to_users.is_some() {
        return Err(Problem::field("to_everyone", "nobody else can be named beside it"));
    }
    // The codec of messages wants somebody; this one is for nobody's log.
    message.to_user = Some(IdText(asker.user.to_string()));
    read(caller, asker, &message, key)
}

/// What is to be sent, with its idempotency key.
fn read(caller: &Caller, asker: &Asker, message: &SendMessage, key: &Key) -> Result<Send, Problem> {
    let mut send = match notice(&message.body) {
        Some(text) if asker.source == Source::ServerApi => notice_send(message, text?)?,
        Some(_) => return Err(missing(Scope::MessagesSend)),
        None => parsed(message, &message.body)?,
    };
    if let Some(key) = self::key(message.client_message_id.as_deref(), caller, key)? {
        send.client_message_id = key;
        send.attempt = message.attempt.unwrap_or(1);
        send.age_ms = message.age_ms.map_or(if send.attempt == 0 { 0 } else { KEY_KNOWN_MS }, |age| age.0);
    }
    Ok(send)
}

/// Has it appended, and waits until it is durable.
pub(super) async fn store(
    app: &App,
    asker: &Asker,
    send: Send,
) -> Result<(StatusCode, Json<SentMessage>), Problem> {
    match app.commands.ask(asker, Request::Send(send)).await? {
        Reply::Frame(ServerFrame::Ack(ack)) => Ok((StatusCode::CREATED, Json(ack.into()))),
        _ => Err(unexpected()),
    }
}

/// A user speaks for themselves; a trusted service for whom it says.
pub(super) fn asker(caller: &Caller, sender: Option<&IdText>) -> Result<Asker, Problem> {
    let user = sender.map(|id| UserId::parse(&id.0)).transpose();
    let user = user.map_err(|error| Problem::field("sender", error))?;
    let user = user.unwrap_or_else(|| caller.0.user.clone());
    if caller.is_service() {
        return Ok(Asker { user, source: Source::ServerApi, ..caller.asker() });
    }
    if user == caller.0.user { Ok(caller.asker()) } else { Err(missing(Scope::MessagesSend)) }
}

/// The idempotency key: of the body, or the header's.
pub(super) fn key(
    written: Option<&str>,
    caller: &Caller,
    key: &Key,
) -> Result<Option<ClientMessageId>, Problem> {
    let Some(written) = written else {
        return Ok(key.0.as_ref().map(|key| key.client_message_id(&caller.0)));
    };
    let parsed = ClientMessageId::parse(written);
    parsed.map(Some).map_err(|error| Problem::field("client_message_id", error))
}

/// The text of a notice, if the body is of kind `system`.
fn notice(body: &Value) -> Option<Result<&str, Problem>> {
    let text = body.get("system")?.pointer("/notice/text").and_then(Value::as_str);
    Some(text.filter(|text| !text.is_empty()).ok_or_else(|| {
        Problem::field(
            "body",
            "of system entries, only {\"system\": {\"notice\": {\"text\": \"…\"}}} can be sent",
        )
    }))
}

fn notice_send(message: &SendMessage, text: &str) -> Result<Send, Problem> {
    // As a text it keeps to the same limits; only its kind is another.
    let send = parsed(message, &json!({ "text": text }))?;
    let notice = wire::system::Change::Notice(wire::Notice { text: text.to_owned() });
    Ok(Send { body: Body::system(notice), ..send })
}

/// Lets the socket's codec read it, so that both understand the same.
fn parsed(message: &SendMessage, body: &Value) -> Result<Send, Problem> {
    let mut send = json!({"client_message_id": ClientMessageId::now().to_string(), "body": body});
    if let Some(conversation) = &message.conversation {
        send["conversation"] = json!(conversation);
    }
    if let Some(user) = &message.to_user {
        send["to_user"] = json!(user.0);
    }
    read_frame(&json!({ "send": send }))
}

/// Reads a frame that appends something.
pub(super) fn read_frame(frame: &Value) -> Result<Send, Problem> {
    match frames::read(frame)? {
        ClientFrame::Send(send) => Ok(Send { ack: AckMode::Published, ..send }),
        _ => Err(Problem::new(Code::BadFrame, "not a message")),
    }
}

impl From<Ack> for SentMessage {
    fn from(ack: Ack) -> Self {
        Self {
            conversation: ack.conversation.to_string(),
            seq: Wide(ack.seq.0),
            message_id: Wide(ack.message_id.0),
            time: Wide(ack.time.0),
            client_message_id: ack.client_message_id.to_string(),
        }
    }
}
