//! `sync`: the conversations of a user that changed since a cursor, newest first, page by page.
//!
//! Direct conversations and groups that were left come from the user's list rows; groups from the user's memberships
//! and the groups' head rows, so that a large group needs no row per member and entry; those in which the user changed
//! something for themselves, or read, from the user's settings. All are sorted the same way: falling time, then rising id.

use std::cmp::Reverse;

use hashbrown::{HashMap, HashSet};
use proto::server_frame::{ConversationState, Delta};
use proto::settings::Settings;
use proto::{Contact, ConversationId, ConversationKind, Seq, ServerFrame, Timestamp, UserId, limits};
use store::{Cursor, HeadRow, MentionRange, Store, StoreError};

use crate::rules::contacts;
use crate::rules::cursor::SyncCursor;
use crate::rules::membership::invitation_shown;

/// Where a line is in the listing.
type Place = (Reverse<Timestamp>, ConversationId);

/// One line of the listing, before it is filled in.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Line {
    time: Reverse<Timestamp>,
    conversation: ConversationId,
    left: bool,
    /// It is here because of what the user changed for themselves.
    own: bool,
}

/// The lines of one page, and whether there are more below the last.
struct Lines {
    lines: Vec<Line>,
    /// Where the next page begins below.
    next: Option<Place>,
    heads: HashMap<ConversationId, HeadRow>,
}

/// What a line says.
struct Said {
    line: Line,
    head: Option<HeadRow>,
    cursor: Cursor,
    settings: Settings,
}

impl Said {
    /// Its user was invited and never came: nobody need hear of that at the first time.
    fn is_nothing(&self) -> bool {
        self.line.left && self.cursor.read == Seq::ZERO && self.settings.changed == Timestamp(0)
    }
}

/// The next page of what changed.
pub async fn delta(
    store: &Store,
    user: &UserId,
    cursor: &str,
    now: Timestamp,
) -> Result<ServerFrame, StoreError> {
    let Some(cursor) = SyncCursor::read(cursor, now) else { return Ok(ServerFrame::TooLong) };
    let (reading, user) = (store.clone(), user.clone());
    store.read_together(Box::pin(async move { changed(&reading, &user, cursor, now).await })).await
}

async fn changed(
    store: &Store,
    user: &UserId,
    cursor: SyncCursor,
    now: Timestamp,
) -> Result<ServerFrame, StoreError> {
    let Lines { lines, next, heads } = lines(store, user, &cursor).await?;
    let (of_pairs, lines): (Vec<Line>, Vec<Line>) =
        lines.into_iter().partition(|line| line.conversation.is_pair());
    let contacts = contacts(store, user, &of_pairs, &cursor, now).await?;
    let said = said(store, user, lines, heads).await?;
    let mut mentions = mentions(store, user, &said).await?;
    let is_first = cursor.since == Timestamp(0);
    let mut conversations = Vec::with_capacity(said.len());
    for said in said {
        let group = match said.line.conversation.kind() {
            ConversationKind::Group(group) => store.group(&group).await?,
            ConversationKind::Direct(..) | ConversationKind::Pair(..) => None,
        };
        let invitation =
            group.as_ref().filter(|_| said.line.left).and_then(|info| invitation_shown(info, user, now));
        if is_first && invitation.is_none() && said.is_nothing() {
            continue;
        }
        let mention_unread = mentions.remove(&said.line.conversation).unwrap_or_default();
        let confirm_seqs = match said.head.as_ref().filter(|_| !said.line.left) {
            Some(head) => {
                let wait = head.confirming.clone().unwrap_or_default();
                store.waiting_for(user, &head.conversation, wait, &said.settings, now).await?
            }
            None => Vec::new(),
        };
        let shown = state(user, said, group.map(|info| info.name), mention_unread);
        let invitation = invitation.map(Box::new);
        conversations.push(ConversationState { invitation, confirm_seqs, ..shown });
    }
    let more = next.is_some();
    let cursor = next.map_or_else(|| cursor.finished(), |(Reverse(time), id)| cursor.continued((time, id)));
    Ok(ServerFrame::Delta(Delta { conversations, cursor, more, contacts }))
}

/// Fills lines in. One that says nothing, because its conversation is nowhere yet, is left out.
async fn said(
    store: &Store,
    user: &UserId,
    lines: Vec<Line>,
    mut heads: HashMap<ConversationId, HeadRow>,
) -> Result<Vec<Said>, StoreError> {
    let ids: Vec<ConversationId> = lines.iter().map(|line| line.conversation.clone()).collect();
    let unknown: Vec<ConversationId> = ids.iter().filter(|id| !heads.contains_key(*id)).cloned().collect();
    let rows = store.heads(&unknown).await?;
    heads.extend(unknown.into_iter().zip(rows).filter_map(|(id, row)| row.map(|row| (id, row))));
    let cursors = store.cursors(user, &ids).await?;
    let settings = store.settings(user, &ids).await?;
    let rest = cursors.into_iter().zip(settings);
    let said = lines.into_iter().zip(rest).map(|(line, (cursor, settings))| {
        let head = heads.remove(&line.conversation);
        Said { line, head, cursor, settings }
    });
    Ok(said.filter(|said| said.head.is_some() || said.line.own).collect())
}

