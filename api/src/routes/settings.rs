//! What one keeps for oneself in a conversation: the HTTP twins of the frames `conversation_set`, `clear` and `delete_for_me`.

use axum::Json;
use axum::extract::State;
use proto::settings::{Preferences, Private, PrivateChange, Settings};
use proto::{ConversationId, Reply, Request, Seq, ServerFrame, Timestamp, limits};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::conversations::conversation_id;
use crate::App;
use crate::caller::Caller;
use crate::commands::unexpected;
use crate::extract::{JsonBody, PathOf};
use crate::numbers::Wide;
use crate::problem::{Problem, ProblemBody};

/// What one keeps for oneself in a conversation; the members are called as those of a socket's `settings`.
#[derive(Serialize, ToSchema)]
pub(crate) struct ConversationSettings {
    /// Which.
    #[schema(example = "d.alice.bob")]
    conversation: String,
    /// First in lists.
    pinned: bool,
    /// No notifications before this, Unix milliseconds; 0 for not muted.
    muted_until: Wide,
    /// Not among the others in lists.
    archived: bool,
    /// Hidden from lists as long as the head is below this; 0 for not hidden.
    hidden_below_seq: Wide,
    /// A message that was begun.
    draft: String,
    /// Shown as unread, whatever was read.
    marked_unread: bool,
    /// Entries up to here are gone for oneself.
    cleared_seq: Wide,
    /// Those after it that are gone for oneself.
    deleted_seqs: Vec<Wide>,
    /// When something of this changed last, Unix milliseconds; 0 where nothing was ever set.
    changed: Wide,
}

impl ConversationSettings {
    pub(crate) fn of(conversation: &ConversationId, settings: Settings) -> Self {
        Self {
            conversation: conversation.to_string(),
            pinned: settings.pinned,
            muted_until: Wide(settings.muted_until.0),
            archived: settings.archived,
            hidden_below_seq: Wide(settings.hidden_below.0),
            draft: settings.draft,
            marked_unread: settings.marked_unread,
            cleared_seq: Wide(settings.cleared.0),
            deleted_seqs: settings.deleted.into_iter().map(|Seq(seq)| Wide(seq)).collect(),
            changed: Wide(settings.changed.0),
        }
    }
}

/// What shall change; what is absent stays as it is.
#[derive(Deserialize, ToSchema)]
pub(crate) struct ChangeConversation {
    /// First in lists.
    #[schema(example = true)]
    pinned: Option<bool>,
    /// No notifications before this, Unix milliseconds; 0 for not muted.
    #[serde(alias = "mutedUntil")]
    #[schema(value_type = Option<String>, example = "1790000000000")]
    muted_until: Option<Wide>,
    /// Not among the others in lists.
    archived: Option<bool>,
    /// Not in lists until the next entry comes.
    hidden: Option<bool>,
    /// A message that was begun; empty for none. At most 8192 bytes.
    #[schema(example = "see you at")]
    draft: Option<String>,
    /// Shown as unread, whatever was read.
    #[serde(alias = "markedUnread")]
    marked_unread: Option<bool>,
}

/// Up to where the history goes away.
#[derive(Deserialize, ToSchema)]
pub(crate) struct ClearUpTo {
    /// Everything up to here; absent for everything there is.
    #[schema(value_type = Option<String>, example = "1")]
    seq: Option<Wide>,
}

/// Which messages go away.
#[derive(Deserialize, ToSchema)]
pub(crate) struct DeleteMessages {
    /// 1 to 100 of them.
    #[schema(value_type = Vec<String>, example = json!(["2"]))]
    seqs: Vec<Wide>,
}

/// Pin, mute, archive or hide a conversation for oneself, keep a draft, mark it as unread.
#[utoipa::path(
    patch, path = "/api/v1/conversations/{conversation}", tag = "conversations", request_body = ChangeConversation,
    params(("conversation" = String, Path, description = "Which.", example = "d.alice.bob")),
    responses(
        (status = 200, description = "As it is now; one's other devices are told.", body = ConversationSettings),
        (status = "default", description = "403 `FORBIDDEN`: not a member.", body = ProblemBody,
            content_type = "application/problem+json")
    )
)]
pub(crate) async fn change_conversation(
    State(app): State<App>,
    caller: Caller,
    PathOf(conversation): PathOf<String>,
    JsonBody(body): JsonBody<ChangeConversation>,
) -> Result<Json<ConversationSettings>, Problem> {
    let set = Preferences {
        pinned: body.pinned,
        muted_until: body.muted_until.map(|Wide(ms)| Timestamp(ms)),
        archived: body.archived,
        hidden: body.hidden,
        draft: body.draft,
        marked_unread: body.marked_unread,
    };
    if set == Preferences::default() {
        return Err(Problem::field("pinned", "one setting at least is required"));
    }
    if set.draft.as_ref().is_some_and(|draft| draft.len() > limits::DRAFT_BYTES_MAX) {
        let problem = format!("at most {} bytes are allowed", limits::DRAFT_BYTES_MAX);
        return Err(Problem::field("draft", problem));
    }
    change(&app, &caller, &conversation, Private::Set(Box::new(set))).await
}

