//! A device that comes and goes has what a device has that comes for the first time, whatever happened meanwhile: messages and
//! what became of them, reactions, pins, reads, settings, what is gone, membership, invitations, contacts.

mod device;

use std::collections::BTreeMap;

use device::Device;
use proto::body::{Change, MessageTarget};
use proto::client_frame::{Position, Send};
use proto::command::GroupRequest;
use proto::settings::{Preferences, Private, PrivateChange};
use proto::{
    Body, ClientMessageId, ContactRequest, ConversationId, Delivery, Payload, Reply, Request, Seq,
    ServerFrame, Target, Timestamp,
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

struct World {
    stand: Stand,
    random: Random,
    places: Vec<ConversationId>,
    heads: BTreeMap<ConversationId, Seq>,
    /// Of alice in the group, and whether she is invited to it.
    is_in: bool,
    is_invited: bool,
    log: Vec<Delivery>,
}

impl World {
    async fn new(seed: u64) -> Self {
        let users = ["alice"];
        let mut stand = Stand::start_listening(store::Store::memory(), config(), &users).await;
        stand.listen_group("team");
        let members = vec![user("alice"), user("carol")];
        stand
            .group("bob", "team", GroupRequest::Create { name: "Team".into(), members, settings: None })
            .await;
        let team = ConversationId::group(&group("team"));
        let places = vec![direct("alice", "bob"), direct("alice", "carol"), team.clone()];
        let heads = [(team, Seq(1))].into();
        let (is_in, is_invited) = (true, false);
        Self { stand, random: Random(seed), places, heads, is_in, is_invited, log: Vec::new() }
    }

    /// Somebody does something.
    async fn step(&mut self) {
        let id = self.places[usize::try_from(self.random.below(3)).unwrap()].clone();
        let head = self.heads.get(&id).copied().unwrap_or_default();
        let seq = Seq(1 + self.random.below(head.0.max(1)));
        let others = if id == direct("alice", "bob") { "bob" } else { "carol" };
        let who = if self.random.below(3) == 0 { "alice" } else { others };
        match self.random.below(14) {
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
            9 => self.react(who, &id, seq).await,
            10 => self.meet(others).await,
            11 => self.come_or_go().await,
            _ => {
                let pinned = Some(self.random.below(2) == 0);
                let draft = Some(self.random.below(9).to_string());
                let set = Preferences { pinned, draft, ..Preferences::default() };
                self.keep(&id, Private::Set(Box::new(set))).await;
            }
        }
    }

    async fn react(&mut self, who: &str, id: &ConversationId, seq: Seq) {
        let remove = self.random.below(3) == 0;
        let change = match self.random.below(3) {
            0 => Change::Pin { remove },
            kind => Change::React { reaction: if kind == 1 { "👍" } else { "❤" }.into(), remove },
        };
        self.change(who, id, seq, &change).await;
    }

    /// Alice and another become something to each other, or nothing any more.
    async fn meet(&mut self, other: &str) {
        let request = match self.random.below(8) {
            0..=1 => ContactRequest::Apply("hello".into()),
            2..=3 => ContactRequest::Accept,
            4 => ContactRequest::Reject,
            5 => ContactRequest::Remove,
            6 if self.random.below(2) == 0 => ContactRequest::Block,
            6 => ContactRequest::Unblock,
            _ => ContactRequest::Remark(format!("my {other}")),
        };
        let (who, whom) = if self.random.below(2) == 0 { ("alice", other) } else { (other, "alice") };
        self.stand.ask(who, Request::Contact(user(whom), request)).await;
    }

    /// Alice leaves or joins; or is invited, or declines.
    async fn come_or_go(&mut self) {
        let (who, request) = match (self.is_in, self.is_invited, self.random.below(3)) {
            (true, ..) => ("alice", GroupRequest::Leave),
            (false, _, 0) => ("alice", GroupRequest::Join),
            (false, false, _) => ("bob", GroupRequest::Invite(vec![user("alice")], Timestamp(u64::MAX >> 1))),
            (false, true, _) => ("alice", GroupRequest::Uninvite(vec![user("alice")])),
        };
        self.is_invited = matches!(request, GroupRequest::Invite(..));
        self.is_in = matches!(request, GroupRequest::Join);
        let (seq, _) = self.stand.group(who, "team", request).await;
        self.heads.insert(ConversationId::group(&group("team")), seq);
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

    /// What all that was ever told makes of contacts.
    fn told(&self) -> Device {
        let mut told = Device::default();
        for delivery in &self.log {
            if let Payload::Fanout(fanout) = &delivery.payload
                && let ServerFrame::Contact(contact) = fanout.frame.frame()
            {
                told.meet(contact.as_ref().clone());
            }
        }
        told
    }

    /// Waits until lists have everything, and gives what a new device has then.
    async fn settled(&mut self) -> Device {
        for _ in 0..6_000 {
            let mut new = Device::default();
            new.connect(&mut self.stand, &[]).await;
            let lists = |(id, head): (&ConversationId, &Seq)| match new.held.get(id) {
                Some(held) => held.head == *head && (self.is_in || !id.is_group()),
                None => id.is_group() && !self.is_in,
            };
            let is_known = new.invited.is_empty() != self.is_invited;
            if self.heads.iter().all(lists) && is_known && new.contacts() == self.told().contacts() {
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
    for _ in 0..150 {
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
    world.hear();
    let new = world.settled().await;
    world.hear();
    let log = world.log.clone();
    device.connect(&mut world.stand, &log).await;
    assert_eq!(device.held, new.held, "seed {seed}");
    assert_eq!(device.invited, new.invited, "seed {seed}");
    assert_eq!(device.contacts(), new.contacts(), "seed {seed}");
    assert!(new.held.values().any(|held| !held.settings.hides_nothing()), "something was gone, seed {seed}");
}

#[tokio::test]
async fn a_replica_is_the_servers_state_after_any_absences() {
    for seed in [1, 2] {
        a_device_comes_and_goes(seed).await;
    }
}
