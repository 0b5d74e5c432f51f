//! Everything that was ever told, and what must hold of it.

use std::collections::BTreeMap;

use proto::server_frame::Ack;
use proto::{ClientMessageId, ConversationId, Entry, MessageId, Seq};

/// What readers and senders were told.
#[derive(Default)]
pub struct Record {
    shown: BTreeMap<(ConversationId, Seq), (ClientMessageId, MessageId)>,
    acks: BTreeMap<(ConversationId, ClientMessageId), Seq>,
    heads: BTreeMap<ConversationId, Seq>,
    violation: Option<String>,
}

impl Record {
    /// An ack came.
    pub fn ack(&mut self, ack: &Ack) {
        let key = (ack.conversation.clone(), ack.client_message_id);
        if self.acks.insert(key, ack.seq).is_some_and(|before| before != ack.seq) {
            self.violate(format!("{} is acknowledged at two places", ack.client_message_id));
        }
        self.show(&ack.conversation, ack.seq, (ack.client_message_id, ack.message_id));
    }

    /// An event or a page came.
    pub fn entry(&mut self, conversation: &ConversationId, entry: &Entry) {
        self.show(conversation, entry.seq, (entry.client_message_id, entry.message_id));
    }

    /// A head was told.
    pub fn head(&mut self, conversation: &ConversationId, head: Seq) {
        let told = self.heads.entry(conversation.clone()).or_default();
        *told = head.max(*told);
    }

    /// The newest seq that was told of a conversation.
    pub fn newest(&self, conversation: &ConversationId) -> Seq {
        self.heads.get(conversation).copied().unwrap_or_default()
    }

    pub fn acknowledged(&self) -> u64 {
        self.acks.len() as u64
    }

    fn show(&mut self, conversation: &ConversationId, seq: Seq, what: (ClientMessageId, MessageId)) {
        self.head(conversation, seq);
        let before = self.shown.insert((conversation.clone(), seq), what);
        if before.is_some_and(|before| before != what) {
            self.violate(format!("{conversation} {seq} was shown as {before:?} and then as {what:?}"));
        }
    }

    fn violate(&mut self, what: String) {
        self.violation.get_or_insert(what);
    }

    /// Compares with the whole log, `1..` of a conversation.
    pub fn check(&self, conversation: &ConversationId, log: &[Entry]) -> Result<(), String> {
        if let Some(violation) = &self.violation {
            return Err(violation.clone());
        }
        for (n, entry) in log.iter().enumerate() {
            if entry.seq.0 != n as u64 + 1 {
                return Err(format!("{conversation} has {} where {} should be", entry.seq, n + 1));
            }
        }
        let mut ids = BTreeMap::new();
        for entry in log {
            if let Some(before) = ids.insert(entry.client_message_id, entry.seq) {
                return Err(format!("{conversation} has one message at {before} and {}", entry.seq));
            }
        }
        for ((_, seq), (id, message_id)) in self.shown.iter().filter(|((of, _), _)| of == conversation) {
            let at = usize::try_from(seq.0).unwrap_or(0).checked_sub(1).and_then(|at| log.get(at));
            match at {
                Some(entry) if entry.client_message_id == *id && entry.message_id == *message_id => {}
                found => return Err(format!("{conversation} {seq} was shown but is {found:?}")),
            }
        }
        Ok(())
    }
}
