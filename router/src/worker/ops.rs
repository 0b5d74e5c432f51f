//! What a worker has asked of the store, as futures that end in an answer.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use proto::{ConversationId, Delivery, Entry, Partition, Seq, UserId, limits};
use store::{
    Cas, Confirming, IncarnationId, LeaseError, Ownership, PageRange, People, Relation, SettingsEdit, Store,
    StoreError, Verified, VerifyError, WorkerLease,
};

use super::overlays;
use super::table::Key;
use crate::conversation::Flush;
use crate::rules::contacts::Regard;
use crate::rules::membership;
use crate::turn::{LookUp, Outcome, Recovered, Work};

/// The answer to something that was asked.
pub enum Done {
    /// For one conversation.
    Conversation(Key, Outcome),
    /// The check that was in flight.
    Verified(Result<Verified, VerifyError>),
    /// Projections were written, or not.
    Flushed(Vec<Key>, Result<(), StoreError>),
    /// A read was answered.
    Answered(Vec<Delivery>),
    /// A read of messages was answered. The user sees every entry, if nothing private changed since there were so many changes.
    Looked(Key, Option<(UserId, u64)>, Vec<Delivery>),
    /// A read cursor was moved, by whom and where to; or it was refused.
    Read(Key, Option<(UserId, Seq)>, Vec<Delivery>),
    /// A change that a user made for themselves was answered.
    Private(UserId, ConversationId, Vec<Delivery>),
    /// All owner rows.
    Owners(Result<Vec<(Partition, Ownership)>, StoreError>),
    /// The owner row of a partition.
    Owner(Partition, Result<Ownership, StoreError>),
    /// A fence, for the partitions whose claims wait for it.
    Fenced(Vec<Partition>, Result<(), StoreError>),
    /// A claim.
    Claimed(Partition, Cas<Ownership>),
    /// The bus brings no more commands of these.
    Closed(Vec<Partition>),
    /// A release.
    Released(Partition, Cas<Ownership>),
    /// What a dead owner may have left.
    Touched(Partition, Result<Vec<ConversationId>, StoreError>),
    /// Some conversations were looked at for what is old: where the next look begins, if there are more, and how many buckets
    /// went.
    Swept(Option<ConversationId>, Result<usize, StoreError>),
    /// The lease of the worker number was renewed, or not.
    Leased(Result<WorkerLease, LeaseError>),
}

/// A future on the worker's own thread.
pub type Op = Pin<Box<dyn Future<Output = Done>>>;

/// Members read at once.
const MEMBERS_PAGE: usize = 1_000;

/// Carries out what a conversation wants. `Work::Verify` is not for here: checks are shared.
pub fn perform(store: &Store, key: Key, id: &ConversationId, work: Work) -> Op {
    let store = store.clone();
    if let Work::Append(batch) = work {
        return Box::pin(
            async move { Done::Conversation(key, Outcome::Appended(store.append(batch).await)) },
        );
    }
    let id = id.clone();
    Box::pin(async move {
        let outcome = match work {
            Work::ReadRegister(level) => Outcome::Register(store.register(&id, level).await),
            Work::ReadTail { bucket, seqs } => Outcome::Tail(store.bucket_tail(&id, bucket, seqs).await),
            Work::Rewrite(batch) | Work::Append(batch) => Outcome::Rewritten(store.append(batch).await),
            Work::MoveRegister { expected, new } => {
                Outcome::Moved(store.move_register(&id, expected, new).await)
            }
            Work::WriteIndex { bucket, first } => {
                Outcome::Indexed(store.write_index(&id, bucket, first).await)
            }
            Work::ReadPair => Outcome::Pair(regard(&store, &id).await),
            Work::ReadConfirms(listed) => Outcome::Confirms(confirms(&store, &id, listed).await),
            Work::LookUp(asked) => Outcome::LookedUp(asked, look_up(&store, &id, asked).await),
            Work::Recover { head, held_from } => {
                Outcome::Recovered(Box::pin(recover(&store, &id, head, held_from)).await)
            }
            Work::ReadTarget { target, head, generation } => Outcome::Target(
                target,
                generation,
                Box::pin(overlays::target(&store, &id, target, head)).await,
            ),
            Work::ReadEntry { seq, head } => Outcome::Entry(seq, entry(&store, &id, seq, head).await),
            Work::Verify(durable) => Outcome::Appended(Ok(durable)),
        };
        Done::Conversation(key, outcome)
    })
}

