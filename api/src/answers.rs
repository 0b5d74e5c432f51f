//! Shapes that several calls answer with.

use std::collections::HashMap;

use proto::server_frame::Event;
use proto::{Code, ConversationId, Encoding, Entry, GroupId, ServerFrame};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::numbers::Wide;
use crate::problem::Problem;

/// An entry of a conversation; member by member what a socket's `event` has.
#[derive(ToSchema)]
#[schema(as = Message)]
#[expect(dead_code, reason = "describes what the codec of the socket writes")]
pub(crate) struct Message {
    /// Whose log.
    #[schema(example = "d.alice.bob")]
    conversation: String,
    /// Its place: 1, 2, 3 …
    seq: Wide,
    /// A global handle.
    #[schema(value_type = String, example = "231894619234304")]
    message_id: Wide,
    /// Who said or did it.
    #[schema(example = "alice")]
    sender: String,
    /// When the server took it, Unix milliseconds.
    #[schema(value_type = String, example = "1790000000000")]
    time: Wide,
    /// What it says.
    body: MessageBody,
    /// The idempotency key of the send.
    #[schema(example = "01890a5d-ac96-774b-bcce-b302099a8057")]
    client_message_id: Option<String>,
}

/// What a message says: one kind, and what stands beside it. The members of each are told in the protocol's document.
#[derive(ToSchema)]
#[schema(as = MessageBody)]
#[expect(dead_code, reason = "describes what the codec of the socket reads and writes")]
pub(crate) struct MessageBody {
    /// Plain text.
    #[schema(example = "hi")]
    text: Option<String>,
    /// Whatever an application defines for itself.
    custom: Option<CustomBody>,
    /// A change of the conversation, or `{"notice": {"text": "…"}}` from a trusted service.
    #[schema(value_type = Option<Object>)]
    system: Option<serde_json::Value>,
    /// Media: `file` or `url`, `name`, `size`, `mime`, `width`, `height`, `thumbnail`.
    #[schema(value_type = Option<Object>)]
    image: Option<serde_json::Value>,
    /// Media: `file` or `url`, `name`, `size`, `mime`, `thumbnail`.
    #[schema(value_type = Option<Object>)]
    file: Option<serde_json::Value>,
    /// Media: `file` or `url`, `name`, `size`, `mime`, `duration_ms`.
    #[schema(value_type = Option<Object>)]
    voice: Option<serde_json::Value>,
    /// Media: as `image`, with `duration_ms`.
    #[schema(value_type = Option<Object>)]
    video: Option<serde_json::Value>,
    /// `latitude`, `longitude`, `name`, `address`.
    #[schema(value_type = Option<Object>)]
    location: Option<serde_json::Value>,
    /// `user`, `name`, `avatar`.
    #[schema(value_type = Option<Object>)]
    contact: Option<serde_json::Value>,
    /// `title`, and `messages` passed on as one.
    #[schema(value_type = Option<Object>)]
    merged: Option<serde_json::Value>,
    /// A change of an earlier message: not to be sent as a body.
    #[schema(value_type = Option<Object>)]
    edit: Option<serde_json::Value>,
    /// A change of an earlier message: not to be sent as a body.
    #[schema(value_type = Option<Object>)]
    recall: Option<serde_json::Value>,
    /// A change of an earlier message: not to be sent as a body.
    #[schema(value_type = Option<Object>)]
    react: Option<serde_json::Value>,
    /// A change of an earlier message: not to be sent as a body.
    #[schema(value_type = Option<Object>)]
    pin: Option<serde_json::Value>,
    /// Beside a kind: `users`, or `all`.
    #[schema(value_type = Option<Object>)]
    mentions: Option<serde_json::Value>,
    /// Beside a kind: the message that is answered.
    #[schema(value_type = Option<Object>)]
    reply_to: Option<serde_json::Value>,
    /// Beside a kind: where it comes from.
    #[schema(value_type = Option<Object>)]
    forward: Option<serde_json::Value>,
    /// Beside a kind: the root of its thread.
    #[schema(value_type = Option<Object>)]
    thread: Option<serde_json::Value>,
    /// Beside a kind: `after_seconds` after which it expires. Answers have the `time` of that, and once it is over, `expired` in
    /// place of the kind.
    #[schema(value_type = Option<Object>)]
    expiry: Option<serde_json::Value>,
    /// Beside a kind: who is there is to confirm it, until the Unix time `until`, which answers have.
    #[schema(value_type = Option<Object>)]
    must_confirm: Option<serde_json::Value>,
}