/// What one keeps for oneself in a conversation.
#[utoipa::path(
    get, path = "/api/v1/conversations/{conversation}/settings", tag = "conversations",
    params(("conversation" = String, Path, description = "Which.", example = "d.alice.bob")),
    responses(
        (status = 200, description = "As it is.", body = ConversationSettings),
        (status = "default", description = "403 `FORBIDDEN`: not a member.", body = ProblemBody,
            content_type = "application/problem+json")
    )
)]
pub(crate) async fn conversation_settings(
    State(app): State<App>,
    caller: Caller,
    PathOf(conversation): PathOf<String>,
) -> Result<Json<ConversationSettings>, Problem> {
    let id = conversation_id(&conversation)?;
    let head = app.commands.heads(&caller.asker(), std::slice::from_ref(&id)).await?.pop();
    if !head.is_some_and(|head| head.member) {
        return Err(Problem::new(proto::Code::Forbidden, "you are not a member of this conversation"));
    }
    let settings = app.store.settings(&caller.0.user, std::slice::from_ref(&id)).await?.pop();
    Ok(Json(ConversationSettings::of(&id, settings.unwrap_or_default())))
}

/// Clear the history of a conversation for oneself. It counts as read.
#[utoipa::path(
    post, path = "/api/v1/conversations/{conversation}/clear", tag = "conversations", request_body = ClearUpTo,
    params(("conversation" = String, Path, description = "Which.", example = "d.alice.bob")),
    responses(
        (status = 200, description = "It is gone; one's other devices are told.", body = ConversationSettings),
        (status = "default", description = "403 `FORBIDDEN`: not a member.", body = ProblemBody,
            content_type = "application/problem+json")
    )
)]
pub(crate) async fn clear_conversation(
    State(app): State<App>,
    caller: Caller,
    PathOf(conversation): PathOf<String>,
    JsonBody(body): JsonBody<ClearUpTo>,
) -> Result<Json<ConversationSettings>, Problem> {
    let seq = body.seq.map_or(Seq::ZERO, |Wide(seq)| Seq(seq));
    change(&app, &caller, &conversation, Private::Clear(seq)).await
}

/// Delete messages for oneself alone.
#[utoipa::path(
    post, path = "/api/v1/conversations/{conversation}/delete", tag = "conversations", request_body = DeleteMessages,
    params(("conversation" = String, Path, description = "Which.", example = "d.alice.bob")),
    responses(
        (status = 200, description = "They are gone; one's other devices are told.", body = ConversationSettings),
        (status = "default", body = ProblemBody, content_type = "application/problem+json",
            description = "403 `FORBIDDEN`: not a member. 404: no such message. 409 `TOO_MANY`: so many were deleted; \
                clear the history instead.")
    )
)]
pub(crate) async fn delete_messages(
    State(app): State<App>,
    caller: Caller,
    PathOf(conversation): PathOf<String>,
    JsonBody(body): JsonBody<DeleteMessages>,
) -> Result<Json<ConversationSettings>, Problem> {
    if body.seqs.is_empty() || body.seqs.len() > limits::DELETE_SEQS_MAX {
        return Err(Problem::field("seqs", format!("1 to {} are allowed", limits::DELETE_SEQS_MAX)));
    }
    let seqs = body.seqs.into_iter().map(|Wide(seq)| Seq(seq)).collect();
    change(&app, &caller, &conversation, Private::Delete(seqs)).await
}

async fn change(
    app: &App,
    caller: &Caller,
    conversation: &str,
    what: Private,
) -> Result<Json<ConversationSettings>, Problem> {
    let conversation = conversation_id(conversation)?;
    let request = Request::Private(PrivateChange { conversation, what });
    match app.commands.ask(&caller.asker(), request).await? {
        Reply::Frame(ServerFrame::Settings(of)) => {
            Ok(Json(ConversationSettings::of(&of.conversation, of.settings)))
        }
        _ => Err(unexpected()),
    }
}