/// One told entry.
pub async fn entry(
    store: &Store,
    id: &ConversationId,
    seq: Seq,
    head: Seq,
) -> Result<Option<Entry>, StoreError> {
    let range = PageRange { from: seq, to: seq, limit: 1, bytes: usize::MAX, backwards: false, head };
    Ok(store.page(id, range).await?.into_iter().find(|entry| entry.seq == seq))
}

/// A4: reads the dedupe rows of the buckets that the age reaches; a row counts only if its seq is told and the entry
/// that wins that seq has this id.
async fn look_up(store: &Store, id: &ConversationId, asked: LookUp) -> Result<Option<Entry>, StoreError> {
    let left = store.index(id).await?;
    let mut buckets = vec![asked.bucket];
    buckets.extend(crate::rules::reach::buckets_to_read(&left, asked.oldest));
    for bucket in buckets {
        for (_, seq) in store.dedupe(id, bucket, asked.id).await? {
            if seq > asked.head {
                continue;
            }
            if let Some(entry) = entry(store, id, seq, asked.head).await?
                && entry.client_message_id == asked.id
            {
                return Ok(Some(entry));
            }
        }
    }
    Ok(None)
}

/// The projections of a conversation, and the entries up to its told head that they lack.
async fn recover(
    store: &Store,
    id: &ConversationId,
    head: Seq,
    held_from: Option<Seq>,
) -> Result<Box<Recovered>, StoreError> {
    // The head row first: it is written after the group it stands for, so what is read after it lacks nothing up to it. In
    // the other order, a write of a fenced owner that arrives in between hides a change of members for ever.
    let head_row = store.heads(std::slice::from_ref(id)).await?.pop().flatten();
    let mut recovered = Recovered { head: head_row, ..Recovered::default() };
    if let proto::ConversationKind::Group(group) = id.kind()
        && let Some(info) = store.group(&group).await?
    {
        let mut members = Vec::new();
        loop {
            let after = members.last().map(|member: &store::Member| member.user.clone());
            let page = store.members(&group, after, MEMBERS_PAGE).await?;
            let is_last = page.len() < MEMBERS_PAGE;
            members.extend(page);
            if is_last {
                break;
            }
        }
        let since = info.settings.changed_since;
        if held_from.is_some_and(|from| Seq::ZERO < since && since < from) {
            let upto = info.watermark.min(head);
            recovered.moved = told(store, id, since, upto, |entry| membership::whom_it_moves(&entry)).await?;
        }
        recovered.group = Some((info, members));
    }
    if let proto::ConversationKind::Pair(one, other) = id.kind() {
        recovered.relations = relations(store, &one, &other).await?;
    }
    let from = recovered.head.as_ref().map_or(Seq(1), |row| row.seq.next());
    recovered.missing = told(store, id, from, head, std::iter::once).await?;
    overlays::recover(store, id, &mut recovered).await?;
    Ok(Box::new(recovered))
}

/// What is taken of the told entries of an interval, page by page.
async fn told<T, I: IntoIterator<Item = T>>(
    store: &Store,
    id: &ConversationId,
    mut from: Seq,
    to: Seq,
    take: impl Fn(Entry) -> I,
) -> Result<Vec<T>, StoreError> {
    let mut taken = Vec::new();
    while from <= to {
        let (limit, bytes) = (limits::PAGE_ENTRIES_MAX, limits::PAGE_BYTES_MAX);
        let range = PageRange { from, to, limit, bytes, backwards: false, head: to };
        let page = store.page(id, range).await?;
        let Some(last) = page.last() else { break };
        from = last.seq.next();
        taken.extend(page.into_iter().flat_map(&take));
    }
    Ok(taken)
}

/// The side of one user of a pair, and of the other.
pub async fn relations(
    store: &Store,
    one: &UserId,
    other: &UserId,
) -> Result<[Option<Relation>; 2], StoreError> {
    let first = store.relations_with(one, std::slice::from_ref(other)).await?.pop().flatten();
    let second = store.relations_with(other, std::slice::from_ref(one)).await?.pop().flatten();
    Ok([first, second])
}

