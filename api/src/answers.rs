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

/// What a message says, in answers. Its members are in `openapi::bodies`.
#[derive(ToSchema)]
#[schema(as = MessageBody, value_type = Object)]
#[expect(dead_code, reason = "describes what the codec of the socket writes")]
pub(crate) struct MessageBody(serde_json::Value);

/// What a message shall say. Its members are in `openapi::bodies`.
#[derive(ToSchema)]
#[schema(as = NewMessageBody, value_type = Object)]
#[expect(dead_code, reason = "describes what the codec of the socket reads")]
pub(crate) struct NewMessageBody(serde_json::Value);

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
    /// It was recalled: its body is gone.
    recalled: Option<Done>,
    /// It was edited: its body is that of its last version.
    edited: Option<Edited>,
    /// Reactions to it.
    reactions: Option<Vec<Reaction>>,
    /// It is pinned.
    pinned: Option<Done>,
}

/// Who did it, and when.
#[derive(ToSchema)]
#[schema(as = Done)]
#[expect(dead_code, reason = "describes what the codec of the socket writes")]
pub(crate) struct Done {
    /// Who.
    #[schema(example = "alice")]
    by: String,
    /// When, Unix milliseconds.
    #[schema(value_type = String, example = "1790000000000")]
    time: Wide,
}

/// How a message was edited.
#[derive(ToSchema)]
#[schema(as = Edited)]
#[expect(dead_code, reason = "describes what the codec of the socket writes")]
pub(crate) struct Edited {
    /// The entries that edited it, oldest first.
    seqs: Vec<Wide>,
    /// When the last did, Unix milliseconds.
    #[schema(value_type = String, example = "1790000000000")]
    time: Wide,
}

/// One reaction to a message.
#[derive(ToSchema)]
#[schema(as = Reaction)]
#[expect(dead_code, reason = "describes what the codec of the socket writes")]
pub(crate) struct Reaction {
    /// An emoji or a short text.
    #[schema(example = "👍")]
    reaction: String,
    /// How many users.
    #[schema(example = 1)]
    count: u32,
    /// The first of them.
    #[schema(example = json!(["bob"]))]
    users: Vec<String>,
    /// One is among them; absent if not.
    mine: Option<bool>,
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
