//! A process that has only sockets moves, while the cluster around it goes on: who was there is told to ask, and misses nothing.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use super::{PATIENT, Stand, Stop};
use crate::http::{User, new_user, post_as};
use crate::process::{Tidegate, until};
use crate::socket::Socket;
use crate::stand::{Cluster, frame, say_frame, status, until_ready};

const UPGRADES: usize = 3;
/// The last words of whoever writes.
const END: &str = "the end";

/// What one socket has of each conversation: events by their seq, and what is missing, fetched.
struct Reader<'a> {
    socket: Socket,
    /// From the first entry on.
    logs: BTreeMap<String, Vec<Value>>,
    /// How far each goes, as far as is known.
    heads: BTreeMap<String, u64>,
    /// Conversations of which a part is asked for.
    fetching: Vec<String>,
    /// How often it was told to ask.
    resyncs: &'a AtomicUsize,
}

fn number(value: &Value) -> u64 {
    value.as_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("a number: {value}"))
}

impl<'a> Reader<'a> {
    fn new(socket: Socket, resyncs: &'a AtomicUsize) -> Self {
        Self { socket, logs: BTreeMap::new(), heads: BTreeMap::new(), fetching: Vec::new(), resyncs }
    }

    /// Reads until each of these conversations has come to its end.
    fn until_the_end(&mut self, conversations: &[&str]) {
        until(|| {
            self.step();
            let ended = |conversation: &&str| {
                let log = self.logs.get(*conversation);
                log.and_then(|log| log.last()).is_some_and(|body| body["text"] == END)
            };
            conversations.iter().all(ended).then_some(())
        });
    }

    fn step(&mut self) {
        let names = ["event", "head", "page", "delta", "resync", "nack"];
        let (name, content) = self.socket.until_any(&names);
        match name {
            "event" => self.entry(&content),
            "head" => self.head(&content["conversation"], number(&content["last_seq"])),
            "page" => {
                let asked = content["conversation"].as_str().expect("of a conversation").to_owned();
                self.fetching.retain(|conversation| *conversation != asked);
                content["entries"].as_array().expect("entries").iter().for_each(|entry| self.entry(entry));
                self.fetch(&asked);
            }
            "delta" => {
                for changed in content["conversations"].as_array().into_iter().flatten() {
                    self.head(&changed["conversation"], number(&changed["head"]));
                }
            }
            "resync" => {
                self.sync();
                self.resyncs.fetch_add(1, Ordering::SeqCst);
            }
            _ => {
                thread::sleep(Duration::from_millis(content["retry_after_ms"].as_u64().expect("for now")));
                self.sync();
            }
        }
    }

    /// What comes twice is what came before.
    fn entry(&mut self, entry: &Value) {
        let conversation = entry["conversation"].as_str().expect("of a conversation");
        let (seq, log) = (number(&entry["seq"]), self.logs.entry(conversation.to_owned()).or_default());
        match usize::try_from(seq).expect("a place").checked_sub(1) {
            Some(place) if place == log.len() => log.push(entry["body"].clone()),
            Some(place) if place < log.len() => assert_eq!(log[place], entry["body"], "{conversation} {seq}"),
            _ => self.head(&entry["conversation"], seq),
        }
    }

    fn head(&mut self, conversation: &Value, seq: u64) {
        let conversation = conversation.as_str().expect("an id");
        let head = self.heads.entry(conversation.to_owned()).or_default();
        *head = seq.max(*head);
        self.fetch(conversation);
    }

    fn held(&self, conversation: &str) -> u64 {
        self.logs.get(conversation).map_or(0, |log| log.len() as u64)
    }

    /// Asks for what is missing, one page after the other.
    fn fetch(&mut self, conversation: &str) {
        let (held, head) =
            (self.held(conversation), self.heads.get(conversation).copied().unwrap_or_default());
        if held < head && !self.fetching.iter().any(|other| other == conversation) {
            self.fetching.push(conversation.to_owned());
            self.socket.send(&json!({ "fetch": {
                "conversation": conversation,
                "from_seq": (held + 1).to_string(),
                "to_seq": head.to_string(),
            }}));
        }
    }

    /// Asks where everything is; what was asked before may never be answered.
    fn sync(&mut self) {
        self.fetching.clear();
        let open = self.logs.keys().map(|conversation| {
            json!({ "conversation": conversation, "seq": self.held(conversation).to_string() })
        });
        let open: Vec<_> = open.collect();
        self.socket.send(&json!({ "sync": { "cursor": "", "open": open } }));
    }

