//! Pages of hot conversations, kept in memory in front of an engine.
//!
//! ```text
//! page ─► kept? ─► answer
//!           └ no ─► read the missing seqs, up to whole blocks, once for all who wait ─► keep ─► answer
//! append ─► verified ─► follows what is kept
//! ```
//!
//! **Guarantees.** What is kept never changes, so it is never stale: an entry at or below a told head is settled for
//! ever (FENCE D1), and only such entries are kept, until their bucket is dropped. A page is never past the head it was asked with. Of several callers
//! who miss the same entries, one read serves all.
//!
//! **Does not** keep what nobody reads: an append only follows what a reader brought in. Does not answer very long
//! ranges, which would push everything else out: those go to the engine.
//!
//! **Limits.** About `bytes_max`; half of it is given up at a time.

mod blocks;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::ops::RangeInclusive;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt as _;
use futures_util::future::{Shared, WeakShared};
use hashbrown::HashMap;
use proto::{ConversationId, Entry, Seq};

use self::blocks::{Blocks, last_of, number_of};
use crate::metrics::PageMetrics;
use crate::{Batch, PageRange, StoreError, Verified};

/// A page of more entries is the engine's.
const PAGE_ENTRIES_MAX: u64 = 256;
/// The most bytes of bodies in one read of the engine; it gives at least one entry all the same.
const READ_BYTES_MAX: usize = 1 << 20;
/// Reads for one page before the engine is asked for the page as it is.
const READS_MAX: usize = 16;
/// Appends that wait for their check; more are not followed.
const PENDING_MAX: usize = 10_000;

/// Reads by name before those that ended without an answer are swept out.
const READS_NAMED_MAX: usize = 1_024;

type Read = Pin<Box<dyn Future<Output = Result<Arc<Vec<Entry>>, StoreError>> + Send>>;

/// See the module.
pub(crate) struct Cache {
    inner: Mutex<Inner>,
    metrics: PageMetrics,
}

struct Inner {
    blocks: Blocks,
    /// Reads under way, by the log and the first seq that they read. They live as long as somebody waits.
    reads: HashMap<(ConversationId, Seq), WeakShared<Read>>,
    /// Durable, and not verified yet.
    pending: HashMap<ConversationId, Arc<Batch>>,
}

impl Cache {
    pub(crate) fn new(bytes_max: usize) -> Self {
        let (reads, pending) = (HashMap::new(), HashMap::new());
        let inner = Mutex::new(Inner { blocks: Blocks::new(bytes_max), reads, pending });
        Self { inner, metrics: PageMetrics::new() }
    }

    /// A page, from memory where possible; `read` asks the engine.
    pub(crate) async fn page<F>(
        &self,
        conversation: &ConversationId,
        range: PageRange,
        read: impl Fn(PageRange) -> F,
    ) -> Result<Vec<Entry>, StoreError>
    where
        F: Future<Output = Result<Vec<Entry>, StoreError>> + Send + 'static,
    {
        let Some(span) = span_of(&range) else { return Ok(Vec::new()) };
        if span.1.0 - span.0.0 >= PAGE_ENTRIES_MAX {
            self.metrics.misses.increment(1);
            return read(range).await;
        }
        let (mut found, mut from) = (Vec::new(), span.0);
        for attempt in 0..READS_MAX {
            let missing = self.lock().blocks.gather(conversation, (from, span.1), &mut found);
            if attempt == 0 {
                let counter = if missing.is_ok() { &self.metrics.hits } else { &self.metrics.misses };
                counter.increment(1);
            }
            let Err(missing) = missing else { return Ok(cut(found, &range)) };
            let to = last_of(number_of(span.1)).min(range.head);
            let wanted = PageRange {
                from: missing,
                to,
                limit: usize::MAX,
                bytes: READ_BYTES_MAX,
                backwards: false,
                head: range.head,
            };
            let entries = self.read_once(conversation, missing, || read(wanted)).await?;
            // Nothing is there: a part of the log that was dropped, or an engine that knows no such log.
            let Some(last) = entries.last().map(|last| last.seq) else { break };
            {
                let mut inner = self.lock();
                inner.blocks.insert(conversation, (missing, last), &entries);
                #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
                self.metrics.bytes.set(inner.blocks.bytes() as f64);
            }
            // A read begins where its block does: what is before the page is only kept.
            let start = entries.partition_point(|entry| entry.seq < from.max(missing));
            let end = entries.partition_point(|entry| entry.seq <= span.1);
            found.extend_from_slice(entries.get(start..end).unwrap_or_default());
            if last >= span.1 {
                return Ok(cut(found, &range));
            }
            from = from.max(last.next());
        }
        read(range).await
    }

