//! Clients that send until they are acknowledged, over whichever router answers.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bus::{Bus, NodeInbox};
use futures_util::future::FutureExt as _;
use lifecycle::wall_clock_ms;
use proto::body::MessageTarget;
use proto::client_frame::{AckMode, Fetch, Recipient, Send};
use proto::command::{GroupRequest, Origin, Source};
use proto::group::{GroupEdit, Role};
use proto::{
    Body, ClientMessageId, Code, Command, ConversationId, ConversationKind, DeviceId, Entry, GroupId, NodeId,
    Partition, Payload, Reply, Request, Seq, ServerFrame, SessionRef, Timestamp, TraceId, UserId,
};
use rand::RngExt as _;
use rand::rngs::StdRng;
use store::{PageRange, Store};

use super::changes;
use super::members;
use super::record::Record;

/// Messages that a sender has on their way at once.
const OUTSTANDING_MAX: usize = 4;
const STEP: Duration = Duration::from_millis(20);

/// One sender in one conversation.
struct Sender {
    user: UserId,
    conversation: ConversationId,
    outstanding: VecDeque<Sent>,
    /// Changes of messages on their way; they may be refused.
    changing: VecDeque<Sent>,
    /// All its messages, in order.
    all: Vec<ClientMessageId>,
}

struct Sent {
    send: Send,
    next_try: u64,
}

/// All of them.
pub struct Clients {
    buses: Vec<Bus>,
    inboxes: Vec<NodeInbox>,
    senders: Vec<Sender>,
    record: Record,
    random: StdRng,
    sessions: BTreeMap<u64, usize>,
    next_session: u64,
    now_ms: u64,
    group_made: bool,
    /// How long a command may wait.
    patience_ms: u64,
}

impl Clients {
    pub fn new(buses: Vec<Bus>, random: StdRng) -> Self {
        let inboxes: Vec<NodeInbox> = buses.iter().map(|bus| bus.node(NodeId(1))).collect();
        let user = |name: &str| UserId::parse(name).unwrap();
        let group = GroupId::parse("team").unwrap();
        for inbox in &inboxes {
            ["alice", "bob", "carol"].iter().for_each(|name| inbox.subscribe_user(&user(name)));
            inbox.subscribe_group(&group);
        }
        let direct = ConversationId::direct(&user("alice"), &user("bob"));
        let group = ConversationId::group(&group);
        let sender = |name: &str, conversation: &ConversationId| Sender {
            user: user(name),
            conversation: conversation.clone(),
            outstanding: VecDeque::new(),
            changing: VecDeque::new(),
            all: Vec::new(),
        };
        let senders = vec![
            sender("alice", &direct),
            sender("bob", &direct),
            sender("alice", &group),
            sender("bob", &group),
            sender("carol", &group),
            sender("carol", &ConversationId::direct(&user("carol"), &user("carol"))),
        ];
        Self {
            buses,
            inboxes,
            senders,
            record: Record::default(),
            random,
            sessions: BTreeMap::new(),
            next_session: 1,
            now_ms: 0,
            group_made: false,
            patience_ms: 10_000,
        }
    }

    /// Commands may wait for so long: for routers whose clocks are far ahead.
    pub fn patient(mut self, patience_ms: u64) -> Self {
        self.patience_ms = patience_ms;
        self
    }

    pub fn partitions(&self) -> Vec<Partition> {
        let mut partitions: Vec<Partition> =
            self.senders.iter().map(|sender| Partition::of(&sender.conversation)).collect();
        partitions.sort_unstable();
        partitions.dedup();
        partitions
    }

    /// All conversations, those with several senders more than once.
    pub fn conversations(&self) -> impl Iterator<Item = &ConversationId> {
        self.senders.iter().map(|sender| &sender.conversation)
    }

    /// The newest seq that was told of a conversation.
    pub fn newest(&self, conversation: &ConversationId) -> Seq {
        self.record.newest(conversation)
    }

    /// For a moment nothing new is said.
    pub async fn rest(&mut self) {
        self.step(false).await;
    }

    /// Sends and resends for a while.
    pub async fn talk(&mut self, how_long: Duration) {
        let until = self.now_ms + how_long.as_millis() as u64;
        while self.now_ms < until {
            self.step(true).await;
        }
    }

    /// Resends until everything is acknowledged; the store is well again, so that takes a while at most.
    pub async fn finish(&mut self) -> Result<(), String> {
        let until = self.now_ms + 120_000;
        while self.senders.iter().any(|sender| !sender.outstanding.is_empty() || !sender.changing.is_empty())
        {
            if self.now_ms > until {
                return Err("messages are not acknowledged though everything is well".to_owned());
            }
            self.step(false).await;
        }
        Ok(())
    }

