//! A device of alice as a client writes it: what it holds, by what it was told while it was there and by `delta` when it comes back.

use std::collections::{BTreeMap, BTreeSet};

use proto::body::Change;
use proto::client_frame::{Fetch, Sync};
use proto::delivery::Control;
use proto::server_frame::{Invitation, Overlay, Page};
use proto::settings::Settings;
use proto::{
    Body, Contact, ConversationId, Delivery, Entry, Payload, Reply, Request, Seq, ServerFrame, Target, UserId,
};

use crate::stand::{Stand, user};

/// A message as it is now.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shown {
    body: Option<Body>,
    reactions: BTreeMap<String, BTreeSet<UserId>>,
    pinned: bool,
    /// Entries up to there are in it.
    changed: Seq,
}

/// What a device holds of one conversation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Held {
    pub head: Seq,
    read: Seq,
    unread: u64,
    mentions: u32,
    pub settings: Settings,
    pub messages: BTreeMap<Seq, Shown>,
}

impl Held {
    fn take(&mut self, entry: &Entry) {
        self.head = self.head.max(entry.seq);
        match entry.body.as_change() {
            Some((target, change)) => {
                let Some(shown) = self.messages.get_mut(&target.seq) else { return };
                if entry.seq > shown.changed {
                    shown.apply(entry, change);
                }
            }
            None if matches!(entry.body.to_wire().kind, Some(proto::wire::body::Kind::System(_))) => {}
            None => {
                let body = Some(entry.body.clone());
                self.messages.entry(entry.seq).or_insert(Shown { body, ..Shown::default() });
            }
        }
        self.drop_what_is_gone();
    }

    /// What a page says of its messages has the changes already, and perhaps later ones.
    fn lay_over(&mut self, page: &Page) {
        for overlay in &page.overlays {
            let entry = page.entries.iter().find(|entry| entry.seq == overlay.seq);
            if let Some(entry) = entry.filter(|entry| entry.body.as_change().is_none()) {
                self.messages.insert(overlay.seq, Shown::of(entry, overlay));
            }
        }
        self.drop_what_is_gone();
    }

    fn set(&mut self, settings: &Settings) {
        if settings.changed >= self.settings.changed {
            self.settings = settings.clone();
        }
        self.drop_what_is_gone();
    }

    fn drop_what_is_gone(&mut self) {
        let settings = &self.settings;
        self.messages.retain(|seq, _| !settings.hides(*seq));
    }
}

impl Shown {
    fn of(entry: &Entry, overlay: &Overlay) -> Self {
        let reactions = overlay.reactions.iter();
        Self {
            body: Some(entry.body.clone()),
            reactions: reactions
                .map(|one| (one.reaction.clone(), one.users.iter().cloned().collect()))
                .collect(),
            pinned: overlay.pinned.is_some(),
            changed: overlay.changed,
        }
    }

    fn apply(&mut self, entry: &Entry, change: Change) {
        self.changed = entry.seq;
        match change {
            Change::Edit(Some(edited)) if !edited.encoded().is_empty() => self.body = Some(edited),
            Change::Edit(_) => {}
            Change::Recall => {
                let body = Some(Body::from_encoded(Vec::new().into()));
                *self = Self { body, changed: entry.seq, ..Self::default() };
            }
            Change::React { reaction, remove: false } => {
                self.reactions.entry(reaction).or_default().insert(entry.sender.clone());
            }
            Change::React { reaction, remove: true } => {
                self.reactions.entry(reaction).or_default().remove(&entry.sender);
            }
            Change::Pin { remove } => self.pinned = !remove,
        }
        self.reactions.retain(|_, users| !users.is_empty());
    }
}

/// One device of alice.
#[derive(Default)]
pub struct Device {
    cursor: String,
    /// Conversations that alice is in.
    pub held: BTreeMap<ConversationId, Held>,
    pub invited: BTreeMap<ConversationId, Invitation>,
    contacts: BTreeMap<UserId, Contact>,
    /// Its gateway takes interest in these groups.
    groups: BTreeSet<ConversationId>,
    pub online: bool,
    /// Deliveries before this one were for others, or came while it was away.
    heard: usize,
}