/// Messages that wait to be confirmed, and who has confirmed each.
async fn confirms(
    store: &Store,
    id: &ConversationId,
    listed: Option<Vec<Confirming>>,
) -> Result<Vec<(Confirming, People)>, StoreError> {
    let listed = match listed {
        Some(listed) => listed,
        None => {
            let head = store.heads(std::slice::from_ref(id)).await?.pop().flatten();
            head.and_then(|head| head.confirming).unwrap_or_default()
        }
    };
    let read = listed.into_iter().map(async |message| {
        let rows = store.confirmations(id, message.seq).await?;
        Ok((message, People::of_rows(&rows)?))
    });
    futures_util::future::try_join_all(read).await
}

/// What the two users of a direct conversation are to each other, while nobody has their pair in memory.
async fn regard(store: &Store, id: &ConversationId) -> Result<Regard, StoreError> {
    match id.kind() {
        proto::ConversationKind::Direct(one, other) => {
            relations(store, &one, &other).await.map(|rows| Regard::of_rows(&rows))
        }
        _ => Ok(Regard::default()),
    }
}

/// Writes projections of several conversations: cursors, mentions, overlays, confirmations, relations and groups, then heads and lists
/// together, then the marks are taken away. What depends on the watermark of the head row is written before it.
pub async fn flush(store: Store, flushes: Vec<Arc<Flush>>) -> Result<(), StoreError> {
    let cursors = flushes.iter().flat_map(|flush| {
        flush.cursors.iter().map(|(user, cursor)| store.advance_cursor(user, &flush.conversation, *cursor))
    });
    futures_util::future::try_join_all(cursors).await?;
    let mentions: Vec<_> = flushes.iter().flat_map(|flush| flush.mentions.iter().cloned()).collect();
    if !mentions.is_empty() {
        store.write_mentions(mentions).await?;
    }
    let overlays: Vec<_> = flushes.iter().flat_map(|flush| flush.overlays.iter().cloned()).collect();
    if !overlays.is_empty() {
        store.write_overlays(overlays).await?;
    }
    let confirmations: Vec<_> =
        flushes.iter().flat_map(|flush| flush.confirmations.iter().cloned()).collect();
    if !confirmations.is_empty() {
        store.write_confirmations(confirmations).await?;
    }
    let again = flushes.iter().flat_map(|flush| {
        let id = &flush.conversation;
        let users = flush.listed_again.iter();
        users.map(|(user, now)| store.edit_settings(user, id, SettingsEdit::touch(), *now))
    });
    futures_util::future::try_join_all(again).await?;
    for relations in flushes.iter().filter_map(|flush| flush.relations.as_ref()) {
        store.apply_relation(relations.clone()).await?;
    }
    for group in flushes.iter().filter_map(|flush| flush.group.as_ref()) {
        store.apply_group(group.clone()).await?;
    }
    let heads: Vec<_> = flushes.iter().filter_map(|flush| flush.head.clone()).collect();
    let inbox: Vec<_> = flushes.iter().flat_map(|flush| flush.inbox.iter().cloned()).collect();
    if !heads.is_empty() || !inbox.is_empty() {
        store.write_projection(heads, inbox).await?;
    }
    let clears = flushes.iter().filter_map(|flush| {
        flush.clear.map(|upto| store.clear_touched(flush.partition, &flush.conversation, upto))
    });
    futures_util::future::try_join_all(clears).await?;
    Ok(())
}

/// Asks who owns a partition, or changes it.
pub fn own(store: &Store, me: IncarnationId, partition: Partition, ask: crate::ownership::Ask) -> Op {
    use crate::ownership::Ask;
    let store = store.clone();
    Box::pin(async move {
        match ask {
            Ask::Read(level) => Done::Owner(partition, store.owner(partition, level).await),
            Ask::Fence(other) => Done::Fenced(vec![partition], store.fence(other).await),
            Ask::Claim(expected) => Done::Claimed(partition, store.claim(partition, expected, me).await),
            Ask::Release(epoch) => Done::Released(partition, store.release(partition, me, epoch).await),
        }
    })
}

#[cfg(test)]
mod tests;