    async fn step(&mut self, fresh: bool) {
        tokio::time::sleep(STEP).await;
        self.now_ms += STEP.as_millis() as u64;
        self.receive();
        if !self.group_made && self.random.random_bool(0.1) {
            let members = ["bob", "carol"].iter().map(|name| UserId::parse(name).unwrap()).collect();
            let create = GroupRequest::Create { name: "Team".into(), members, settings: None };
            let request = Request::Group(GroupId::parse("team").unwrap(), create);
            self.command("alice", request, None);
        }
        if fresh && self.group_made && self.random.random_bool(0.1) {
            self.come_or_go();
        }
        for at in 0..self.senders.len() {
            if fresh && self.random.random_bool(0.2) && self.senders[at].outstanding.len() < OUTSTANDING_MAX {
                self.compose(at);
            }
            if fresh && self.random.random_bool(0.1) && self.senders[at].changing.len() < OUTSTANDING_MAX {
                self.compose_change(at);
            }
            self.try_due(at);
            if self.random.random_bool(0.02) {
                self.fetch(at);
            }
        }
    }

    /// Dave joins, leaves, is added, removed, muted; bob is this and that; the group says something else. Much of it changes
    /// nothing.
    fn come_or_go(&mut self) {
        let [bob, dave] = ["bob", "dave"].map(|name| UserId::parse(name).unwrap());
        let number = self.random.random_range(0..3_u64);
        let (who, request) = match self.random.random_range(0..8) {
            0 => ("dave", GroupRequest::Join),
            1 => ("dave", GroupRequest::Leave),
            2 => ("alice", GroupRequest::Add(vec![dave])),
            3 => ("alice", GroupRequest::Remove(vec![dave])),
            4 => ("alice", GroupRequest::Mute(vec![dave], Timestamp(number << 45))),
            5 => {
                let role = if number == 0 { Role::Admin } else { Role::Member };
                ("alice", GroupRequest::SetRole(vec![bob], role))
            }
            6 => ("bob", GroupRequest::SetNickname(bob, format!("Bob {number}"))),
            _ => {
                let announcement = Some(format!("Nr. {number}"));
                ("alice", GroupRequest::Edit(Box::new(GroupEdit { announcement, ..GroupEdit::default() })))
            }
        };
        self.command(who, Request::Group(GroupId::parse("team").unwrap(), request), None);
    }

    fn compose(&mut self, at: usize) {
        let id = ClientMessageId(self.random.random::<u128>().to_be_bytes());
        let sender = &mut self.senders[at];
        let send = Send {
            client_message_id: id,
            to: Recipient::Conversation(sender.conversation.clone()),
            body: Body::text(sender.all.len().to_string()),
            ack: AckMode::Persisted,
            attempt: 0,
            age_ms: 0,
            after: sender.outstanding.back().map(|sent| sent.send.client_message_id),
        };
        sender.all.push(id);
        sender.outstanding.push_back(Sent { send, next_try: 0 });
    }

    /// Changes any message so far, or what is none.
    fn compose_change(&mut self, at: usize) {
        let conversation = self.senders[at].conversation.clone();
        let newest = self.record.newest(&conversation).0;
        // Often the same ones, so that changes meet.
        let oldest = if self.random.random_bool(0.5) { newest.saturating_sub(5) } else { 0 };
        let seq = self.random.random_range(oldest..=newest) + 1;
        let change = changes::any(&mut self.random);
        let target = MessageTarget { seq: Seq(seq), message_id: None };
        let id = ClientMessageId(self.random.random::<u128>().to_be_bytes());
        let send = Send::change(id, conversation, target, &change);
        self.senders[at].changing.push_back(Sent { send, next_try: 0 });
    }

    fn try_due(&mut self, at: usize) {
        let now_ms = self.now_ms;
        for n in 0..self.senders[at].outstanding.len() + self.senders[at].changing.len() {
            let pause = self.random.random_range(100..800);
            let sender = &mut self.senders[at];
            let user = sender.user.clone();
            let Some(sent) = sender.outstanding.iter_mut().chain(&mut sender.changing).nth(n) else { break };
            if sent.next_try > now_ms {
                continue;
            }
            sent.next_try = now_ms + pause;
            let request = Request::Send(sent.send.clone());
            sent.send.attempt += 1;
            sent.send.age_ms += pause;
            self.command(user.as_str(), request, Some(at));
        }
    }

    fn fetch(&mut self, at: usize) {
        let sender = &self.senders[at];
        let (user, conversation) = (sender.user.clone(), sender.conversation.clone());
        let backwards = self.random.random_bool(0.5);
        let fetch = Fetch { conversation, from: Seq(1), to: Seq::ZERO, limit: 20, backwards };
        self.command(user.as_str(), Request::Fetch(fetch), None);
    }