/// Whatever an application defines for itself.
#[derive(ToSchema)]
#[schema(as = CustomBody)]
#[expect(dead_code, reason = "describes what the codec of the socket reads and writes")]
pub(crate) struct CustomBody {
    /// 1 to 64 characters; lets readers pick what they understand.
    r#type: String,
    /// JSON text.
    json: String,
}

/// Writes an entry exactly as the socket does: by the socket's codec.
pub(crate) fn message(conversation: &ConversationId, entry: Entry) -> Result<Box<RawValue>, Problem> {
    #[derive(Deserialize)]
    struct Frame {
        event: Box<RawValue>,
    }
    let mut json = Vec::new();
    let event = Event { conversation: conversation.clone(), entry };
    ServerFrame::Event(event).encode_into(Encoding::Json, &mut json);
    serde_json::from_slice(&json).map(|frame: Frame| frame.event).map_err(|error| {
        tracing::error!(%error, "an event was written that is not json");
        Problem::new(Code::Internal, "an entry cannot be shown")
    })
}

/// The entries and overlays of a frame that has some, exactly as the socket has them.
#[expect(clippy::type_complexity, reason = "two lists of what is JSON already")]
pub(crate) fn messages(frame: ServerFrame) -> Result<(Vec<Box<RawValue>>, Vec<Box<RawValue>>), Problem> {
    #[derive(Deserialize)]
    struct Lists {
        #[serde(default)]
        entries: Vec<Box<RawValue>>,
        #[serde(default)]
        overlays: Vec<Box<RawValue>>,
    }
    let mut json = Vec::new();
    frame.encode_into(Encoding::Json, &mut json);
    let frames = serde_json::from_slice::<HashMap<String, Lists>>(&json).map_err(|error| {
        tracing::error!(%error, "a frame was written that is not json");
        Problem::new(Code::Internal, "the entries cannot be shown")
    })?;
    Ok(frames.into_values().next().map(|lists| (lists.entries, lists.overlays)).unwrap_or_default())
}

/// The present state of a message that later entries changed; member by member what a socket's `page` has.
#[derive(ToSchema)]
#[schema(as = Overlay)]
#[expect(dead_code, reason = "describes what the codec of the socket writes")]
pub(crate) struct Overlay {
    /// Which message.
    seq: Wide,
    /// The newest entry that changed it.
    changed_seq: Wide,
    /// `by` whom and at what `time` it was recalled: its body is gone.
    #[schema(value_type = Option<Object>)]
    recalled: Option<serde_json::Value>,
    /// `seqs` of the entries that edited it, and the `time` of the last.
    #[schema(value_type = Option<Object>)]
    edited: Option<serde_json::Value>,
    /// Each with `reaction`, `count`, the first `users`, and `mine`.
    #[schema(value_type = Option<Vec<Object>>)]
    reactions: Option<Vec<serde_json::Value>>,
    /// `by` whom and at what `time` it was pinned.
    #[schema(value_type = Option<Object>)]
    pinned: Option<serde_json::Value>,
}

/// A group after a change.
#[derive(Serialize, ToSchema)]
#[schema(as = GroupChanged)]
pub(crate) struct GroupChanged {
    /// Its id.
    #[schema(example = "team")]
    pub(crate) group_id: String,
    /// Its conversation.
    #[schema(example = "g.team")]
    pub(crate) conversation: String,
    /// The entry that records the change; "0" when there was nothing to change.
    pub(crate) seq: Wide,
    /// How many members it has now.
    #[schema(example = 4)]
    pub(crate) members: u32,
    /// One's own request to join waits for its answer.
    pub(crate) pending: bool,
}

impl GroupChanged {
    pub(crate) fn of(group: &GroupId, done: &proto::delivery::GroupDone) -> Self {
        Self {
            conversation: ConversationId::group(group).to_string(),
            group_id: group.to_string(),
            seq: Wide(done.seq.0),
            members: done.members,
            pending: done.pending,
        }
    }
}
