//! Receipts in groups of few that are not in memory: those who wrote hear at once how far a member is. Where nobody
//! writes there is little to gather; in memory the conversation gathers them.

use proto::server_frame::Receipt;
use proto::{Command, ConversationId, ConversationKind, Delivery, Seq, limits};
use store::{Cursor, PageRange, Store, StoreError};

use crate::conversation::{View, authors_of, to_authors};

/// Entries looked at, the newest first, for who wrote them.
const ENTRIES_MAX: usize = 32;

/// How far the asker is before a move of which those who wrote are to hear; `None` where they are not.
pub async fn before(
    store: &Store,
    command: &Command,
    id: &ConversationId,
) -> Result<Option<Cursor>, StoreError> {
    let ConversationKind::Group(group) = id.kind() else { return Ok(None) };
    let members = store.group(&group).await?.map_or(0, |info| info.members as usize);
    if members > limits::RECEIPT_MEMBERS_MAX {
        return Ok(None);
    }
    store.cursor(&command.origin.user, id).await.map(Some)
}

/// Tells those who wrote the newest of what the asker newly received or read.
pub async fn tell(
    store: &Store,
    command: &Command,
    id: &ConversationId,
    before: Cursor,
    view: View,
) -> Result<Vec<Delivery>, StoreError> {
    let ConversationKind::Group(group) = id.kind() else { return Ok(Vec::new()) };
    let user = &command.origin.user;
    let now = store.cursor(user, id).await?;
    let delivered = moved(before.delivered.max(before.read), now.delivered.max(now.read));
    let read = moved(before.read, now.read);
    let known = if read.is_some() { before.read } else { before.delivered };
    let from = known.next().max(view.floor);
    let Some(to) = delivered.max(read).filter(|to| *to >= from) else { return Ok(Vec::new()) };
    let (limit, bytes) = (ENTRIES_MAX, limits::PAGE_BYTES_MAX);
    let range = PageRange { from, to, limit, bytes, backwards: true, head: view.head };
    let mut authors = authors_of(store.page(id, range).await?.iter(), user);
    for author in authors.clone() {
        if store.member(&group, &author).await?.is_none() {
            authors.remove(&author);
        }
    }
    let receipt = Receipt { conversation: id.clone(), user: user.clone(), delivered, read, unread: None };
    Ok(to_authors(receipt, authors, command.trace).collect())
}

fn moved(before: Seq, now: Seq) -> Option<Seq> {
    (now > before).then_some(now)
}
