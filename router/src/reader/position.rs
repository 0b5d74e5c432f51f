//! Read and delivered cursors, and the receipts that tell of them.

use std::sync::Arc;

use proto::client_frame::Position;
use proto::delivery::{Class, Fanout};
use proto::server_frame::Receipt;
use proto::{
    Command, ConversationId, Delivery, Payload, Reply, Seq, ServerFrame, SharedFrame, Target, Timestamp,
    UserId,
};
use store::{Cursor, SettingsEdit, Store};

use super::{Refused, reply};
use crate::conversation::View;
use crate::rules::cursor::SLACK_MS;

/// Moves the read cursor, tells the user's own devices what is unread now and the peer of a direct conversation how
/// far the user is. Persisted first.
pub async fn read(
    store: &Store,
    command: &Command,
    position: &Position,
    view: View,
    now: Timestamp,
) -> Result<Vec<Delivery>, Refused> {
    let mut deliveries = move_read(store, command, position, view, now).await?;
    deliveries.push(reply(command, Reply::Settled));
    Ok(deliveries)
}

/// The same, without the answer to the command.
pub async fn move_read(
    store: &Store,
    command: &Command,
    position: &Position,
    view: View,
    now: Timestamp,
) -> Result<Vec<Delivery>, Refused> {
    let (user, id) = (&command.origin.user, &position.conversation);
    let seq = position.seq.min(view.head);
    if seq > Seq::ZERO {
        let is_old = view.last.plus_ms(SLACK_MS / 2) < now;
        let moves = is_old && store.cursor(user, id).await?.read < seq;
        let counted = counted_at(store, id, seq, view).await?;
        let to = Cursor { read: seq, read_counted: counted, delivered: seq };
        store.advance_cursor(user, id, to).await?;
        if moves {
            // One's devices that are away would not list it again: nothing else of it changed lately.
            store.edit_settings(user, id, SettingsEdit::touch(), now).await?;
        }
    }
    let stored = store.cursor(user, id).await?;
    let cursor = if view.sent.read > stored.read { view.sent } else { stored };
    let receipt = Receipt {
        conversation: id.clone(),
        user: user.clone(),
        delivered: None,
        read: Some(cursor.read),
        unread: Some(view.counted.saturating_sub(cursor.read_counted)),
    };
    let mut deliveries = vec![fanout(command, id, user.clone(), receipt.clone())];
    if let Some(peer) = id.peer_of(user).filter(|peer| peer != user) {
        deliveries.push(fanout(command, id, peer, Receipt { unread: None, ..receipt }));
    }
    Ok(deliveries)
}

/// Moves the delivered cursor and tells the peer of a direct conversation.
pub async fn delivered(
    store: &Store,
    command: &Command,
    position: &Position,
    view: View,
) -> Result<Vec<Delivery>, Refused> {
    let (user, id) = (&command.origin.user, &position.conversation);
    let delivered = position.seq.min(view.head);
    if delivered > Seq::ZERO {
        store.advance_cursor(user, id, Cursor { read: Seq::ZERO, read_counted: 0, delivered }).await?;
    }
    Ok(delivered_receipt(command, id, delivered))
}

/// What is told when something was delivered, and the answer to the command.
pub fn delivered_receipt(command: &Command, id: &ConversationId, delivered: Seq) -> Vec<Delivery> {
    let user = &command.origin.user;
    let mut deliveries = Vec::with_capacity(2);
    if let Some(peer) = id.peer_of(user).filter(|peer| peer != user && delivered > Seq::ZERO) {
        let receipt = Receipt {
            conversation: id.clone(),
            user: user.clone(),
            delivered: Some(delivered),
            read: None,
            unread: None,
        };
        deliveries.push(fanout(command, id, peer, receipt));
    }
    deliveries.push(reply(command, Reply::Settled));
    deliveries
}

/// Countable entries up to a told seq. An entry that is no longer there was purged with its bucket: nothing before it
/// can be unread.
async fn counted_at(store: &Store, id: &ConversationId, seq: Seq, view: View) -> Result<u64, Refused> {
    if seq == view.head {
        return Ok(view.counted);
    }
    let entry = crate::worker::ops::entry(store, id, seq, view.head).await?;
    Ok(entry.map_or(0, |entry| entry.counted))
}

fn fanout(command: &Command, id: &ConversationId, to: UserId, receipt: Receipt) -> Delivery {
    let fanout = Fanout {
        frame: Arc::new(SharedFrame::new(ServerFrame::Receipt(receipt))),
        class: Class::Receipt,
        conversation: id.clone(),
        seq: Seq::ZERO,
        except: None,
    };
    Delivery { target: Target::User(to), payload: Payload::Fanout(fanout), trace: command.trace }
}