impl Device {
    pub async fn connect(&mut self, stand: &mut Stand, log: &[Delivery]) {
        self.heard = log.len();
        self.online = true;
        self.groups = match stand.ask("alice", Request::Connected(None)).await {
            Reply::Groups(groups) => groups.iter().map(ConversationId::group).collect(),
            other => panic!("no groups but {other:?}"),
        };
        loop {
            let sync = Sync { cursor: self.cursor.clone(), open: Vec::new() };
            let delta = match stand.ask("alice", Request::Sync(sync)).await {
                Reply::Frame(ServerFrame::Delta(delta)) => delta,
                other => panic!("no delta but {other:?}"),
            };
            delta.contacts.into_iter().for_each(|contact| self.meet(contact));
            for state in delta.conversations {
                let id = state.conversation;
                self.invited.remove(&id);
                if state.left {
                    self.held.remove(&id);
                    self.invited.extend(state.invitation.map(|of| (id, *of)));
                    continue;
                }
                let held = self.held.entry(id.clone()).or_default();
                (held.read, held.unread, held.mentions) =
                    (state.read_seq, state.unread, state.mention_unread);
                held.set(&state.settings.unwrap_or_default());
                self.fill(stand, &id, state.head).await;
            }
            self.cursor = delta.cursor;
            if !delta.more {
                return;
            }
        }
    }

    /// Fetches what is missing up to there.
    async fn fill(&mut self, stand: &mut Stand, id: &ConversationId, head: Seq) {
        loop {
            let held = self.held.entry(id.clone()).or_default();
            if held.head >= head {
                return;
            }
            let (from, to) = (held.head.next(), head);
            let fetch = Fetch { conversation: id.clone(), from, to, limit: 7, backwards: false };
            let page = match stand.ask("alice", Request::Fetch(fetch)).await {
                Reply::Frame(ServerFrame::Page(page)) => page,
                // She left meanwhile, and hears that next.
                Reply::Frame(ServerFrame::Nack(_)) if id.is_group() => return,
                other => panic!("no page but {other:?}"),
            };
            page.entries.iter().for_each(|entry| held.take(entry));
            held.lay_over(&page);
            held.head = held.head.max(page.to);
        }
    }

    pub fn meet(&mut self, contact: Contact) {
        let known = self.contacts.get(&contact.user).map_or(0, |known| known.version);
        if contact.version > known {
            self.contacts.insert(contact.user.clone(), contact);
        }
    }

    /// Those that are something to her.
    pub fn contacts(&self) -> Vec<&Contact> {
        let is_something = |contact: &&Contact| {
            contact.friend_since.is_some()
                || contact.blocked
                || contact.incoming.is_some()
                || contact.outgoing.is_some()
        };
        self.contacts.values().filter(is_something).collect()
    }

    /// Takes what was published since it listened last.
    pub async fn listen(&mut self, stand: &mut Stand, log: &[Delivery]) {
        for delivery in log.iter().skip(std::mem::replace(&mut self.heard, log.len())) {
            if !self.hears(&delivery.target) {
                continue;
            }
            match &delivery.payload {
                Payload::Control(Control::JoinedGroup(group)) => {
                    self.groups.insert(ConversationId::group(group));
                    self.invited.remove(&ConversationId::group(group));
                }
                Payload::Control(Control::LeftGroup(group)) => {
                    self.groups.remove(&ConversationId::group(group));
                    self.held.remove(&ConversationId::group(group));
                }
                Payload::Fanout(fanout) => self.frame(stand, fanout.frame.frame()).await,
                _ => {}
            }
        }
    }

    fn hears(&self, target: &Target) -> bool {
        match target {
            Target::User(to) => *to == user("alice"),
            Target::Group(group) => self.groups.contains(&ConversationId::group(group)),
            _ => false,
        }
    }

    async fn frame(&mut self, stand: &mut Stand, frame: &ServerFrame) {
        match frame {
            ServerFrame::Event(event) => {
                let before = Seq(event.entry.seq.0 - 1);
                self.fill(stand, &event.conversation, before).await;
                let held = self.held.entry(event.conversation.clone()).or_default();
                if event.entry.seq == held.head.next() {
                    held.take(&event.entry);
                }
            }
            ServerFrame::Settings(of) => {
                let id = &of.conversation;
                if !id.is_group() || self.groups.contains(id) {
                    self.held.entry(id.clone()).or_default().set(&of.settings);
                }
            }
            ServerFrame::Contact(contact) => self.meet(contact.as_ref().clone()),
            ServerFrame::Invitation(of) => {
                let id = ConversationId::group(&of.group);
                self.invited.remove(&id);
                if of.expires.0 > 0 {
                    self.invited.insert(id, of.as_ref().clone());
                }
            }
            _ => {}
        }
    }
}
