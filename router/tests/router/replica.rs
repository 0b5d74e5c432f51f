//! A device that comes and goes has what a device has that comes for the first time, whatever happened meanwhile: messages and
//! what became of them, reads, settings, what is gone.

use std::collections::BTreeMap;

use proto::body::{Change, MessageTarget};
use proto::client_frame::{Fetch, Position, Send, Sync};
use proto::command::GroupRequest;
use proto::settings::{Preferences, Private, PrivateChange, Settings};
use proto::{
    Body, ClientMessageId, ConversationId, Delivery, Entry, Payload, Reply, Request, Seq, ServerFrame, Target,
};

use crate::stand::{Stand, config, direct, group, message, user};

/// SplitMix64: the same steps in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb) % bound
    }
}

/// What a device holds of one conversation.
#[derive(Clone, Debug, Default, PartialEq)]
struct Held {
    head: Seq,
    read: Seq,
    unread: u64,
    mentions: u32,
    settings: Settings,
    /// Messages, as they are now.
    messages: BTreeMap<Seq, Body>,
}

impl Held {
    fn take(&mut self, entry: &Entry) {
        self.head = self.head.max(entry.seq);
        match entry.body.as_change() {
            Some((target, change)) => {
                let Some(body) = self.messages.get_mut(&target.seq) else { return };
                match change {
                    Change::Edit(Some(edited)) if !body.encoded().is_empty() => *body = edited,
                    Change::Recall => *body = Body::from_encoded(Vec::new().into()),
                    _ => {}
                }
            }
            None if matches!(entry.body.to_wire().kind, Some(proto::wire::body::Kind::System(_))) => {}
            None => {
                self.messages.insert(entry.seq, entry.body.clone());
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

/// One device of alice.
#[derive(Default)]
struct Device {
    cursor: String,
    held: BTreeMap<ConversationId, Held>,
    online: bool,
    /// Deliveries before this one were for others, or came while it was away.
    heard: usize,
}

impl Device {
    async fn connect(&mut self, stand: &mut Stand, log: &[Delivery]) {
        self.heard = log.len();
        self.online = true;
        loop {
            let sync = Sync { cursor: self.cursor.clone(), open: Vec::new() };
            let delta = match stand.ask("alice", Request::Sync(sync)).await {
                Reply::Frame(ServerFrame::Delta(delta)) => delta,
                other => panic!("no delta but {other:?}"),
            };
            for state in delta.conversations {
                let held = self.held.entry(state.conversation.clone()).or_default();
                (held.read, held.unread, held.mentions) =
                    (state.read_seq, state.unread, state.mention_unread);
                held.set(&state.settings.unwrap_or_default());
                self.fill(stand, &state.conversation, state.head).await;
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
                other => panic!("no page but {other:?}"),
            };
            page.entries.iter().for_each(|entry| held.take(entry));
            held.head = held.head.max(page.to);
        }
    }

    /// Takes what was published since it listened last.
    async fn listen(&mut self, stand: &mut Stand, log: &[Delivery]) {
        for delivery in log.iter().skip(std::mem::replace(&mut self.heard, log.len())) {
            let Payload::Fanout(fanout) = &delivery.payload else { continue };
            match fanout.frame.frame() {
                ServerFrame::Event(event) => {
                    let before = Seq(event.entry.seq.0 - 1);
                    self.fill(stand, &event.conversation, before).await;
                    let held = self.held.entry(event.conversation.clone()).or_default();
                    if event.entry.seq == held.head.next() {
                        held.take(&event.entry);
                    }
                }
                ServerFrame::Settings(of) => {
                    self.held.entry(of.conversation.clone()).or_default().set(&of.settings);
                }
                _ => {}
            }
        }
    }
}

struct World {
    stand: Stand,
    random: Random,
    places: Vec<ConversationId>,
    heads: BTreeMap<ConversationId, Seq>,
    log: Vec<Delivery>,
}

impl World {
    async fn new(seed: u64) -> Self {
        let users = ["alice"];
        let mut stand = Stand::start_listening(store::Store::memory(), config(), &users).await;
        stand.listen_group("team");
        let members = vec![user("bob"), user("carol")];
        stand
            .group("alice", "team", GroupRequest::Create { name: "Team".into(), members, settings: None })
            .await;
        let team = ConversationId::group(&group("team"));
        let places = vec![direct("alice", "bob"), direct("alice", "carol"), team.clone()];
        let heads = [(team, Seq(1))].into();
        Self { stand, random: Random(seed), places, heads, log: Vec::new() }
    }

    /// Somebody does something.
    async fn step(&mut self) {
        let id = self.places[usize::try_from(self.random.below(3)).unwrap()].clone();
        let head = self.heads.get(&id).copied().unwrap_or_default();
        let seq = Seq(1 + self.random.below(head.0.max(1)));
        let others = if id == direct("alice", "bob") { "bob" } else { "carol" };
        let who = if self.random.below(3) == 0 { "alice" } else { others };
        match self.random.below(10) {
            0..=3 => {
                let body = Body::text(format!("{who} {}", self.random.below(1_000)));
                let to = proto::client_frame::Recipient::Conversation(id.clone());
                self.say(who, Send { body, ..message(to, "") }).await;
            }
            4 => self.change(who, &id, seq, &Change::Edit(Some(Body::text("changed")))).await,
            5 => self.change(who, &id, seq, &Change::Recall).await,
            6 => {
                let read = Request::Read(Position { conversation: id, seq });
                self.stand.ask("alice", read).await;
            }
            7 => self.keep(&id, Private::Delete(vec![seq])).await,
            8 if self.random.below(3) == 0 => self.keep(&id, Private::Clear(seq)).await,
            _ => {
                let pinned = Some(self.random.below(2) == 0);
                let draft = Some(self.random.below(9).to_string());
                let set = Preferences { pinned, draft, ..Preferences::default() };
                self.keep(&id, Private::Set(Box::new(set))).await;
            }
        }
    }

    async fn change(&mut self, who: &str, id: &ConversationId, seq: Seq, change: &Change) {
        let target = MessageTarget { seq, message_id: None };
        self.say(who, Send::change(ClientMessageId::now(), id.clone(), target, change)).await;
    }

    async fn say(&mut self, who: &str, send: Send) {
        // What may not be is refused, which is fine.
        if let Reply::Frame(ServerFrame::Ack(ack)) = self.stand.ask(who, Request::Send(send)).await {
            self.heads.insert(ack.conversation, ack.seq);
        }
    }

    async fn keep(&mut self, id: &ConversationId, what: Private) {
        let change = PrivateChange { conversation: id.clone(), what };
        self.stand.ask("alice", Request::Private(change)).await;
    }

    /// Everything that was published, in order.
    fn hear(&mut self) {
        let (alice, team) = (Target::User(user("alice")), Target::Group(group("team")));
        let log: Vec<Delivery> = self.stand.others().cloned().collect();
        self.log = log.into_iter().filter(|of| of.target == alice || of.target == team).collect();
    }

    /// Waits until lists have everything, and gives what a new device has then.
    async fn settled(&mut self) -> Device {
        for _ in 0..6_000 {
            let mut new = Device::default();
            new.connect(&mut self.stand, &[]).await;
            let lists =
                |(id, head): (&ConversationId, &Seq)| new.held.get(id).is_some_and(|held| held.head == *head);
            if self.heads.iter().all(lists) {
                return new;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        panic!("lists never had everything")
    }
}

async fn a_device_comes_and_goes(seed: u64) {
    let mut world = World::new(seed).await;
    let mut device = Device::default();
    device.connect(&mut world.stand, &[]).await;
    for _ in 0..120 {
        world.step().await;
        world.hear();
        let log = world.log.clone();
        match (device.online, world.random.below(8)) {
            (true, 0) => device.online = false,
            (true, _) => device.listen(&mut world.stand, &log).await,
            (false, 0) => device.connect(&mut world.stand, &log).await,
            (false, _) => {}
        }
    }
    let new = world.settled().await;
    world.hear();
    let log = world.log.clone();
    device.connect(&mut world.stand, &log).await;
    assert_eq!(device.held, new.held, "seed {seed}");
    assert!(new.held.values().any(|held| !held.settings.hides_nothing()), "something was gone, seed {seed}");
}

#[tokio::test]
async fn a_replica_is_the_servers_state_after_any_absences() {
    for seed in [1, 2] {
        a_device_comes_and_goes(seed).await;
    }
}