    /// Mostly to the router with the highest epoch, as nodes do; sometimes to a stale one.
    fn command(&mut self, user: &str, request: Request, sender: Option<usize>) {
        let session = self.next_session;
        self.next_session += 1;
        let mut command = Command {
            origin: Origin {
                user: UserId::parse(user).unwrap(),
                device: DeviceId::unnamed(),
                session: SessionRef { node: NodeId(1), session },
                source: Source::Client,
            },
            deadline: Timestamp(wall_clock_ms() + self.patience_ms),
            epoch: proto::Epoch(0),
            once: None,
            trace: TraceId::default(),
            request,
        };
        let partition = command.partition();
        let newest = (0..self.buses.len()).max_by_key(|bus| self.buses[*bus].epoch(partition)).unwrap_or(0);
        let stale = self.random.random_bool(0.3);
        let bus = if stale { self.random.random_range(0..self.buses.len()) } else { newest };
        command.epoch = self.buses[bus].epoch(partition);
        if let Some(sender) = sender {
            self.sessions.insert(session, sender);
        }
        // Busy: tried again like everything else.
        let _ = self.buses[bus].send_command(command);
    }

    fn receive(&mut self) {
        let mut all = Vec::new();
        let mut batch = Vec::new();
        for inbox in &self.inboxes {
            if inbox.recv(&mut batch).now_or_never().is_some() {
                all.append(&mut batch);
            }
        }
        for delivery in all {
            match delivery.payload {
                Payload::Fanout(fanout) => self.frame(fanout.frame.frame(), None),
                Payload::Reply(session, Reply::Frame(frame)) => self.frame(&frame, Some(session)),
                Payload::Reply(_, Reply::GroupDone(_)) => self.group_made = true,
                _ => {}
            }
        }
    }

    fn frame(&mut self, frame: &ServerFrame, session: Option<u64>) {
        match frame {
            ServerFrame::Ack(ack) => {
                self.record.ack(ack);
                if let Some(sender) = session.and_then(|session| self.sessions.get(&session)) {
                    let others = |sent: &Sent| sent.send.client_message_id != ack.client_message_id;
                    self.senders[*sender].outstanding.retain(others);
                    self.senders[*sender].changing.retain(others);
                }
            }
            ServerFrame::Event(event) => self.record.entry(&event.conversation, &event.entry),
            ServerFrame::Page(page) => {
                page.entries.iter().for_each(|entry| self.record.entry(&page.conversation, entry));
                self.record.head(&page.conversation, page.head);
            }
            ServerFrame::Head(head) => self.record.head(&head.conversation, head.last),
            ServerFrame::Nack(nack) if nack.code == Code::Conflict => self.group_made = true,
            ServerFrame::Nack(nack) if !nack.code.temporary() => {
                if let Some(sender) = session.and_then(|session| self.sessions.get(&session)) {
                    let others = |sent: &Sent| Some(sent.send.client_message_id) != nack.client_message_id;
                    self.senders[*sender].changing.retain(others);
                }
            }
            _ => {}
        }
    }

    /// Reads every log to its end and compares; gives the number of acknowledged messages.
    pub async fn check(&mut self, store: &Store) -> Result<u64, String> {
        self.receive();
        for sender in &self.senders {
            let conversation = &sender.conversation;
            let head = self.record.newest(conversation);
            let log = whole_log(store, conversation, head).await?;
            if log.len() as u64 != head.0 {
                return Err(format!("{conversation} has {} entries but its head is {head}", log.len()));
            }
            self.record.check(conversation, &log)?;
            changes::check(store, conversation, &log).await?;
            if let ConversationKind::Group(group) = conversation.kind() {
                members::of_log(&log)?;
                let expected = members::state_of_log(&group, &log);
                let touched = store.touched(Partition::of(conversation)).await;
                let owed = touched.map_err(|error| error.to_string())?.contains(conversation);
                let page = store.members(&group, None, 100).await.map_err(|error| error.to_string())?;
                let mut info = store.group(&group).await.map_err(|error| error.to_string())?;
                // Which write brought what is no matter of the log.
                info.iter_mut().for_each(|info| info.settings.changed_since = Seq::ZERO);
                let stored = (info, page);
                if !owed && stored != expected {
                    return Err(format!("the group is {stored:?} but the log says {expected:?}"));
                }
            }
            let stored: Vec<ClientMessageId> = log
                .iter()
                .filter(|entry| entry.sender == sender.user && sender.all.contains(&entry.client_message_id))
                .map(|entry| entry.client_message_id)
                .collect();
            if stored != sender.all {
                return Err(format!("{conversation}: messages of {} are lost or out of order", sender.user));
            }
        }
        Ok(self.record.acknowledged())
    }
}

async fn whole_log(store: &Store, conversation: &ConversationId, head: Seq) -> Result<Vec<Entry>, String> {
    let range =
        PageRange { from: Seq(1), to: head, limit: usize::MAX, bytes: usize::MAX, backwards: false, head };
    store.page(conversation, range).await.map_err(|error| error.to_string())
}
