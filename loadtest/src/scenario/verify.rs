//! `verify`: reads the whole history of every conversation of a journal, and compares.
//!
//! **Guarantees.** For each conversation: seqs are contiguous from 1; every acknowledged message is at its seq with its
//! message id and text; no message is there twice; a sender's messages of one run are in the order in which they left.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use client::{Client, ClientConfig, StartAt, TokenSource};
use lifecycle::Tasks;
use proto::client_frame::Fetch;
use proto::{ConversationId, Entry, Seq, UserId};

use super::{Context, Measured, Result};
use crate::arguments::Verify;
use crate::figures::Figures;
use crate::journal::{Acknowledged, Written};
use crate::stamp::Stamp;
use crate::topology::Topology;
use crate::verdict::Verdict;

/// Conversations read at the same time.
const READERS: usize = 8;

/// What was found in all conversations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// Conversations read.
    pub conversations: u64,
    /// Entries in them.
    pub entries: u64,
    /// Acknowledged messages looked for.
    pub acknowledged: u64,
    /// Not at their seq, or not anywhere.
    pub lost: u64,
    /// There more than once.
    pub duplicated: u64,
    /// A hole in the seqs, or a message before one that left earlier from the same sender.
    pub reordered: u64,
}

pub(super) fn run(context: &Context, settings: &Verify) -> Result {
    let written = Written::read(&settings.journal)?;
    let mut progress = context.progress("verify");
    progress.say(&format!("looking for {} messages", written.messages.len()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let checked = runtime.block_on(check(context, &written))?;
    let mut figures = Figures::of("verify");
    figures.count("conversations", checked.conversations);
    figures.count("entries", checked.entries);
    figures.count("acknowledged", checked.acknowledged);
    figures.count("lost", checked.lost);
    figures.count("duplicated", checked.duplicated);
    figures.count("reordered", checked.reordered);
    let faults = [
        (checked.lost, "acknowledged messages are not in the history at their seq"),
        (checked.duplicated, "messages are in the history twice"),
        (checked.reordered, "messages are out of order, or seqs are missing"),
    ];
    let found: Vec<String> = faults
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("verify: {count} {what}"))
        .collect();
    let verdict = if found.is_empty() { Verdict::Good } else { Verdict::Faults(found) };
    Ok(Measured { figures, verdict, courses: Vec::new(), steps: None })
}

async fn check(context: &Context, written: &Written) -> anyhow::Result<Checked> {
    let topology = Topology::pairs(&written.prefix, written.connections);
    let mut conversations: BTreeMap<usize, Vec<Acknowledged>> = BTreeMap::new();
    for message in &written.messages {
        conversations.entry(message.who & !1).or_default().push(*message);
    }
    let tasks = Tasks::default();
    let mut work: Vec<(usize, Vec<Acknowledged>)> = conversations.into_iter().collect();
    let mut checked = Checked::default();
    while !work.is_empty() {
        let batch = work.split_off(work.len().saturating_sub(READERS));
        let (sender, mut results) = tokio::sync::mpsc::channel(READERS);
        for (who, messages) in batch {
            let user =
                topology.users().get(who).context("the journal names a connection that it does not have")?;
            let config = client_config(context, user)?;
            let (conversation, sender) = (topology.conversation(who), sender.clone());
            let own_tasks = tasks.clone();
            tasks.spawn("verify", async move {
                let read = read(config, &own_tasks, &conversation).await;
                // The receiver stays until all have answered.
                let _ = sender.send(read.map(|entries| compare(&entries, &messages))).await;
            });
        }
        drop(sender);
        while let Some(one) = results.recv().await {
            checked.add(&one?);
        }
    }
    Ok(checked)
}

pub(super) fn client_config(context: &Context, user: &UserId) -> anyhow::Result<ClientConfig> {
    let mut config =
        ClientConfig::new(context.first_url().to_owned(), TokenSource::fixed(context.tokens()?.issue(user)));
    config.trust = context.trust.clone();
    config.encoding = context.common.encoding.into();
    config.start_at = StartAt::Head;
    Ok(config)
}

/// The whole log of a conversation.
pub(super) async fn read(
    config: ClientConfig,
    tasks: &Tasks,
    conversation: &ConversationId,
) -> anyhow::Result<Vec<Entry>> {
    let connecting = Client::connect(config, tasks).await;
    let (client, _) = connecting.map_err(|error: Arc<_>| anyhow!("connecting: {error}"))?;
    let mut entries: Vec<Entry> = Vec::new();
    loop {
        let from = entries.last().map_or(Seq(1), |entry| entry.seq.next());
        let limit = u32::try_from(proto::limits::PAGE_ENTRIES_MAX).unwrap_or(u32::MAX);
        let fetch =
            Fetch { conversation: conversation.clone(), from, to: Seq::ZERO, limit, backwards: false };
        let page = client.fetch(fetch).await.with_context(|| format!("history of {conversation}"))?;
        let done = page.entries.is_empty() || page.to >= page.head;
        entries.extend(page.entries);
        if done {
            return Ok(entries);
        }
    }
}

/// Compares a log with what was acknowledged of it.
pub(super) fn compare(entries: &[Entry], acknowledged: &[Acknowledged]) -> Checked {
    let mut checked = Checked {
        conversations: 1,
        entries: entries.len() as u64,
        acknowledged: acknowledged.len() as u64,
        ..Checked::default()
    };
    let mut seen = HashSet::new();
    let mut newest: HashMap<(UserId, u32), u64> = HashMap::new();
    let mut places = HashMap::new();
    for (index, entry) in entries.iter().enumerate() {
        checked.reordered += u64::from(entry.seq.0 != index as u64 + 1);
        let Some(stamp) = stamp(entry) else { continue };
        places.insert(entry.seq.0, (entry.message_id.0, stamp));
        if !seen.insert((stamp.run, stamp.number)) {
            checked.duplicated += 1;
        }
        let before = newest.insert((entry.sender.clone(), stamp.run), stamp.number);
        checked.reordered += u64::from(before.is_some_and(|before| before > stamp.number));
    }
    for message in acknowledged {
        let there = places.get(&message.seq) == Some(&(message.message_id, message.stamp));
        checked.lost += u64::from(!there);
    }
    checked
}

/// The mark of a message, if it is one of a run.
pub(super) fn stamp(entry: &Entry) -> Option<Stamp> {
    match entry.body.to_wire().kind {
        Some(proto::wire::body::Kind::Text(text)) => Stamp::from_text(text.as_bytes()),
        _ => None,
    }
}

impl Checked {
    fn add(&mut self, other: &Self) {
        self.conversations += other.conversations;
        self.entries += other.entries;
        self.acknowledged += other.acknowledged;
        self.lost += other.lost;
        self.duplicated += other.duplicated;
        self.reordered += other.reordered;
    }
}

#[cfg(test)]
mod tests {
    use proto::{Body, ClientMessageId, MessageId, Timestamp};

    use super::*;

    fn entry(seq: u64, number: u64) -> Entry {
        let text = Stamp { run: 1, number }.to_text().to_vec();
        Entry {
            seq: Seq(seq),
            message_id: MessageId(100 + number),
            sender: UserId::parse("lt-0").expect("id"),
            time: Timestamp(1),
            counted: seq,
            client_message_id: ClientMessageId([0; 16]),
            body: Body::text(String::from_utf8(text).expect("ASCII")),
        }
    }

    fn acked(seq: u64, number: u64) -> Acknowledged {
        Acknowledged { who: 0, seq, message_id: 100 + number, stamp: Stamp { run: 1, number } }
    }

    #[test]
    fn a_log_that_has_everything_is_good() {
        let entries = [entry(1, 0), entry(2, 2), entry(3, 4)];
        let checked = compare(&entries, &[acked(1, 0), acked(3, 4)]);
        let expected = Checked { conversations: 1, entries: 3, acknowledged: 2, ..Checked::default() };
        assert_eq!(checked, expected);
    }

    #[test]
    fn each_fault_of_a_log_is_found() {
        let lost = compare(&[entry(1, 0)], &[acked(1, 0), acked(2, 2)]);
        assert_eq!(lost.lost, 1);
        let moved = compare(&[entry(1, 2)], &[acked(1, 0)]);
        assert_eq!(moved.lost, 1);
        let doubled = compare(&[entry(1, 0), entry(2, 0)], &[]);
        assert_eq!(doubled.duplicated, 1);
        let shuffled = compare(&[entry(1, 2), entry(2, 0)], &[]);
        assert_eq!(shuffled.reordered, 1);
        let holed = compare(&[entry(1, 0), entry(3, 2)], &[]);
        assert_eq!(holed.reordered, 1);
    }
}
