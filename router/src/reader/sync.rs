//! `sync`: the conversations of a user that changed since a cursor, newest first, page by page.
//!
//! Direct conversations and groups that were left come from the user's list rows; groups from the user's memberships
//! and the groups' head rows, so that a large group needs no row per member and entry. Both are sorted the same way:
//! falling time, then rising id.

use std::cmp::Reverse;

use hashbrown::HashMap;
use proto::server_frame::{ConversationState, Delta};
use proto::{Contact, ConversationId, ConversationKind, ServerFrame, Timestamp, UserId, limits};
use store::{HeadRow, Store, StoreError};

use crate::rules::contacts;
use crate::rules::cursor::SyncCursor;

/// One line of the listing, before it is filled in.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Line {
    time: Reverse<Timestamp>,
    conversation: ConversationId,
    left: bool,
}

/// The lines of one page, and whether there are more below the last.
struct Lines {
    lines: Vec<Line>,
    /// Where the next page begins below.
    next: Option<(Timestamp, ConversationId)>,
    heads: HashMap<ConversationId, HeadRow>,
}

/// The next page of what changed.
pub async fn delta(
    store: &Store,
    user: &UserId,
    cursor: &str,
    now: Timestamp,
) -> Result<ServerFrame, StoreError> {
    let Some(cursor) = SyncCursor::read(cursor, now) else { return Ok(ServerFrame::TooLong) };
    let Lines { lines, next, mut heads } = lines(store, user, &cursor).await?;
    let (of_pairs, lines): (Vec<Line>, Vec<Line>) =
        lines.into_iter().partition(|line| line.conversation.is_pair());
    let contacts = contacts(store, user, &of_pairs, &cursor, now).await?;
    let ids: Vec<ConversationId> = lines.iter().map(|line| line.conversation.clone()).collect();
    let unknown: Vec<ConversationId> = ids.iter().filter(|id| !heads.contains_key(*id)).cloned().collect();
    let rows = store.heads(&unknown).await?;
    heads.extend(unknown.into_iter().zip(rows).filter_map(|(id, row)| row.map(|row| (id, row))));
    let cursors = store.cursors(user, &ids).await?;
    let mut conversations = Vec::with_capacity(lines.len());
    for (line, read) in lines.into_iter().zip(cursors) {
        let Some(head) = heads.remove(&line.conversation) else { continue };
        let name = match line.conversation.kind() {
            ConversationKind::Group(group) => store.group(&group).await?.map(|info| info.name),
            ConversationKind::Direct(..) | ConversationKind::Pair(..) => None,
        };
        // Who left learns nothing of what happened since: the head is as far as they had read.
        let (head_seq, unread) = if line.left {
            (read.read, 0)
        } else {
            (head.seq, head.counted.saturating_sub(read.read_counted))
        };
        conversations.push(ConversationState {
            peer: line.conversation.peer_of(user),
            conversation: line.conversation,
            head: head_seq,
            unread,
            read_seq: read.read,
            last: (!line.left).then_some(head.last),
            name,
            time: line.time.0,
            left: line.left,
        });
    }
    let more = next.is_some();
    let cursor = next.map_or_else(|| cursor.finished(), |last| cursor.continued(last));
    Ok(ServerFrame::Delta(Delta { conversations, cursor, more, contacts }))
}

/// The contacts that changed. At the first time nobody need hear of those who are nothing any more.
async fn contacts(
    store: &Store,
    user: &UserId,
    lines: &[Line],
    cursor: &SyncCursor,
    now: Timestamp,
) -> Result<Vec<Contact>, StoreError> {
    let peer = |line: &Line| match line.conversation.kind() {
        ConversationKind::Pair(one, other) => Some(if one == *user { other } else { one }),
        _ => None,
    };
    let peers: Vec<UserId> = lines.iter().filter_map(peer).collect();
    let rows = store.relations_with(user, &peers).await?;
    let shown = rows.into_iter().flatten().map(|row| contacts::shown(row.contact, now));
    let is_first = cursor.since == Timestamp(0);
    Ok(shown.filter(|contact| !(is_first && contacts::is_nothing(contact))).collect())
}

async fn lines(store: &Store, user: &UserId, cursor: &SyncCursor) -> Result<Lines, StoreError> {
    let max = limits::DELTA_CONVERSATIONS_MAX;
    let rows = store.inbox(user, cursor.since, max, cursor.before.clone()).await?;
    // Below the last row of a full answer there may be more rows: nothing below it belongs to this page.
    let end =
        (rows.len() == max).then(|| rows.last().map(|row| (row.time, row.conversation.clone()))).flatten();
    let mut lines: Vec<Line> = rows
        .into_iter()
        .filter(|row| row.left || !row.conversation.is_group())
        .map(|row| Line { time: Reverse(row.time), conversation: row.conversation, left: row.left })
        .collect();
    let groups: Vec<ConversationId> =
        store.groups_of(user).await?.iter().map(ConversationId::group).collect();
    let mut heads = HashMap::new();
    let begin = cursor.before.as_ref().map(|(time, id)| (Reverse(*time), id));
    let below = end.as_ref().map(|(time, id)| (Reverse(*time), id));
    let mut later_groups = false;
    for (id, row) in groups.iter().zip(store.heads(&groups).await?) {
        let Some(row) = row.filter(|row| row.last.time >= cursor.since) else { continue };
        let place = (Reverse(row.last.time), id);
        if begin.is_some_and(|begin| place <= begin) {
            continue;
        }
        if below.is_some_and(|below| place > below) {
            later_groups = true;
            continue;
        }
        // Joined again after it was left: the row of the leaving says nothing any more.
        lines.retain(|line| line.conversation != *id);
        lines.push(Line { time: place.0, conversation: id.clone(), left: false });
        heads.insert(id.clone(), row);
    }
    lines.sort_unstable();
    let cut = lines.len() > max;
    lines.truncate(max);
    let next = if cut {
        lines.last().map(|line| (line.time.0, line.conversation.clone()))
    } else {
        debug_assert!(!later_groups || end.is_some());
        end
    };
    Ok(Lines { lines, next, heads })
}
