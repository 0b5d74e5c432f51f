//! Where commands go: to a conversation in memory, to one that is loaded for them, or to the readers.

use proto::delivery::HeadState;
use proto::server_frame::Nack;
use proto::{Code, Command, ConversationId, Partition, Payload, Reply, Request, Seq, ServerFrame, limits};

use super::incarnation::Incarnation;
use super::ops::Done;
use super::table::{Key, Slot};
use crate::conversation::{Conversation, View};
use crate::reader::{self, Seen, page};

/// Advice of a `BUSY` nack, in milliseconds.
const BUSY_RETRY_MS: u32 = 500;

impl Incarnation<'_> {
    /// Takes the commands of this turn.
    pub(super) fn dispatch(&mut self, commands: &mut Vec<Command>) {
        for command in commands.drain(..) {
            self.metrics.command(&command.request);
            if command.owner_alone().is_some_and(|partition| !self.serving.contains_key(&partition)) {
                self.keep(command);
                continue;
            }
            match &command.request {
                Request::Send(_) | Request::Group(..) | Request::Contact(..) | Request::Confirm(_) => {
                    self.write_command(command);
                }
                Request::Broadcast(request) => self.see_to_broadcast(&command, request),
                _ => self.read(command),
            }
        }
    }

    /// A command that changes a log.
    fn write_command(&mut self, command: Command) {
        let Some(id) = command.conversation() else { return };
        if let Some(key) = self.table.find(&id) {
            self.with(key, |conversation, turn| conversation.enqueue(command, turn));
            return;
        }
        // A pair's id comes from the one who asks and another, never from a client.
        let is_contact = matches!(command.request, Request::Contact(..));
        if !id.is_group() && !is_contact && id.peer_of(&command.origin.user).is_none() {
            self.refuse(&command, Code::Forbidden, "only its two users may send");
            return;
        }
        match self.remember(id) {
            Some(key) => {
                self.load_queue.push_back(key);
                self.with(key, |conversation, turn| conversation.enqueue(command, turn));
            }
            None => self.refuse(&command, Code::Busy, "too many conversations are in use"),
        }
    }

    /// A command that only reads, or says something of the reader.
    pub(super) fn read(&mut self, command: Command) {
        if let Request::Heads(conversations) = &command.request {
            self.read_heads(&command, conversations);
            return;
        }
        if let Request::Claim { began, kind } = &command.request {
            // Needs nothing of the store, so it is never refused.
            self.deliveries.append(&mut reader::claimed(&command, *began, kind.clone()));
            return;
        }
        if matches!(command.request, Request::WatchPresence(_) | Request::PresenceChanged) {
            self.look_at_presence(command);
            return;
        }
        let Some(id) = command.conversation() else {
            self.ask_reader(command, None);
            return;
        };
        let Some(key) = self.table.find(&id) else {
            self.read_unloaded(command, id);
            return;
        };
        let Some(slot) = self.table.get(key) else { return };
        if slot.conversation.is_serving() {
            if let Request::JoinRoom(room) = &command.request {
                let answer = slot.conversation.enter();
                self.deliveries.push(reader::room_answer(&command, room, answer));
                return;
            }
            match slot.conversation.view(&command.origin.user, command.origin.source) {
                Ok(view) => self.read_loaded(command, key, view),
                Err((code, text)) => self.refuse(&command, code, text),
            }
        } else {
            self.with(key, |conversation, turn| conversation.wait_to_read(command, turn));
        }
    }

    /// A read of what is not there. One that would be loaded for it is refused.
    pub(super) fn read_absent(&mut self, command: Command) {
        match command.request {
            Request::Confirmations(_) => self.refuse(&command, Code::NotFound, "there is no such group"),
            _ => self.read(command),
        }
    }

    fn read_unloaded(&mut self, command: Command, id: ConversationId) {
        // Only the owner of a group knows of how many.
        let counts = matches!(command.request, Request::Confirmations(_)) && id.is_group();
        if !self.touched.contains(&id) && !counts {
            match command.request {
                Request::Private(_) => self.change_private(command, id, None),
                _ => self.ask_reader(command, None),
            }
            return;
        }
        // Its projections lack what a dead owner acknowledged: it is loaded anyway, now rather than later.
        match self.remember(id) {
            Some(key) => {
                self.load_queue.push_back(key);
                self.with(key, |conversation, turn| conversation.wait_to_read(command, turn));
            }
            None => self.refuse(&command, Code::Busy, "too many conversations are in use"),
        }
    }

    fn read_loaded(&mut self, command: Command, key: Key, view: View) {
        match &command.request {
            _ if view.is_room && reader::is_private(&command.request) => {
                self.deliveries.push(reader::of_visitor(&command));
            }
            Request::Fetch(fetch) => {
                let (from, to) = page::interval(fetch, view);
                let whole = to.0.saturating_sub(from.0) < page::limit(fetch) as u64;
                let slot = self.table.get(key);
                let user = &command.origin.user;
                let oldest = self.moment().oldest(view.retention_seconds);
                let is_plain = |slot: &&Slot| {
                    let conversation = &slot.conversation;
                    whole && conversation.is_plain_for(user) && !conversation.is_laid_over(from)
                };
                if let Some(entries) =
                    slot.filter(is_plain).and_then(|slot| slot.conversation.entries(from, to))
                    && entries.iter().all(|entry| entry.time >= oldest)
                    && entries.iter().map(|entry| entry.body.encoded().len()).sum::<usize>()
                        <= limits::PAGE_BYTES_MAX
                {
                    let page = page::of(fetch, (from, to), entries, view.head);
                    self.deliveries.push(reader::reply(&command, Reply::Frame(ServerFrame::Page(page))));
                    return;
                }
                self.ask_owner(command, key, view);
            }
            Request::Pins(_) | Request::Versions(_) | Request::Readers(_) | Request::Confirmations(_) => {
                self.ask_owner(command, key, view);
            }
            Request::Private(change) => {
                let id = change.conversation.clone();
                self.change_private(command, id, Some(view));
            }
            Request::Delivered(position) => {
                let seq = position.seq.min(view.head);
                let user = &command.origin.user;
                self.with(key, |conversation, turn| {
                    conversation.note_delivered(user, seq);
                    conversation.note_reach(user, seq, Seq::ZERO, turn);
                });
                let mut told = reader::delivered_receipt(&command, &position.conversation, seq);
                self.deliveries.append(&mut told);
            }
            Request::Read(position) => {
                let seq = position.seq.min(view.head);
                self.move_read(command, key, seq, view);
            }
            Request::Typing(to)
                if self.table.get(key).is_some_and(|slot| slot.conversation.is_blocked() == Some(false)) =>
            {
                let id = to.conversation(&command.origin.user);
                self.deliveries.append(&mut reader::typing(&command, &id));
            }
            _ => self.ask_reader(command, Some(view.into())),
        }
    }

    /// From memory where loaded, otherwise from the store: all in one answer, in the order asked.
    fn read_heads(&mut self, command: &Command, conversations: &[ConversationId]) {
        let (user, source) = (&command.origin.user, command.origin.source);
        let mut heads: Vec<Option<HeadState>> = Vec::with_capacity(conversations.len());
        for id in conversations.iter().take(limits::SYNC_OPEN_MAX) {
            let loaded = self.table.find(id).and_then(|key| self.table.get(key));
            let serving = loaded.map(|slot| &slot.conversation).filter(|c| c.is_serving());
            heads.push(serving.map(|conversation| conversation.head_state(user, source)));
        }
        if heads.iter().all(Option::is_some) {
            // A crowd that came into a group asks for nothing else.
            let known = heads.into_iter().flatten().collect();
            self.deliveries.push(reader::reply(command, Reply::Heads(known)));
            return;
        }
        if self.too_many_reads(command) {
            return;
        }
        let (store, command) = (self.store.clone(), command.clone());
        self.ops.push(Box::pin(async move {
            Done::Answered(vec![Box::pin(reader::all_heads(&store, &command, heads)).await])
        }));
    }

    /// A read of messages, some of which may look other than the store knows.
    fn ask_owner(&mut self, command: Command, key: Key, view: View) {
        let Some(slot) = self.table.get(key) else { return };
        let (fresh, changes) = (slot.conversation.fresh(), slot.conversation.private_changes());
        let id = slot.conversation.id().clone();
        let confirmed = match &command.request {
            Request::Confirmations(of) => {
                Some((slot.conversation.people(), slot.conversation.confirmed(of.seq).unwrap_or_default()))
            }
            _ => None,
        };
        if self.too_many_reads(&command) {
            return;
        }
        let (store, moment) = (self.store.clone(), self.moment());
        self.ops.push(Box::pin(async move {
            let user = command.origin.user.clone();
            let (own, plain) = match reader::settings(&store, &user, &id).await {
                Ok(own) => (own.clone(), own.hides_nothing().then_some((user, changes))),
                Err(error) => return Done::Looked(key, None, vec![reader::refuse(&command, error.into())]),
            };
            let seen = Seen { view: Some(view), fresh, own: Some(own), confirmed };
            Done::Looked(key, plain, Box::pin(reader::answer(store, command, Some(seen), moment)).await)
        }));
    }

    fn ask_reader(&mut self, command: Command, view: Option<Seen>) {
        if self.too_many_reads(&command) {
            return;
        }
        let (store, moment) = (self.store.clone(), self.moment());
        self.ops.push(Box::pin(async move {
            Done::Answered(Box::pin(reader::answer(store, command, view, moment)).await)
        }));
    }

    /// Who asks in vain asks again, so nobody is refused.
    fn look_at_presence(&mut self, command: Command) {
        if self.reads >= self.config.reads_max {
            self.deliveries.push(reader::reply(&command, Reply::Settled));
            return;
        }
        self.reads += 1;
        self.metrics.reads.set(self.reads as f64);
        let (store, sight, now) = (self.store.clone(), self.sight.clone(), self.now.wall);
        self.ops.push(Box::pin(async move {
            let told = match &command.request {
                Request::WatchPresence(watch) => {
                    Box::pin(reader::presence::seen(&store, &sight, &command, watch, now)).await
                }
                _ => Box::pin(reader::presence::changed(&sight, &command)).await,
            };
            Done::Answered(told)
        }));
    }

    /// A read of a conversation in memory: others hear of it once it is stored.
    fn move_read(&mut self, command: Command, key: Key, seq: Seq, view: View) {
        if self.too_many_reads(&command) {
            return;
        }
        let (store, moment, user) = (self.store.clone(), self.moment(), command.origin.user.clone());
        self.ops.push(Box::pin(async move {
            let told = Box::pin(reader::answer(store, command, Some(view.into()), moment)).await;
            // A refusal is an answer alone.
            let is_stored = told.iter().any(|delivery| matches!(delivery.payload, Payload::Fanout(_)));
            Done::Read(key, is_stored.then_some((user, seq)), told)
        }));
    }

    pub(super) fn too_many_reads(&mut self, command: &Command) -> bool {
        if self.reads >= self.config.reads_max {
            self.refuse(command, Code::Busy, "too many reads are under way");
            return true;
        }
        self.reads += 1;
        self.metrics.reads.set(self.reads as f64);
        false
    }

    /// A place in memory for a conversation; `None` when there is none.
    pub(super) fn remember(&mut self, id: ConversationId) -> Option<Key> {
        let epoch = *self.serving.get(&Partition::of(&id))?;
        if !self.make_room() {
            return None;
        }
        let touched = self.touched.remove(&id);
        Some(self.table.insert(Conversation::new(id, epoch, touched)))
    }

    /// Begins as many loads as there may be: first for those who wait, then of what dead owners left. Nobody waits for the
    /// latter, and somebody may for each partition that is being claimed: the store has those claims to itself.
    pub(super) fn begin_loads(&mut self) {
        let is_held_back = !self.touched_queue.is_empty() && self.is_claiming();
        while self.loads < self.config.loads_max {
            let asked = self.load_queue.pop_front();
            let left = || if is_held_back { None } else { self.next_touched() };
            let Some(key) = asked.or_else(left) else { break };
            let Some(slot) = self.table.get_mut(key).filter(|slot| slot.conversation.is_waiting()) else {
                continue;
            };
            slot.loading = true;
            self.loads += 1;
            self.with(key, Conversation::begin_load);
        }
        self.metrics.loads_queued.set(self.load_queue.len() as f64);
        self.metrics.projections_owed.set(self.touched_queue.len() as f64);
    }

    fn next_touched(&mut self) -> Option<Key> {
        loop {
            let id = self.touched_queue.pop()?;
            if !self.touched.contains(&id) {
                continue;
            }
            match self.remember(id.clone()) {
                Some(key) => return Some(key),
                None => {
                    // No room now; it stays first in line.
                    self.touched_queue.push(id);
                    return None;
                }
            }
        }
    }

    pub(super) fn refuse(&mut self, command: &Command, code: Code, text: &'static str) {
        self.metrics.nack(code);
        let name = command.request.name();
        let nack = match &command.request {
            Request::Send(send) => Nack { frame: name, ..Nack::of_send(send.client_message_id, code, text) },
            _ => Nack::of(name, code, text),
        };
        let retry_ms = if code == Code::Busy { BUSY_RETRY_MS } else { 0 };
        let nack = nack.retry_after_ms(retry_ms);
        self.deliveries.push(reader::reply(command, reader::refusal(command, nack)));
    }
}
