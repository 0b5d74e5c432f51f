//! Everything that ever left a router, and what must hold of it at once and at the end.

use std::collections::BTreeMap;

use lifecycle::sim::note;
use proto::server_frame::{Ack, Page};
use proto::{ClientMessageId, ConversationId, Delivery, Entry, MessageId, Payload, Reply, Seq, ServerFrame};

/// See the module.
#[derive(Default)]
pub struct Record {
    shown: BTreeMap<(ConversationId, Seq), Shown>,
    places: BTreeMap<(ConversationId, ClientMessageId), Seq>,
    acks: BTreeMap<(ConversationId, ClientMessageId), Seq>,
    heads: BTreeMap<ConversationId, Seq>,
    violation: Option<String>,
}

/// What was told of one place in a log.
struct Shown {
    ids: (ClientMessageId, MessageId),
    /// An ack does not tell it.
    entry: Option<Entry>,
}

impl Record {
    /// Something left a router.
    pub fn delivery(&mut self, delivery: &Delivery) {
        match &delivery.payload {
            Payload::Fanout(fanout) => self.frame(fanout.frame.frame()),
            Payload::Reply(_, Reply::Frame(frame)) => self.frame(frame),
            Payload::Reply(_, Reply::Heads(heads)) => {
                for state in heads.iter().filter(|state| state.member) {
                    self.head(&state.conversation, state.seq);
                    state.last.iter().for_each(|entry| self.entry(&state.conversation, entry));
                }
            }
            Payload::Reply(..) | Payload::Control(_) | Payload::Broadcast(_) => {}
        }
    }

    fn frame(&mut self, frame: &ServerFrame) {
        match frame {
            ServerFrame::Ack(ack) => self.ack(ack),
            ServerFrame::Nack(nack) => {
                note(|| format!("nack {} {:?} {}", nack.frame, nack.code, nack.message))
            }
            ServerFrame::Event(event) => self.entry(&event.conversation, &event.entry),
            ServerFrame::Page(page) => self.page(page),
            ServerFrame::Head(head) => self.head(&head.conversation, head.last),
            ServerFrame::Delta(delta) => {
                for state in delta.conversations.iter().filter(|state| !state.left) {
                    self.head(&state.conversation, state.head);
                    state.last.iter().for_each(|entry| self.entry(&state.conversation, entry));
                }
            }
            _ => {}
        }
    }

    fn ack(&mut self, ack: &Ack) {
        note(|| format!("ack {} {} {}", ack.conversation, ack.seq, ack.client_message_id));
        let key = (ack.conversation.clone(), ack.client_message_id);
        if self.acks.insert(key, ack.seq).is_some_and(|before| before != ack.seq) {
            self.violate(format!("{} is acknowledged at two places", ack.client_message_id));
        }
        self.show(&ack.conversation, ack.seq, (ack.client_message_id, ack.message_id), None);
    }

    fn entry(&mut self, conversation: &ConversationId, entry: &Entry) {
        let ids = (entry.client_message_id, entry.message_id);
        self.show(conversation, entry.seq, ids, Some(entry));
    }

    /// Every reader may see everything here, so a page has everything.
    fn page(&mut self, page: &Page) {
        self.head(&page.conversation, page.head);
        for entry in &page.entries {
            self.entry(&page.conversation, entry);
        }
        let whole = (page.to.0 + 1).saturating_sub(page.from.0);
        let contiguous = page.entries.iter().zip(page.from.0..).all(|(entry, seq)| entry.seq.0 == seq);
        if page.entries.len() as u64 != whole || !contiguous {
            let (from, to, count) = (page.from, page.to, page.entries.len());
            self.violate(format!("{} has a hole: {count} entries in {from}..={to}", page.conversation));
        }
    }

    fn head(&mut self, conversation: &ConversationId, head: Seq) {
        let told = self.heads.entry(conversation.clone()).or_default();
        *told = head.max(*told);
    }

    fn show(
        &mut self,
        conversation: &ConversationId,
        seq: Seq,
        ids: (ClientMessageId, MessageId),
        entry: Option<&Entry>,
    ) {
        self.head(conversation, seq);
        if let Some(before) = self.places.insert((conversation.clone(), ids.0), seq)
            && before != seq
        {
            self.violate(format!("{conversation} shows {} at {before} and at {seq}", ids.0));
        }
        let key = (conversation.clone(), seq);
        let Some(shown) = self.shown.get_mut(&key) else {
            self.shown.insert(key, Shown { ids, entry: entry.cloned() });
            return;
        };
        let same = match (&shown.entry, entry) {
            (Some(before), Some(now)) => before == now,
            _ => shown.ids == ids,
        };
        let before = shown.ids;
        shown.entry = shown.entry.take().or_else(|| entry.cloned());
        if !same {
            self.violate(format!("{conversation} {seq} was shown as {} and then as {}", before.0, ids.0));
        }
    }

    /// Something is wrong; the first thing counts.
    pub fn violate(&mut self, what: String) {
        if self.violation.is_none() {
            note(|| format!("VIOLATION {what}"));
            self.violation = Some(what);
        }
    }

    /// What is wrong.
    pub fn violation(&self) -> Option<String> {
        self.violation.clone()
    }

    /// The newest seq that was told of a conversation.
    pub fn newest(&self, conversation: &ConversationId) -> Seq {
        self.heads.get(conversation).copied().unwrap_or_default()
    }

    /// Conversations of which anything was told.
    pub fn conversations(&self) -> Vec<ConversationId> {
        self.heads.iter().filter(|(_, head)| **head > Seq::ZERO).map(|(id, _)| id.clone()).collect()
    }

    /// How many messages were acknowledged.
    pub fn acknowledged(&self) -> u64 {
        self.acks.len() as u64
    }

    /// Compares with a whole log, from 1 to the newest seq that was told.
    pub fn check(&self, conversation: &ConversationId, log: &[Entry]) -> Result<(), String> {
        let head = self.newest(conversation);
        for (seq, entry) in (1..).zip(log) {
            if entry.seq.0 != seq {
                return Err(format!("{conversation} has {} where {seq} should be", entry.seq));
            }
        }
        if log.len() as u64 != head.0 {
            return Err(format!("{conversation} has {} entries, but {head} was told", log.len()));
        }
        let mut ids = BTreeMap::new();
        for entry in log {
            if let Some(before) = ids.insert(entry.client_message_id, entry.seq) {
                let id = entry.client_message_id;
                return Err(format!("{conversation} has {id} at {before} and at {}", entry.seq));
            }
        }
        for ((_, seq), shown) in self.shown.iter().filter(|((of, _), _)| of == conversation) {
            let found = usize::try_from(seq.0).ok().and_then(|at| log.get(at.checked_sub(1)?));
            let same = found.is_some_and(|found| match &shown.entry {
                Some(entry) => entry == found,
                None => shown.ids == (found.client_message_id, found.message_id),
            });
            if !same {
                let found = found.map(|found| found.client_message_id);
                return Err(format!("{conversation} {seq} was shown as {} but is {found:?}", shown.ids.0));
            }
        }
        Ok(())
    }
}
