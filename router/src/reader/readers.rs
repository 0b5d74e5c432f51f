//! Who has received and read a message: by the cursors of members, page by page, whatever the size of the group.

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use proto::client_frame::ReadersOf;
use proto::server_frame::{Reader, Readers};
use proto::settings::Settings;
use proto::{Code, ConversationKind, Entry, GroupId, Seq, UserId, limits};
use store::{Member, Store, StoreError};

use super::{Refused, private};
use crate::conversation::{Fresh, View};
use crate::rules::lifetime::Moment;
use crate::worker::ops;
use crate::worker::overlays::state;

const READS_AT_ONCE: usize = 16;

/// A page of those who were there when a message was sent, but its sender. Cursors may be some seconds behind.
pub async fn of(store: &Store, of: &ReadersOf, entry: &Entry) -> Result<Readers, Refused> {
    let (users, next) = readers(store, of, entry).await?;
    let one = |user: UserId| async move {
        let cursor = store.cursor(&user, &of.conversation).await?;
        let delivered = cursor.delivered.max(cursor.read) >= of.seq;
        Ok::<_, StoreError>(Reader { user, delivered, read: cursor.read >= of.seq })
    };
    let readers = stream::iter(users.into_iter().map(one)).buffered(READS_AT_ONCE).try_collect().await?;
    Ok(Readers { conversation: of.conversation.clone(), seq: of.seq, readers, next })
}

/// The message, unless it is gone for the asker or by itself, was recalled, or is a change of another.
pub async fn message(
    store: &Store,
    of: &ReadersOf,
    view: View,
    (own, fresh): (&Settings, &Fresh),
    moment: Moment,
) -> Result<Entry, Refused> {
    let (floor, oldest) = (private::narrowed(view, own).floor, moment.oldest(view.retention_seconds));
    let seen = (floor.max(Seq(1))..=view.head).contains(&of.seq) && !own.hides(of.seq);
    let found = match seen {
        true => ops::entry(store, &of.conversation, of.seq, view.head).await?,
        false => None,
    };
    let entry = found
        .filter(|entry| entry.body.as_change().is_none() && entry.time >= oldest)
        .ok_or(Refused::Rule(Code::NotFound, "there is no such message"))?;
    let is_recalled = match fresh.state(of.seq) {
        Some(state) => state.shown.recalled.is_some(),
        None => state(store, &of.conversation, of.seq).await?.shown.recalled.is_some(),
    };
    if is_recalled {
        return Err(Refused::Rule(Code::Recalled, "the message was recalled"));
    }
    if entry.body.is_expired_at(moment.now) {
        return Err(Refused::Rule(Code::Expired, "the message has expired"));
    }
    Ok(entry)
}

/// Those of the next members who were there, but the sender; and where the next page begins.
async fn readers(
    store: &Store,
    of: &ReadersOf,
    entry: &Entry,
) -> Result<(Vec<UserId>, Option<UserId>), StoreError> {
    let ConversationKind::Group(group) = of.conversation.kind() else {
        let peer = of.conversation.peer_of(&entry.sender).filter(|peer| *peer != entry.sender);
        let peer = peer.filter(|peer| of.after.as_ref().is_none_or(|after| peer > after));
        return Ok((peer.into_iter().collect(), None));
    };
    let (members, next) = page_of_members(store, &group, of).await?;
    let was_there = |member: &Member| member.user != entry.sender && member.joined_at <= entry.time;
    Ok((members.into_iter().filter(was_there).map(|member| member.user).collect(), next))
}

/// The next members, and where the next page begins.
pub async fn page_of_members(
    store: &Store,
    group: &GroupId,
    of: &ReadersOf,
) -> Result<(Vec<Member>, Option<UserId>), StoreError> {
    let limit = match usize::try_from(of.limit).unwrap_or(usize::MAX) {
        0 => limits::READERS_DEFAULT,
        limit => limit.min(limits::READERS_MAX),
    };
    let mut members = store.members(group, of.after.clone(), limit + 1).await?;
    let more = members.len() > limit;
    members.truncate(limit);
    let next = members.last().filter(|_| more).map(|member| member.user.clone());
    Ok((members, next))
}
