//! For how long users want a conversation to keep its entries, as far as that is known.

use lifecycle::wall_clock_ms;
use proto::server_frame::Page;
use proto::{ClientMessageId, ConversationId, TraceId};
use tokio::time::Instant;

use super::{Record, asked};

/// What was set for one conversation.
#[derive(Debug)]
pub(super) struct Keeping {
    /// The shortest that was ever asked for, in milliseconds: what is younger is there.
    least_ms: u64,
    /// What was asked for last, in milliseconds.
    newest: (ClientMessageId, u64),
    /// When that was told first.
    told: Option<Instant>,
}

impl Record {
    /// A user asks that a conversation keeps its entries for so many seconds; zero: as configured.
    pub fn asks_to_keep(&mut self, conversation: &ConversationId, id: ClientMessageId, seconds: u32) {
        let ms = if seconds == 0 { self.retention_ms } else { u64::from(seconds) * 1_000 };
        let least_ms = self.kept_ms(conversation).min(ms);
        let newest = (id, ms);
        self.keeping.insert(conversation.clone(), Keeping { least_ms, newest, told: None });
    }

    /// For how many milliseconds entries are kept at least; 0: for ever.
    pub fn kept_ms(&self, conversation: &ConversationId) -> u64 {
        self.keeping.get(conversation).map_or(self.retention_ms, |keeping| keeping.least_ms)
    }

    pub(super) fn heard_of_keeping(&mut self, conversation: &ConversationId, id: ClientMessageId) {
        if let Some(keeping) = self.keeping.get_mut(conversation).filter(|keeping| keeping.newest.0 == id) {
            keeping.told.get_or_insert_with(Instant::now);
        }
    }

    /// Whoever asks long after that was told is shown nothing that was too old already.
    pub(super) fn check_kept(&mut self, page: &Page, trace: TraceId) {
        let told =
            self.keeping.get(&page.conversation).and_then(|keeping| Some((keeping.told?, keeping.newest.1)));
        let (Some((told, kept_ms)), Some(old), Some(asked)) =
            (told, self.answers_old, asked(self.began, trace))
        else {
            return;
        };
        if asked < told + old {
            return;
        }
        let asked_ms =
            wall_clock_ms().saturating_sub(u64::try_from(asked.elapsed().as_millis()).unwrap_or(0));
        let is_gone = |time_ms: u64| time_ms.saturating_add(kept_ms) < asked_ms;
        if let Some(entry) = page.entries.iter().find(|entry| is_gone(entry.time.0)) {
            let (conversation, seq) = (&page.conversation, entry.seq);
            self.violate(format!("{conversation} {seq} is shown, though it is kept for {kept_ms} ms only"));
        }
    }
}
