//! The conversation list of a user, page by page, newest first.
//!
//! Small conversations have an inbox row for each user, which says when they changed. A group with more members than
//! [`INBOX_MEMBERS_MAX`] has none that is kept up; its place comes from its head instead. What a line then shows (newest
//! entry, unread) is asked from the owners of the conversations, so it is exact.

use std::cmp::Reverse;
use std::fmt;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use hashbrown::HashMap;
use proto::limits::INBOX_MEMBERS_MAX;
use proto::{ConversationId, ConversationKind, GroupId, Timestamp, UserId};
use store::GroupInfo;

use crate::Shared;
use crate::problem::Problem;

/// Rounds over the inbox for one page; each round may find nothing but conversations that the user left.
const ROUNDS_MAX: usize = 16;
/// Accounts that are read from the store at the same time.
const READS_AT_ONCE: usize = 16;

/// A place in the list: behind the conversation that changed at this time. Newest first, then by id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) time: Reverse<Timestamp>,
    pub(crate) conversation: ConversationId,
}

/// The places of one page, and the groups of the user that were read on the way.
pub(crate) struct Places {
    pub(crate) page: Vec<Place>,
    pub(crate) more: bool,
    groups: HashMap<GroupId, GroupInfo>,
}

impl Place {
    pub(crate) fn new(time: Timestamp, conversation: ConversationId) -> Self {
        Self { time: Reverse(time), conversation }
    }

    /// As [`std::fmt::Display`] writes it.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (time, conversation) = text.split_once(' ')?;
        Some(Self::new(Timestamp(time.parse().ok()?), ConversationId::parse(conversation).ok()?))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.time.0.0, self.conversation)
    }
}

impl Shared {
    /// The `limit` places behind `after`.
    pub(crate) async fn places(
        &self,
        user: &UserId,
        after: Option<Place>,
        limit: usize,
    ) -> Result<Places, Problem> {
        let groups: HashMap<GroupId, GroupInfo> =
            self.groups_of(user).await?.into_iter().map(|info| (info.group.clone(), info)).collect();
        let mut large = self.large(&groups).await?;
        let is_large = |id: &ConversationId| large.iter().any(|place| place.conversation == *id);
        let mut page = self.small(user, after.as_ref(), limit, is_large).await?;
        large.retain(|place| after.as_ref().is_none_or(|after| place > after));
        page.append(&mut large);
        page.sort_unstable();
        let more = page.len() > limit;
        page.truncate(limit);
        Ok(Places { page, more, groups })
    }

    /// More than `limit` places from the inbox, if there are more.
    async fn small(
        &self,
        user: &UserId,
        after: Option<&Place>,
        limit: usize,
        is_large: impl Fn(&ConversationId) -> bool,
    ) -> Result<Vec<Place>, Problem> {
        let mut places = Vec::new();
        let mut before = after.map(|place| (place.time.0, place.conversation.clone()));
        for _ in 0..ROUNDS_MAX {
            let rows = self.store.inbox(user, Timestamp(0), limit + 1, before).await?;
            let ended = rows.len() <= limit;
            before = rows.last().map(|row| (row.time, row.conversation.clone()));
            // Contacts have lines of their own.
            let is_line = |row: &store::InboxRow| !row.left && !row.conversation.is_pair();
            let wanted = rows.into_iter().filter(|row| is_line(row) && !is_large(&row.conversation));
            places.extend(wanted.map(|row| Place::new(row.time, row.conversation)));
            if ended || places.len() > limit {
                break;
            }
        }
        Ok(places)
    }

    /// The places of groups that are too large for inbox rows.
    async fn large(&self, groups: &HashMap<GroupId, GroupInfo>) -> Result<Vec<Place>, Problem> {
        let large = groups.values().filter(|info| info.members as usize > INBOX_MEMBERS_MAX);
        let large: Vec<&GroupInfo> = large.collect();
        if large.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<_> = large.iter().map(|info| ConversationId::group(&info.group)).collect();
        let heads = self.store.heads(&ids).await?;
        let placed = ids
            .into_iter()
            .zip(heads)
            .zip(large)
            .map(|((id, head), info)| Place::new(head.map_or(info.created, |head| head.last.time), id));
        Ok(placed.collect())
    }

    /// What to call each conversation: the name of the group, or the nickname of the other user if there is one.
    pub(crate) async fn names(&self, user: &UserId, places: &Places) -> Result<Vec<Option<String>>, Problem> {
        let name = |place: &Place| {
            let kind = place.conversation.kind();
            let peer = place.conversation.peer_of(user);
            async move {
                match (kind, peer) {
                    (ConversationKind::Group(group), _) => match places.groups.get(&group) {
                        Some(info) => Ok(Some(info.name.clone())),
                        None => Ok(self.store.group(&group).await?.map(|info| info.name)),
                    },
                    (ConversationKind::Direct(..) | ConversationKind::Pair(..), Some(peer)) => {
                        Ok(self.store.account(&peer).await?.map(|account| account.nickname))
                    }
                    (ConversationKind::Direct(..) | ConversationKind::Pair(..), None) => Ok(None),
                }
            }
        };
        let names: Vec<_> = places.page.iter().map(name).collect();
        stream::iter(names).buffered(READS_AT_ONCE).try_collect().await
    }
}

#[cfg(test)]
mod tests {
    use super::{ConversationId, Place, Timestamp};

    #[test]
    fn places_round_trip_and_others_are_none() {
        let place = Place::new(Timestamp(7), ConversationId::parse("g.team").unwrap());
        assert_eq!(Place::parse(&place.to_string()).unwrap(), place);
        for text in ["", "x", "7", "7 ", "x g.team", "7 g.team g.team"] {
            assert!(Place::parse(text).is_none(), "{text:?}");
        }
    }

    #[test]
    fn newest_first_then_by_id() {
        let place = |time, id| Place::new(Timestamp(time), ConversationId::parse(id).unwrap());
        let mut places = vec![place(1, "g.a"), place(3, "g.b"), place(2, "g.c"), place(3, "g.a")];
        places.sort_unstable();
        assert_eq!(places, [place(3, "g.a"), place(3, "g.b"), place(2, "g.c"), place(1, "g.a")]);
    }
}
