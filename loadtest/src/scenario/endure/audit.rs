//! The history at the end, read whole by clients that know nothing, against all that was told before.

use anyhow::Context as _;
use lifecycle::Tasks;
use proto::{ConversationId, Entry};

use super::book::Book;
use super::circles::Circles;
use crate::scenario::{Context, verify};

/// Conversations read at the same time.
const READERS: usize = 8;

/// What was found in all conversations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Checked {
    pub conversations: u64,
    pub entries: u64,
    pub lost: u64,
    pub duplicated: u64,
    pub reordered: u64,
    pub changed: u64,
}

/// Reads every conversation and compares.
pub(super) async fn check(context: &Context, circles: &Circles, book: &Book) -> anyhow::Result<Checked> {
    let acknowledged = book.acknowledged();
    let tasks = Tasks::default();
    let mut checked = Checked::default();
    for some in circles.conversations().chunks(READERS) {
        let (sender, mut results) = tokio::sync::mpsc::channel(READERS);
        for (conversation, who) in some.iter().cloned() {
            let config = verify::client_config(context, &circles.users()[who])?;
            let (own_tasks, sender) = (tasks.clone(), sender.clone());
            tasks.spawn("history", async move {
                let entries = verify::read(config, &own_tasks, &conversation).await;
                // The receiver stays until all have answered.
                let _ = sender.send((conversation, entries)).await;
            });
        }
        drop(sender);
        while let Some((conversation, entries)) = results.recv().await {
            let told = acknowledged.get(&conversation).map_or(&[][..], Vec::as_slice);
            // Nobody wrote there: then there is nothing to read.
            if told.is_empty() && book.head(&conversation) == 0 {
                continue;
            }
            let entries = entries.with_context(|| format!("the history of {conversation}"))?;
            checked.add(&verify::compare(&entries, told));
            checked.changed += changed(book, &conversation, &entries);
        }
    }
    Ok(checked)
}

/// Entries that are not what somebody was shown before, that were shown and are gone, or that were refused.
fn changed(book: &Book, conversation: &ConversationId, entries: &[Entry]) -> u64 {
    let other = entries.iter().filter(|entry| !book.agrees(conversation, entry)).count() as u64;
    let refused =
        entries.iter().filter_map(verify::stamp).filter(|stamp| book.is_refused(stamp.number)).count();
    other + refused as u64 + book.head(conversation).saturating_sub(entries.len() as u64)
}

impl Checked {
    fn add(&mut self, other: &verify::Checked) {
        self.conversations += other.conversations;
        self.entries += other.entries;
        self.lost += other.lost;
        self.duplicated += other.duplicated;
        self.reordered += other.reordered;
    }
}
