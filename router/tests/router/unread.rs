//! What is unread is what a recount over the log finds: told to devices that read, and listed to those that come, whatever
//! happened before, and whoever owns the conversations now.

use std::collections::{BTreeMap, BTreeSet};

use proto::body::{Change, MessageTarget};
use proto::client_frame::{Position, Recipient, Send, Sync};
use proto::command::GroupRequest;
use proto::server_frame::ConversationState;
use proto::settings::{Private, PrivateChange};
use proto::{Body, ClientMessageId, ConversationId, Payload, Reply, Request, Seq, ServerFrame, Target, wire};

use crate::stand::{Stand, config, direct, group, message, user};

const USERS: [&str; 3] = ["alice", "bob", "carol"];

/// SplitMix64: the same steps in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % bound as u64).unwrap()
    }
}

/// A message, as a recount needs it.
struct Said {
    sender: &'static str,
    mentions: Vec<&'static str>,
}

/// One log, and where its readers are.
#[derive(Default)]
struct Log {
    head: Seq,
    messages: BTreeMap<Seq, Said>,
    read: BTreeMap<&'static str, Seq>,
}

impl Log {
    /// What is unread after this place, and how many of these mention the user.
    fn recount(&self, name: &str, read: Seq) -> (u64, u32) {
        let unread = self.messages.range(read.next()..).map(|(_, said)| said);
        let others: Vec<&Said> = unread.filter(|said| said.sender != name).collect();
        let naming = others.iter().filter(|said| said.mentions.contains(&name)).count();
        (others.len() as u64, u32::try_from(naming).unwrap())
    }

    fn reads(&mut self, name: &'static str, seq: Seq) {
        let read = self.read.entry(name).or_default();
        *read = (*read).max(seq.min(self.head));
    }
}

struct World {
    stand: Stand,
    random: Random,
    logs: BTreeMap<ConversationId, Log>,
    members: BTreeSet<&'static str>,
}

impl World {
    async fn new(seed: u64) -> Self {
        let mut stand = Stand::start_listening(store::Store::memory(), config(), &USERS).await;
        let members = vec![user("bob")];
        stand
            .group("alice", "team", GroupRequest::Create { name: "T".into(), members, settings: None })
            .await;
        let places = [direct("alice", "bob"), direct("bob", "carol"), direct("alice", "alice")];
        let mut logs: BTreeMap<_, _> = places.map(|id| (id, Log::default())).into();
        logs.insert(ConversationId::group(&group("team")), Log { head: Seq(1), ..Log::default() });
        Self { stand, random: Random(seed), logs, members: ["alice", "bob"].into() }
    }

