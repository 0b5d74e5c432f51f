//! What a user keeps for themselves, in protobuf.

use super::check;
use super::server_from_wire::conversation;
use crate::server_frame::ConversationSettings;
use crate::settings::{Preferences, Private, PrivateChange, Settings};
use crate::{ConversationId, FrameError, Seq, Timestamp, limits, wire};

/// The frame of a change.
pub(crate) enum Wire {
    Set(wire::ConversationSet),
    Clear(wire::ClearHistory),
    Delete(wire::DeleteForMe),
}

pub(crate) fn to_wire(change: &PrivateChange) -> Wire {
    let conversation = change.conversation.to_string();
    match &change.what {
        Private::Set(set) => Wire::Set(wire::ConversationSet {
            conversation,
            pinned: set.pinned,
            muted_until: set.muted_until.map(|Timestamp(ms)| ms),
            archived: set.archived,
            hidden: set.hidden,
            draft: set.draft.clone(),
            marked_unread: set.marked_unread,
        }),
        Private::Clear(seq) => Wire::Clear(wire::ClearHistory { conversation, seq: seq.0 }),
        Private::Delete(seqs) => {
            let seqs = seqs.iter().map(|Seq(seq)| *seq).collect();
            Wire::Delete(wire::DeleteForMe { conversation, seqs })
        }
    }
}

pub(crate) fn set(wire: wire::ConversationSet) -> Result<PrivateChange, FrameError> {
    const FRAME: &str = "conversation_set";
    let conversation = check::conversation(FRAME, "conversation", &wire.conversation)?;
    check::size(FRAME, "draft", wire.draft.as_ref().map_or(0, String::len), limits::DRAFT_BYTES_MAX)?;
    let set = Preferences {
        pinned: wire.pinned,
        muted_until: wire.muted_until.map(Timestamp),
        archived: wire.archived,
        hidden: wire.hidden,
        draft: wire.draft,
        marked_unread: wire.marked_unread,
    };
    if set == Preferences::default() {
        return Err(FrameError::field(FRAME, "conversation", "one setting at least is required beside it"));
    }
    Ok(PrivateChange { conversation, what: Private::Set(Box::new(set)) })
}

pub(crate) fn clear(wire: &wire::ClearHistory) -> Result<PrivateChange, FrameError> {
    let conversation = check::conversation("clear", "conversation", &wire.conversation)?;
    Ok(PrivateChange { conversation, what: Private::Clear(Seq(wire.seq)) })
}

pub(crate) fn delete(wire: wire::DeleteForMe) -> Result<PrivateChange, FrameError> {
    const FRAME: &str = "delete_for_me";
    let conversation = check::conversation(FRAME, "conversation", &wire.conversation)?;
    if wire.seqs.is_empty() || wire.seqs.len() > limits::DELETE_SEQS_MAX {
        let problem = format!("1 to {} are allowed", limits::DELETE_SEQS_MAX);
        return Err(FrameError::field(FRAME, "seqs", problem));
    }
    Ok(PrivateChange { conversation, what: Private::Delete(wire.seqs.into_iter().map(Seq).collect()) })
}

pub(super) fn settings_to_wire(conversation: &ConversationId, settings: &Settings) -> wire::Settings {
    wire::Settings {
        conversation: conversation.to_string(),
        pinned: settings.pinned,
        muted_until: settings.muted_until.0,
        archived: settings.archived,
        hidden_below_seq: settings.hidden_below.0,
        draft: settings.draft.clone(),
        marked_unread: settings.marked_unread,
        cleared_seq: settings.cleared.0,
        deleted_seqs: settings.deleted.iter().map(|Seq(seq)| *seq).collect(),
        changed: settings.changed.0,
    }
}

pub(super) fn settings(
    frame: &'static str,
    wire: wire::Settings,
) -> Result<ConversationSettings, FrameError> {
    Ok(ConversationSettings {
        conversation: conversation(frame, &wire.conversation)?,
        settings: Settings {
            pinned: wire.pinned,
            muted_until: Timestamp(wire.muted_until),
            archived: wire.archived,
            hidden_below: Seq(wire.hidden_below_seq),
            draft: wire.draft,
            marked_unread: wire.marked_unread,
            cleared: Seq(wire.cleared_seq),
            deleted: wire.deleted_seqs.into_iter().map(Seq).collect(),
            changed: Timestamp(wire.changed),
        },
    })
}