    /// An append is durable: if it follows what is kept, it will be kept once it is verified.
    pub(crate) fn appended(&self, batch: &Arc<Batch>) {
        let Some(first) = batch.entries.first() else { return };
        let mut inner = self.lock();
        if inner.pending.len() < PENDING_MAX && inner.blocks.ends_before(&batch.conversation, first.seq) {
            inner.pending.insert(batch.conversation.clone(), Arc::clone(batch));
        }
    }

    /// What was verified may be shown, and stays for ever.
    pub(crate) fn verified(&self, verified: &Verified) {
        let mut inner = self.lock();
        if inner.pending.is_empty() {
            return;
        }
        for (conversation, epoch, upto) in verified.iter() {
            let is_covered = |batch: &Arc<Batch>| {
                batch.epoch == epoch && batch.entries.last().is_some_and(|last| last.seq <= upto)
            };
            if !inner.pending.get(conversation).is_some_and(is_covered) {
                continue;
            }
            let Some(batch) = inner.pending.remove(conversation) else { continue };
            let (Some(first), Some(last)) = (batch.entries.first(), batch.entries.last()) else { continue };
            if inner.blocks.ends_before(conversation, first.seq) {
                inner.blocks.insert(conversation, (first.seq, last.seq), &batch.entries);
            }
        }
    }

    /// Whoever appended is fenced: what waits for a check was never told.
    pub(crate) fn fenced(&self) {
        self.lock().pending.clear();
    }

    /// What is kept of these entries is of a dropped bucket.
    pub(crate) fn forget(&self, conversation: &ConversationId, seqs: RangeInclusive<Seq>) {
        self.lock().blocks.forget(conversation, seqs);
    }

    /// Joins a read of the same entries, or begins one.
    async fn read_once<F>(
        &self,
        conversation: &ConversationId,
        from: Seq,
        read: impl FnOnce() -> F,
    ) -> Result<Arc<Vec<Entry>>, StoreError>
    where
        F: Future<Output = Result<Vec<Entry>, StoreError>> + Send + 'static,
    {
        let key = (conversation.clone(), from);
        let shared: Shared<Read> = {
            let mut inner = self.lock();
            match inner.reads.get(&key).and_then(WeakShared::upgrade) {
                Some(under_way) => {
                    self.metrics.shared.increment(1);
                    under_way
                }
                None => {
                    if inner.reads.len() >= READS_NAMED_MAX {
                        // Those whose callers all went away before the answer came.
                        inner.reads.retain(|_, read| read.upgrade().is_some());
                    }
                    let read: Read = Box::pin(read().map(|read| read.map(Arc::new)));
                    let shared = read.shared();
                    if let Some(weak) = shared.downgrade() {
                        inner.reads.insert(key.clone(), weak);
                    }
                    shared
                }
            }
        };
        let answer = shared.await;
        let mut inner = self.lock();
        // The next who misses begins a read of its own.
        if inner.reads.get(&key).is_some_and(|read| read.upgrade().is_none_or(|read| read.peek().is_some())) {
            inner.reads.remove(&key);
        }
        answer
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The seqs that a page can show, as far as its limit says; `None` for none.
fn span_of(range: &PageRange) -> Option<(Seq, Seq)> {
    let (from, to) = (range.from.max(Seq(1)), range.to.min(range.head));
    if range.limit == 0 || from > to {
        return None;
    }
    let more = u64::try_from(range.limit - 1).unwrap_or(u64::MAX);
    Some(if range.backwards {
        (from.max(Seq(to.0.saturating_sub(more))), to)
    } else {
        (from, to.min(Seq(from.0.saturating_add(more))))
    })
}

/// As much of a span as the page takes, from its newer or older end.
fn cut(mut found: Vec<Entry>, range: &PageRange) -> Vec<Entry> {
    let mut bytes = 0;
    let mut fits = |entry: &Entry| {
        let first = bytes == 0;
        bytes += entry.body.encoded().len();
        bytes <= range.bytes || first
    };
    if range.backwards {
        let kept = found.iter().rev().take_while(|entry| fits(entry)).count();
        found.drain(..found.len() - kept);
    } else {
        let kept = found.iter().take_while(|entry| fits(entry)).count();
        found.truncate(kept);
    }
    found
}