    fn reads_of(&self, id: &ConversationId) -> Vec<&'static str> {
        let is_in = |name: &&'static str| match id.is_group() {
            true => self.members.contains(name),
            false => id.peer_of(&user(name)).is_some(),
        };
        USERS.into_iter().filter(is_in).collect()
    }

    /// Somebody does something, from whatever device.
    async fn step(&mut self) {
        let at = self.random.below(self.logs.len());
        let id = self.logs.keys().nth(at).unwrap().clone();
        let readers = self.reads_of(&id);
        let who = readers[self.random.below(readers.len())];
        let head = self.logs[&id].head;
        let seq = Seq(1 + self.random.below(usize::try_from(head.0).unwrap().max(1)) as u64);
        match self.random.below(12) {
            0..=3 => self.say(who, &id).await,
            4 => self.change(who, &id, seq, &Change::Edit(Some(Body::text("changed")))).await,
            5 => self.change(who, &id, seq, &Change::Recall).await,
            6 => self.change(who, &id, seq, &Change::React { reaction: "👍".into(), remove: false }).await,
            7..=8 => self.read(who, &id, seq).await,
            9 if self.random.below(3) == 0 => self.clear(who, &id, seq).await,
            10 => self.come_or_go().await,
            11 if self.random.below(8) == 0 => self.another_owner().await,
            _ => {}
        }
    }

    async fn say(&mut self, who: &'static str, id: &ConversationId) {
        let (one, all) = (USERS[self.random.below(3)], self.random.below(4) == 0 && who == "alice");
        let mut body = Body::text("well?").to_wire();
        let naming = self.random.below(2) == 0;
        let users = if naming { vec![one.to_owned()] } else { Vec::new() };
        body.mentions = (naming || all).then_some(wire::Mentions { users, all: all && id.is_group() });
        let sent = Send { body: Body::from_wire(&body), ..message(Recipient::Conversation(id.clone()), "") };
        let seq = self.append(who, sent).await.expect("who may read may send");
        let readers = self.reads_of(id);
        let mentions = readers.into_iter().filter(|name| (naming && *name == one) || (all && id.is_group()));
        let said = Said { sender: who, mentions: mentions.collect() };
        let log = self.logs.get_mut(id).unwrap();
        log.messages.insert(seq, said);
        log.reads(who, seq);
    }

    async fn change(&mut self, who: &'static str, id: &ConversationId, seq: Seq, change: &Change) {
        let target = MessageTarget { seq, message_id: None };
        // What may not be is refused, which is fine.
        self.append(who, Send::change(ClientMessageId::now(), id.clone(), target, change)).await;
    }

    async fn append(&mut self, who: &str, send: Send) -> Option<Seq> {
        match self.stand.ask(who, Request::Send(send)).await {
            Reply::Frame(ServerFrame::Ack(ack)) => {
                let log = self.logs.get_mut(&ack.conversation).unwrap();
                log.head = log.head.max(ack.seq);
                Some(ack.seq)
            }
            _ => None,
        }
    }

    /// The receipt that one's own devices get says what is unread now.
    async fn read(&mut self, who: &'static str, id: &ConversationId, seq: Seq) {
        let position = Position { conversation: id.clone(), seq };
        self.stand.ask(who, Request::Read(position)).await;
        let log = self.logs.get_mut(id).unwrap();
        log.reads(who, seq);
        let (read, own) = (log.read[who], Target::User(user(who)));
        let receipts = self.stand.others().filter_map(|delivery| match &delivery.payload {
            Payload::Fanout(fanout) if delivery.target == own => match fanout.frame.frame() {
                ServerFrame::Receipt(of) if of.unread.is_some() && of.conversation == *id => Some(of.clone()),
                _ => None,
            },
            _ => None,
        });
        let told = receipts.last().expect("one's own devices are told");
        let (unread, _) = self.logs[id].recount(who, read);
        assert_eq!((told.read, told.unread), (Some(read), Some(unread)), "{who} in {id} up to {seq}");
    }

    async fn clear(&mut self, who: &'static str, id: &ConversationId, seq: Seq) {
        let change = PrivateChange { conversation: id.clone(), what: Private::Clear(seq) };
        self.stand.ask(who, Request::Private(change)).await;
        self.logs.get_mut(id).unwrap().reads(who, seq);
    }

    /// Who comes has read what is there.
    async fn come_or_go(&mut self) {
        let team = ConversationId::group(&group("team"));
        let who = ["bob", "carol"][self.random.below(2)];
        let comes = !self.members.contains(who);
        let request = if comes { GroupRequest::Join } else { GroupRequest::Leave };
        let (seq, _) = self.stand.group(who, "team", request).await;
        let log = self.logs.get_mut(&team).unwrap();
        log.head = seq;
        if comes {
            self.members.insert(who);
            if !log.messages.is_empty() {
                log.reads(who, seq);
            }
        } else {
            self.members.remove(who);
        }
    }

    async fn another_owner(&mut self) {
        let placeholder = Stand::start(store::Store::memory(), config()).await;
        let store = std::mem::replace(&mut self.stand, placeholder).stop().await;
        let placeholder =
            std::mem::replace(&mut self.stand, Stand::start_listening(store, config(), &USERS).await);
        placeholder.stop().await;
    }

    /// Every line of every list is as the log says.
    async fn check(&mut self, seed: u64) {
        for name in USERS {
            let lines = self.lines(name).await;
            for (id, log) in &self.logs {
                if !self.reads_of(id).contains(&name) || log.head == Seq::ZERO {
                    continue;
                }
                let line = &lines[id];
                let read = log.read.get(name).copied().unwrap_or_default();
                let recount = log.recount(name, read);
                let told = (line.read_seq, (line.unread, line.mention_unread));
                assert_eq!(told, (read, recount), "{name} in {id}, seed {seed}");
            }
        }
    }

    /// The list of a user, once it has everything.
    async fn lines(&mut self, name: &str) -> BTreeMap<ConversationId, ConversationState> {
        for _ in 0..6_000 {
            let lines: BTreeMap<_, _> =
                self.list(name).await.into_iter().map(|line| (line.conversation.clone(), line)).collect();
            let has = |id: &ConversationId, head: Seq| lines.get(id).is_some_and(|line| line.head == head);
            let mut mine = self.logs.iter().filter(|(id, _)| self.reads_of(id).contains(&name));
            if mine.all(|(id, log)| log.head == Seq::ZERO || has(id, log.head)) {
                return lines;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        panic!("the list of {name} never had everything")
    }

    async fn list(&mut self, name: &str) -> Vec<ConversationState> {
        match self.stand.ask(name, Request::Sync(Sync::default())).await {
            Reply::Frame(ServerFrame::Delta(delta)) => delta.conversations,
            other => panic!("no delta but {other:?}"),
        }
    }
}

#[tokio::test]
async fn unread_is_what_a_recount_over_the_log_finds() {
    for seed in [1, 2, 3] {
        let mut world = World::new(seed).await;
        for _ in 0..3 {
            for _ in 0..60 {
                world.step().await;
            }
            // By what another owner finds, which is everything that was told.
            world.another_owner().await;
            world.check(seed).await;
        }
    }
}
