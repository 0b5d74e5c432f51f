//! The cursor of `sync`: what a client hands back to get only what changed.
//!
//! `1.<since>.<asof>.<before time>.<before conversation>`, times in hexadecimal Unix milliseconds. `since` is where
//! the listing that is under way begins, `asof` where the next one will, `before` the last line that was given (empty
//! when nothing is under way). Clients do not look inside.
//!
//! A listing begins [`SLACK_MS`] before the moment at which the last one was made: rows of the list are written up to
//! a flush later than they are stamped, by routers whose clocks may differ. A line may come twice; none is missed.

use proto::{ConversationId, Timestamp};

/// How far a listing reaches back behind its cursor.
pub const SLACK_MS: u64 = 60_000;
/// A cursor older than this starts again.
const OLDEST_MS: u64 = 90 * 24 * 60 * 60 * 1000;

/// Where a client stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncCursor {
    /// Everything that changed at or after this time is listed.
    pub since: Timestamp,
    /// When the first page of this listing was made.
    pub asof: Timestamp,
    /// The last line given; the next page begins below it.
    pub before: Option<(Timestamp, ConversationId)>,
}

impl SyncCursor {
    /// Reads a cursor. `None`: it is not one, or too old; the client starts again with an empty one.
    pub fn read(text: &str, now: Timestamp) -> Option<Self> {
        if text.is_empty() {
            return Some(Self { since: Timestamp(0), asof: now, before: None });
        }
        let mut parts = text.splitn(5, '.');
        let version = parts.next()?;
        let mut time = || u64::from_str_radix(parts.next()?, 16).ok().map(Timestamp);
        let (since, asof, before) = (time()?, time()?, time()?);
        let conversation = parts.next()?;
        if version != "1" || asof > now.plus_ms(SLACK_MS) || asof.plus_ms(OLDEST_MS) < now {
            return None;
        }
        if conversation.is_empty() {
            return Some(Self { since: asof.minus_ms(SLACK_MS), asof: now, before: None });
        }
        let conversation = ConversationId::parse(conversation).ok()?;
        Some(Self { since, asof, before: Some((before, conversation)) })
    }

    /// The cursor that continues below `last`.
    pub fn continued(&self, last: (Timestamp, ConversationId)) -> String {
        format!("1.{:x}.{:x}.{:x}.{}", self.since.0, self.asof.0, last.0.0, last.1)
    }

    /// The cursor after the last page.
    pub fn finished(&self) -> String {
        format!("1.{:x}.{:x}.0.", self.since.0, self.asof.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_790_000_000_000);

    #[test]
    fn an_empty_cursor_lists_everything() {
        let cursor = SyncCursor::read("", NOW).unwrap();
        assert_eq!((cursor.since, cursor.before), (Timestamp(0), None));
    }

    #[test]
    fn a_finished_listing_continues_from_its_first_page_with_slack() {
        let text = SyncCursor::read("", NOW).unwrap().finished();
        let next = SyncCursor::read(&text, NOW.plus_ms(5_000)).unwrap();
        assert_eq!(next.since, NOW.minus_ms(SLACK_MS));
        assert_eq!(next.asof, NOW.plus_ms(5_000));
    }

    #[test]
    fn a_page_continues_below_its_last_line() {
        let last = (Timestamp(77), ConversationId::parse("d.alice.bob").unwrap());
        let text = SyncCursor::read("", NOW).unwrap().continued(last.clone());
        let next = SyncCursor::read(&text, NOW.plus_ms(5)).unwrap();
        assert_eq!((next.since, next.asof, next.before), (Timestamp(0), NOW, Some(last)));
    }

    #[test]
    fn what_is_no_cursor_or_too_old_starts_again() {
        let old = SyncCursor { since: NOW, asof: NOW, before: None }.finished();
        assert_eq!(SyncCursor::read(&old, NOW.plus_ms(OLDEST_MS + 1)), None);
        assert_eq!(SyncCursor::read(&old, NOW.minus_ms(SLACK_MS + 1)), None, "from the future");
        for text in ["x", "1", "1.2.3", "2.0.0.0.", "1.zz.0.0.", "1.0.0.0.nonsense"] {
            assert_eq!(SyncCursor::read(text, NOW), None, "{text}");
        }
    }
}
