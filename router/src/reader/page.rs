//! Pages: which part of a log a fetch gets.

use proto::client_frame::Fetch;
use proto::server_frame::Page;
use proto::settings::Settings;
use proto::{Entry, Seq, Timestamp, UserId, limits};
use store::mutation::{self, Mutation};
use store::{PageRange, Store, StoreError};

use super::{overlays, private};
use crate::conversation::{Fresh, View};
use crate::rules::lifetime::Moment;

/// The interval a fetch means, within what the reader may see; `to < from` when there is none of it.
pub fn interval(fetch: &Fetch, view: View) -> (Seq, Seq) {
    let from = fetch.from.max(view.floor).max(Seq(1));
    if mutation::is(Mutation::UnboundedReader) {
        return (from, if fetch.to == Seq::ZERO { Seq(u64::MAX / 2) } else { fetch.to });
    }
    let to = if fetch.to == Seq::ZERO { view.head } else { fetch.to.min(view.head) };
    (from, to)
}

/// How many entries a fetch gets at most.
pub fn limit(fetch: &Fetch) -> usize {
    match usize::try_from(fetch.limit).unwrap_or(usize::MAX) {
        0 => limits::PAGE_ENTRIES_DEFAULT,
        limit => limit.min(limits::PAGE_ENTRIES_MAX),
    }
}

/// The page with the entries that were found; it covers as much of the interval as they do.
pub fn of(fetch: &Fetch, (from, to): (Seq, Seq), entries: Vec<Entry>, head: Seq) -> Page {
    let conversation = fetch.conversation.clone();
    let (from, to) = match (entries.first(), entries.last()) {
        _ if to < from => (from, Seq(from.0.saturating_sub(1))),
        (Some(first), Some(_)) if fetch.backwards => (first.seq, to),
        (Some(_), Some(last)) => (from, last.seq),
        _ => (from, to),
    };
    Page { conversation, from, to, entries, head, overlays: Vec::new() }
}

/// Reads the page of a fetch.
pub async fn read(
    store: &Store,
    fetch: &Fetch,
    view: View,
    fresh: &Fresh,
    (reader, own): (&UserId, &Settings),
    moment: Moment,
) -> Result<Page, StoreError> {
    let view = private::narrowed(view, own);
    let mut interval = interval(fetch, view);
    let mut entries = entries(store, fetch, interval, view.head).await?;
    let oldest = moment.oldest(view.retention_seconds);
    if oldest > Timestamp(0) && entries.first().is_none_or(|first| first.time < oldest) {
        // It begins with what is no longer kept, which may be long: the page begins after it.
        let floor = store.seq_at(&fetch.conversation, oldest, view.head).await?;
        interval.0 = interval.0.max(floor);
        entries.retain(|entry| entry.seq >= floor);
        if !fetch.backwards {
            entries = self::entries(store, fetch, interval, view.head).await?;
        }
        // Where clocks differed, times do not rise with seqs.
        entries.retain(|entry| entry.time >= oldest);
    }
    let mut page = of(fetch, interval, entries, view.head);
    page.overlays =
        overlays::lay_over(store, &fetch.conversation, &mut page.entries, view, fresh, reader).await?;
    private::leave_out(own, &mut page.entries, &mut page.overlays);
    Ok(page)
}

async fn entries(
    store: &Store,
    fetch: &Fetch,
    (from, to): (Seq, Seq),
    head: Seq,
) -> Result<Vec<Entry>, StoreError> {
    if to < from {
        return Ok(Vec::new());
    }
    let (limit, bytes, backwards) = (limit(fetch), limits::PAGE_BYTES_MAX, fetch.backwards);
    store.page(&fetch.conversation, PageRange { from, to, limit, bytes, backwards, head }).await
}
