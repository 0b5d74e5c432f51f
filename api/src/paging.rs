//! Lists are asked for page by page, all in the same way: `limit` and `cursor` in, `next_cursor` out.
//!
//! **Guarantees.** A cursor is opaque, and good for its own list alone. One that no list gave, or another list gave, is refused; the
//! refusal names the field. A page may be short, or empty, and not be the last: only `next_cursor: null` says that.

use std::fmt::Display;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::problem::Problem;

/// Items in a page whose reader named no limit, and at most.
pub(crate) const LIMIT_DEFAULT: usize = 50;
pub(crate) const LIMIT_MAX: usize = 200;

/// Which page of a list.
#[derive(Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Paging {
    /// `next_cursor` of the page before; everything else is asked as before.
    cursor: Option<String>,
    /// 1 to 200; 50 if absent.
    #[serde(alias = "page_size", alias = "pageSize")]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 200, example = 50)]
    limit: Option<String>,
}

/// Of what can be on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum List {
    Blocks,
    Confirmations,
    Conversations,
    FriendRequests,
    Friends,
    GroupInvitations,
    Groups,
    History,
    JoinRequests,
    Links,
    Members,
    MyInvitations,
    Readers,
    Sessions,
}

/// A part of a list.
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    /// For the next page; `None` at the end.
    pub(crate) next_cursor: Option<String>,
}

impl List {
    fn name(self) -> &'static str {
        match self {
            Self::Blocks => "blocks",
            Self::Confirmations => "confirmations",
            Self::Conversations => "conversations",
            Self::FriendRequests => "friend-requests",
            Self::Friends => "friends",
            Self::GroupInvitations => "group-invitations",
            Self::Groups => "groups",
            Self::History => "history",
            Self::JoinRequests => "join-requests",
            Self::Links => "links",
            Self::Members => "members",
            Self::MyInvitations => "invitations",
            Self::Readers => "readers",
            Self::Sessions => "sessions",
        }
    }

    /// What a client sends to go on behind this place.
    pub(crate) fn cursor(self, place: impl Display) -> String {
        URL_SAFE_NO_PAD.encode(format!("{} {place}", self.name()))
    }
}

impl Paging {
    /// How many items at most.
    pub(crate) fn limit(&self) -> Result<usize, Problem> {
        let Some(text) = &self.limit else { return Ok(LIMIT_DEFAULT) };
        let limit = text.parse().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit));
        limit.ok_or_else(|| {
            Problem::field("limit", format!("a whole number from 1 to {LIMIT_MAX} is required"))
        })
    }

    /// Of a list that does not go on.
    pub(crate) fn only_page(&self) -> Result<usize, Problem> {
        match self.cursor {
            Some(_) => Err(Problem::field("cursor", "this list does not go on")),
            None => self.limit(),
        }
    }

    /// The place behind which the page begins, as `read` understands it; `None` for the first page.
    pub(crate) fn after<T>(
        &self,
        list: List,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, Problem> {
        let Some(cursor) = &self.cursor else { return Ok(None) };
        let decoded = URL_SAFE_NO_PAD.decode(cursor).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let place = decoded.as_deref().and_then(|text| text.strip_prefix(list.name())?.strip_prefix(' '));
        let unknown = || Problem::field("cursor", "not the `next_cursor` of an earlier answer of this list");
        place.and_then(read).map(Some).ok_or_else(unknown)
    }

    /// The page of a list that is short enough to be at hand as a whole, in the order of its keys.
    pub(crate) fn page_of<T>(
        &self,
        list: List,
        items: impl IntoIterator<Item = T>,
        key: impl Fn(&T) -> String,
    ) -> Result<Page<T>, Problem> {
        let limit = self.limit()?;
        let after = self.after(list, |key| Some(key.to_owned()))?;
        let keyed = items.into_iter().map(|item| (key(&item), item));
        let mut keyed: Vec<(String, T)> =
            keyed.filter(|(key, _)| after.as_ref().is_none_or(|after| key > after)).collect();
        keyed.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        let more = keyed.len() > limit;
        keyed.truncate(limit);
        let next_cursor = keyed.last().filter(|_| more).map(|(key, _)| list.cursor(key));
        Ok(Page { items: keyed.into_iter().map(|(_, item)| item).collect(), next_cursor })
    }
}

/// A number as a part of a key: in the order of numbers.
pub(crate) fn rising(number: u64) -> String {
    format!("{number:020}")
}

/// The same, the largest first.
pub(crate) fn falling(number: u64) -> String {
    rising(u64::MAX - number)
}

#[cfg(test)]
mod tests {
    use super::{List, Paging, falling, rising};

    fn paging(cursor: Option<String>, limit: Option<&str>) -> Paging {
        Paging { cursor, limit: limit.map(str::to_owned) }
    }

    #[test]
    fn cursors_are_good_for_their_own_list_alone() {
        let read = |cursor: &str, list| {
            paging(Some(cursor.to_owned()), None).after(list, |text| Some(text.to_owned()))
        };
        let cursor = List::Friends.cursor("bob b");
        assert_eq!(read(&cursor, List::Friends).unwrap().as_deref(), Some("bob b"));
        assert!(read(&cursor, List::FriendRequests).is_err());
        for text in ["", "bob", "Zm9v", "====", "ZnJpZW5kcw"] {
            let refused = read(text, List::Friends).unwrap_err();
            assert!(refused.body().detail.starts_with("cursor: "), "{text:?}");
        }
        assert_eq!(paging(None, None).after(List::Friends, |_| Some(())).unwrap(), None);
    }

    #[test]
    fn limits_are_the_same_everywhere() {
        let limit = |text| paging(None, Some(text)).limit();
        assert_eq!((limit("1").unwrap(), limit("200").unwrap()), (1, 200));
        for text in ["0", "201", "-1", "x", "", "1.5"] {
            assert!(limit(text).unwrap_err().body().detail.starts_with("limit: "), "{text:?}");
        }
    }

    #[test]
    fn what_is_at_hand_comes_page_by_page_in_order() {
        let (mut seen, mut cursor) = (Vec::new(), None);
        loop {
            let page =
                paging(cursor, Some("2")).page_of(List::Links, [3, 10, 1, 7, 5], |n| rising(*n)).unwrap();
            assert!(page.items.len() <= 2);
            seen.extend(page.items);
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(seen, [1, 3, 5, 7, 10]);
        assert!(falling(2) < falling(1) && falling(10) < falling(9));
    }
}
