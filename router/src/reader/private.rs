//! What users keep for themselves: changed, told to their own devices, and kept out of what they read.

use std::sync::Arc;

use proto::client_frame::Position;
use proto::delivery::{Class, Fanout};
use proto::server_frame::{ConversationSettings, Overlay};
use proto::settings::{Preferences, Private, PrivateChange, Settings};
use proto::{
    Code, Command, ConversationId, Delivery, Entry, Payload, Reply, Seq, ServerFrame, SharedFrame, Target,
    Timestamp, UserId, limits,
};
use store::{SettingsEdit, Store, StoreError};

use super::{Refused, position, reply};
use crate::conversation::View;

/// Carries out a change and tells it to all devices of the user.
pub async fn change(
    store: &Store,
    command: &Command,
    change: &PrivateChange,
    view: View,
    now: Timestamp,
) -> Result<Vec<Delivery>, Refused> {
    let (user, id) = (&command.origin.user, &change.conversation);
    let mut deliveries = Vec::with_capacity(4);
    let edit = match &change.what {
        Private::Set(set) => preferences(set, view),
        Private::Clear(seq) => {
            let cleared = if *seq == Seq::ZERO { view.head } else { (*seq).min(view.head) };
            // Marked as read first: what is gone and counts as unread could never be read.
            let read = Position { conversation: id.clone(), seq: cleared };
            deliveries = position::move_read(store, command, &read, view, now).await?;
            SettingsEdit { cleared: Some(cleared), ..SettingsEdit::default() }
        }
        Private::Delete(seqs) => {
            may_delete(&settings(store, user, id).await?, seqs, view)?;
            SettingsEdit { deleted: seqs.clone(), ..SettingsEdit::default() }
        }
    };
    let settings = store.edit_settings(user, id, edit, now).await?;
    let frame = ServerFrame::Settings(Box::new(ConversationSettings { conversation: id.clone(), settings }));
    let fanout = Fanout {
        frame: Arc::new(SharedFrame::new(frame.clone())),
        class: Class::Receipt,
        conversation: id.clone(),
        seq: Seq::ZERO,
        except: Some(command.origin.session),
    };
    let (target, payload) = (Target::User(user.clone()), Payload::Fanout(fanout));
    deliveries.push(Delivery { target, payload, trace: command.trace });
    deliveries.push(reply(command, Reply::Frame(frame)));
    Ok(deliveries)
}

/// What a user keeps in one conversation.
pub async fn settings(store: &Store, user: &UserId, id: &ConversationId) -> Result<Settings, StoreError> {
    Ok(store.settings(user, std::slice::from_ref(id)).await?.pop().unwrap_or_default())
}

/// What is left to see for somebody with these settings.
pub fn narrowed(view: View, own: &Settings) -> View {
    let floor = if own.cleared == Seq::ZERO { view.floor } else { view.floor.max(own.cleared.next()) };
    View { floor, ..view }
}

/// Takes out the entries that are gone for the reader, changes of them, and what is laid over them.
pub fn leave_out(own: &Settings, entries: &mut Vec<Entry>, overlays: &mut Vec<Overlay>) {
    if own.hides_nothing() {
        return;
    }
    let of_gone = |entry: &Entry| entry.body.as_change().is_some_and(|(target, _)| own.hides(target.seq));
    entries.retain(|entry| !own.hides(entry.seq) && !of_gone(entry));
    overlays.retain(|overlay| !own.hides(overlay.seq));
}

fn preferences(set: &Preferences, view: View) -> SettingsEdit {
    SettingsEdit {
        pinned: set.pinned,
        muted_until: set.muted_until,
        archived: set.archived,
        hidden_below: set.hidden.map(|hidden| if hidden { view.head.next() } else { Seq::ZERO }),
        draft: set.draft.clone(),
        marked_unread: set.marked_unread,
        cleared: None,
        deleted: Vec::new(),
        touched: false,
    }
}

fn may_delete(before: &Settings, seqs: &[Seq], view: View) -> Result<(), Refused> {
    let view = narrowed(view, before);
    if seqs.iter().any(|seq| *seq < view.floor || *seq > view.head) {
        return Err(Refused::Rule(Code::NotFound, "there is no such message"));
    }
    let more = seqs.iter().filter(|seq| !before.hides(**seq)).count();
    if before.deleted.len() + more > limits::DELETED_SEQS_MAX {
        return Err(Refused::Rule(
            Code::TooMany,
            "so many messages of this conversation are deleted: clear its history",
        ));
    }
    Ok(())
}