    /// What was written in a conversation.
    fn texts(&self, conversation: &str) -> Vec<&str> {
        self.logs[conversation].iter().filter_map(|body| body["text"].as_str()).collect()
    }
}

/// Who writes to others, one message after the other, each until it is acknowledged.
struct Writer {
    number: u32,
    socket: Socket,
    /// What was said in each conversation.
    said: BTreeMap<String, Vec<String>>,
}

impl Writer {
    fn new(number: u32, socket: Socket) -> Self {
        Self { number, socket, said: BTreeMap::new() }
    }

    /// Gives the conversation.
    fn say(&mut self, to: &Value, text: &str) -> String {
        self.number += 1;
        let mut frame = frame(self.number, "", text);
        let send = frame["send"].as_object_mut().expect("an object");
        send.remove("to_user");
        send.extend(to.as_object().expect("an object").clone());
        let ack = say_frame(&mut self.socket, &mut frame);
        let conversation = ack["conversation"].as_str().expect("an id").to_owned();
        self.said.entry(conversation.clone()).or_default().push(text.to_owned());
        conversation
    }

    fn until_stopped(mut self, to: &[Value], stop: &AtomicBool) -> Self {
        let mut count = 0;
        while !stop.load(Ordering::SeqCst) {
            count += 1;
            for to in to {
                self.say(to, &format!("word {count}"));
            }
        }
        for to in to {
            self.say(to, END);
        }
        self
    }
}

fn group(api: &Tidegate, owner: &User, member: &User) -> Value {
    let body = json!({ "name": "both", "members": [member.id] });
    let group = post_as(&api.url("/api/v1/groups"), &owner.token, &body);
    assert_eq!(group.status, 201, "{}", group.text);
    json!({ "conversation": group.json()["conversation"] })
}

#[test]
fn who_is_on_it_asks_for_what_was_sent_meanwhile_and_has_it_once() {
    let folder = tempfile::tempdir().unwrap();
    let Some(cluster) = Cluster::prepared(folder.path()) else { return };
    let (router, api) = (cluster.start("router", "router"), cluster.start("api", "api"));
    let far = cluster.start("gateway-2", "gateway");
    let more = [&PATIENT[..], &[("TIDEGATE_GATEWAY__SHARDS", "2")]].concat();
    let near = cluster.start_with("gateway-1", "gateway", &more);
    until_ready([&router, &api, &near, &far]);
    let near = Stand::of(&folder.path().join("gateway-1"), near);
    let [alice, bob, carol] = ["alice", "bob", "carol"].map(|name| new_user(&api, name, "correct horse"));
    let group = group(&api, &alice, &bob);
    let to_alice = json!({ "to_user": alice.id });

    let resyncs = AtomicUsize::new(0);
    let mut reader = Reader::new(Socket::open(near.server(), &alice.token), &resyncs);
    let here = Writer::new(100_000, Socket::open(near.server(), &carol.token));
    let there = Writer::new(200_000, Socket::open(&far, &bob.token));
    let stop = AtomicBool::new(false);
    let (here, there) = thread::scope(|scope| {
        let stopping = Stop(&stop);
        let here = scope.spawn(|| here.until_stopped(std::slice::from_ref(&to_alice), &stop));
        let there = scope.spawn(|| there.until_stopped(&[to_alice.clone(), group.clone()], &stop));
        let reading = scope.spawn(|| {
            while !stop.load(Ordering::SeqCst) {
                reader.step();
            }
        });
        for upgrade in 1..=UPGRADES {
            let before = near.pid();
            let (code, told) = near.upgrade();
            assert_eq!(code, Some(0), "{told}");
            assert!(told.contains("2 sockets moved to process"), "{told}");
            assert_ne!(near.pid(), before);
            until(|| (resyncs.load(Ordering::SeqCst) >= upgrade).then_some(()));
        }
        drop(stopping);
        reading.join().expect("no panic");
        (here.join().expect("no panic"), there.join().expect("no panic"))
    });

    let said: BTreeMap<_, _> = here.said.iter().chain(&there.said).collect();
    assert_eq!(said.len(), 3);
    let conversations: Vec<_> = said.keys().map(|conversation| conversation.as_str()).collect();
    reader.until_the_end(&conversations);
    for (conversation, said) in said {
        assert_eq!(reader.texts(conversation), *said, "in order, once, and all of it");
    }
    until(|| (status(&api, &alice) == "online").then_some(()));
    let logs = near.stop();
    assert!(!logs.contains("\"ERROR\""), "{logs}");
}