fn state(user: &UserId, said: Said, name: Option<String>, mention_unread: u32) -> ConversationState {
    let Said { line, head, cursor, settings } = said;
    let (seq, counted) = head.as_ref().map_or((Seq::ZERO, 0), |head| (head.seq, head.counted));
    let retention_seconds = head.as_ref().map_or(0, |head| head.retention_seconds);
    // Who left learns nothing of what happened since: the head is as far as they had read.
    let (head_seq, unread) = match line.left {
        true => (cursor.read, 0),
        false => (seq, counted.saturating_sub(cursor.read_counted)),
    };
    let last = head.map(|head| head.last).filter(|_| !line.left);
    let time = last.as_ref().filter(|_| line.own).map_or(line.time.0, |last| last.time);
    ConversationState {
        peer: line.conversation.peer_of(user),
        conversation: line.conversation,
        head: head_seq,
        unread,
        read_seq: cursor.read,
        last: last.filter(|last| !settings.hides(last.seq)),
        name,
        time,
        left: line.left,
        settings: (settings.changed > Timestamp(0)).then(|| Box::new(settings)),
        mention_unread,
        retention_seconds,
        confirm_seqs: Vec::new(),
        invitation: None,
    }
}

/// How many unread entries of each conversation mention the user.
async fn mentions(
    store: &Store,
    user: &UserId,
    said: &[Said],
) -> Result<HashMap<ConversationId, u32>, StoreError> {
    let range = |said: &Said| -> Option<MentionRange> {
        let head = said.head.as_ref().filter(|_| !said.line.left)?;
        let unread = head.counted > said.cursor.read_counted;
        unread.then(|| (said.line.conversation.clone(), said.cursor.read, head.seq))
    };
    let ranges: Vec<MentionRange> = said.iter().filter_map(range).collect();
    let counts = store.count_mentions(user, &ranges, limits::MENTION_UNREAD_MAX).await?;
    let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    Ok(ranges.into_iter().zip(counts).map(|((id, ..), found)| (id, count(found))).collect())
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
    let own = store.changed_settings(user, cursor.since, max, cursor.before.clone()).await?;
    // Below the last row of a full answer there may be more rows: nothing below it belongs to this page.
    let full = |count: usize, last: Option<Place>| last.filter(|_| count == max);
    let rows_end = full(rows.len(), rows.last().map(|row| (Reverse(row.time), row.conversation.clone())));
    let own_end = full(own.len(), own.last().map(|(time, id)| (Reverse(*time), id.clone())));
    let end = rows_end.into_iter().chain(own_end).min();
    let mut lines: Vec<Line> = rows
        .into_iter()
        .filter(|row| row.left || !row.conversation.is_group())
        .map(|row| Line {
            time: Reverse(row.time),
            conversation: row.conversation,
            left: row.left,
            own: false,
        })
        .collect();
    let groups: HashSet<ConversationId> =
        store.groups_of(user).await?.iter().map(ConversationId::group).collect();
    let heads = group_lines(store, &groups, cursor, end.as_ref(), &mut lines).await?;
    lines.extend(own.into_iter().map(|(time, conversation)| {
        let left = conversation.is_group() && !groups.contains(&conversation);
        Line { time: Reverse(time), conversation, left, own: true }
    }));
    lines.retain(|line| end.as_ref().is_none_or(|(time, id)| (line.time, &line.conversation) <= (*time, id)));
    lines.sort_unstable();
    // The newest place of each is enough.
    let mut listed = HashSet::new();
    let mut places: Vec<Place> =
        lines.iter().map(|line| (line.time, line.conversation.clone())).take(max).collect();
    let cut = lines.len() > max;
    lines.truncate(max);
    lines.retain(|line| listed.insert(line.conversation.clone()));
    let next = if cut { places.pop() } else { end };
    Ok(Lines { lines, next, heads })
}

/// Adds the groups that changed and belong to this page, and gives their heads.
async fn group_lines(
    store: &Store,
    groups: &HashSet<ConversationId>,
    cursor: &SyncCursor,
    end: Option<&Place>,
    lines: &mut Vec<Line>,
) -> Result<HashMap<ConversationId, HeadRow>, StoreError> {
    let groups: Vec<ConversationId> = groups.iter().cloned().collect();
    let mut heads = HashMap::new();
    let begin = cursor.before.as_ref().map(|(time, id)| (Reverse(*time), id));
    let below = end.map(|(time, id)| (*time, id));
    for (id, row) in groups.iter().zip(store.heads(&groups).await?) {
        let Some(row) = row.filter(|row| row.last.time >= cursor.since) else { continue };
        let place = (Reverse(row.last.time), id);
        if begin.is_some_and(|begin| place <= begin) || below.is_some_and(|below| place > below) {
            continue;
        }
        // Joined again after it was left: the row of the leaving says nothing any more.
        lines.retain(|line| line.conversation != *id);
        lines.push(Line { time: place.0, conversation: id.clone(), left: false, own: false });
        heads.insert(id.clone(), row);
    }
    Ok(heads)
}
