//! Which seqs are in which bucket: the register's bucket and the index rows of those that were left (FENCE D1).

use std::ops::ControlFlow;

use proto::{ConversationId, Entry, Seq};

use super::entry_row::{decode_entry, entries_prefix, place};
use super::register::{read_index, read_register};
use super::{Bucket, Register};
use crate::StoreError;
use crate::engine::view::{Direction, after_prefix};
use crate::engine::{Reader, Table, View};
use crate::mutation::{self, Mutation};

/// One bucket and the seqs it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) bucket: Bucket,
    pub(crate) first: Seq,
    /// Included; never past the told head.
    pub(crate) last: Seq,
}

/// The buckets of a log in rising order, as far as `head`.
pub(super) fn segments(
    view: &dyn View,
    conversation: &ConversationId,
    head: Seq,
) -> Result<Vec<Segment>, StoreError> {
    // The register first: the index then has every bucket before the register's.
    let Some(register) = read_register(view, conversation)? else { return Ok(Vec::new()) };
    Ok(segments_of(&register, read_index(view, conversation)?, head))
}

/// The same from a register and an index that was read after it, newest first.
pub(crate) fn segments_of(register: &Register, index: Vec<(Bucket, Seq)>, head: Seq) -> Vec<Segment> {
    let mut newest_first = vec![(register.bucket, register.bucket_first)];
    newest_first.extend(index.into_iter().filter(|(bucket, _)| *bucket < register.bucket));
    let mut last = head;
    let mut segments = Vec::with_capacity(newest_first.len());
    for (bucket, first) in newest_first {
        if first <= last {
            segments.push(Segment { bucket, first, last });
            last = Seq(first.0.saturating_sub(1));
        }
    }
    segments.reverse();
    segments
}

/// The last seq in the newest bucket of a log, told or not; zero if there is none.
pub(crate) fn last_seq(view: &dyn View, conversation: &ConversationId) -> Result<Seq, StoreError> {
    let Some(register) = read_register(view, conversation)? else { return Ok(Seq::ZERO) };
    let prefix = entries_prefix(conversation, register.bucket);
    let mut last = Seq::ZERO;
    view.scan(Table::Log, &prefix, &after_prefix(&prefix), Direction::Backward, &mut |key, _| {
        last = place(key, prefix.len())?.0;
        Ok(ControlFlow::Break(()))
    })?;
    Ok(last)
}

/// Gives the winning entries (highest epoch per seq) of `from..=to` in one bucket to `on_entry`, in either direction,
/// until it breaks.
pub(super) fn winners(
    view: &dyn View,
    conversation: &ConversationId,
    bucket: Bucket,
    (from, to): (Seq, Seq),
    direction: Direction,
    on_entry: &mut dyn FnMut(Entry) -> ControlFlow<()>,
) -> Result<(), StoreError> {
    let prefix = entries_prefix(conversation, bucket);
    let (start, end) = (prefix.clone().u64(from.0), prefix.clone().u64(to.0 + 1));
    let mut held: Option<(Seq, bytes::Bytes)> = None;
    let mut stopped = false;
    view.scan(Table::Log, &start, &end, direction, &mut |key, value| {
        let (seq, _) = place(key, prefix.len())?;
        // Falling epochs within a seq when going forward, rising when going backward.
        match (&held, direction) {
            (Some((last, _)), _) if *last == seq => {
                if (direction == Direction::Forward) != mutation::is(Mutation::LowestEpochWins) {
                    return Ok(ControlFlow::Continue(()));
                }
            }
            _ => {
                if let Some(entry) = release(&mut held)?
                    && on_entry(entry).is_break()
                {
                    stopped = true;
                    return Ok(ControlFlow::Break(()));
                }
            }
        }
        held = Some((seq, value.clone()));
        Ok(ControlFlow::Continue(()))
    })?;
    if !stopped && let Some(entry) = release(&mut held)? {
        let _ = on_entry(entry);
    }
    Ok(())
}

/// The winning entry of one seq.
pub(super) fn winner(
    view: &dyn View,
    conversation: &ConversationId,
    bucket: Bucket,
    seq: Seq,
) -> Result<Option<Entry>, StoreError> {
    let mut found = None;
    winners(view, conversation, bucket, (seq, seq), Direction::Forward, &mut |entry| {
        found = Some(entry);
        ControlFlow::Break(())
    })?;
    Ok(found)
}

fn release(held: &mut Option<(Seq, bytes::Bytes)>) -> Result<Option<Entry>, StoreError> {
    held.take().map(|(seq, value)| decode_entry(seq, &mut Reader::new("entry", value))).transpose()
}
