//! Routers are killed.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};

use super::{KILLED, UNAVAILABLE, end, is_refused};
use crate::http::{User, get_as, new_user};
use crate::process::{Tidegate, until};
use crate::socket::Socket;
use crate::stand::{Cluster, frame, history, metric, say, say_frame, until_ready, until_told};

/// Enough that each of two routers has some of their conversations.
const PEERS: u32 = 12;

/// Two routers that share the conversations of a user, in each of which there is one message.
struct Shared {
    one: Tidegate,
    two: Tidegate,
    api: Tidegate,
    gateway: Tidegate,
    alice: User,
    a: Socket,
    peers: Vec<String>,
    conversations: Vec<Value>,
    /// Its rows are gone with it.
    _cluster: Cluster,
}

impl Shared {
    fn prepared(folder: &Path) -> Option<Self> {
        let cluster = Cluster::prepared(folder)?.may_warn(KILLED);
        let [one, two] = ["router-1", "router-2"].map(|name| cluster.start(name, "router"));
        let [api, gateway] = ["api", "gateway"].map(|role| cluster.start(role, role));
        until_ready([&one, &two, &api, &gateway]);
        until(|| (owned(&one) > 300 && owned(&two) > 300).then_some(()));
        let alice = new_user(&api, "alice", "correct horse");
        let mut a = Socket::open(&gateway, &alice.token);
        let peers: Vec<String> = (0..PEERS).map(|number| format!("peer{number}")).collect();
        let acks = peers.iter().zip(0..).map(|(peer, number)| say(&mut a, number, peer, "before"));
        let conversations = acks.map(|ack| ack["conversation"].clone()).collect();
        Some(Self { one, two, api, gateway, alice, a, peers, conversations, _cluster: cluster })
    }

    /// One more in each of them.
    fn frames(&self, text: &str) -> Vec<Value> {
        self.peers.iter().zip(PEERS..).map(|(peer, number)| frame(number, peer, text)).collect()
    }
}

#[test]
fn a_killed_router_is_replaced_and_what_was_acknowledged_is_there_once() {
    let folder = tempfile::tempdir().unwrap();
    let Some(shared) = Shared::prepared(folder.path()) else { return };
    let mut meanwhile = shared.frames("meanwhile");
    let Shared { one, two, api, gateway, alice, mut a, peers, conversations, .. } = shared;

    // Some of these it takes, some it does not.
    meanwhile.iter().for_each(|frame| a.send(frame));
    one.kill();
    for frame in &mut meanwhile {
        assert_eq!(say_frame(&mut a, frame)["seq"], "2");
    }
    for (number, (peer, conversation)) in peers.iter().zip(&conversations).enumerate() {
        let number = 2 * PEERS + u32::try_from(number).unwrap();
        assert_eq!(say(&mut a, number, peer, "after")["seq"], "3");
        assert_eq!(history(&api, conversation, &alice), ["before", "meanwhile", "after"]);
    }
    until(|| (owned(&two) == 1_024).then_some(()));
    end([gateway, api, two]);
}

/// The client sends nothing twice: the gateway does.
#[test]
fn what_a_killed_router_had_taken_is_answered_by_the_next_one() {
    let folder = tempfile::tempdir().unwrap();
    let Some(shared) = Shared::prepared(folder.path()) else { return };
    let meanwhile = shared.frames("meanwhile");
    let Shared { one, two, api, gateway, alice, mut a, conversations, .. } = shared;

    // What reaches it from now on it never looks at.
    one.signal("STOP");
    for (frame, conversation) in meanwhile.iter().zip(&conversations) {
        a.send(&json!({ "fetch": { "conversation": conversation, "from_seq": "1", "to_seq": "1" } }));
        a.send(frame);
    }
    until(|| {
        let of_the_dead =
            ["bus_commands_unanswered", "bus_commands_again_total"].map(|name| metric(&gateway, name));
        (of_the_dead.iter().sum::<u64>() > 0).then_some(())
    });
    one.kill();
    let (mut acknowledged, mut read) = (BTreeSet::new(), BTreeSet::new());
    while acknowledged.len() < meanwhile.len() || read.len() < conversations.len() {
        let (name, answer) = a.until_any(&["ack", "page", "nack"]);
        let conversation = answer["conversation"].to_string();
        match name {
            "ack" => {
                assert_eq!(answer["seq"], "2");
                acknowledged.insert(conversation);
            }
            _ => {
                assert_eq!((name, &answer["entries"][0]["seq"]), ("page", &json!("1")), "{answer}");
                assert!(read.insert(conversation), "one page for each fetch: {answer}");
            }
        }
    }
    assert!(metric(&gateway, "bus_commands_again_total") > 0);
    for conversation in &conversations {
        assert_eq!(history(&api, conversation, &alice), ["before", "meanwhile"]);
    }
    end([gateway, api, two]);
}

#[test]
fn without_any_router_sends_wait_reads_are_refused_and_the_next_router_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let Some(cluster) = Cluster::prepared(folder.path()) else { return };
    let [router, api, gateway] = ["router", "api", "gateway"].map(|role| cluster.start(role, role));
    until_ready([&router, &api, &gateway]);
    let (alice, bob) = (new_user(&api, "alice", "correct horse"), new_user(&api, "bob", "battery staple"));
    let (mut a, mut b) = (Socket::open(&gateway, &alice.token), Socket::open(&gateway, &bob.token));
    let ack = say(&mut a, 1, &bob.id, "before");
    assert_eq!(b.until("event")["body"]["text"], "before");

    router.kill();
    let mut waiting = frame(2, &bob.id, "meanwhile");
    a.send(&waiting);
    let path = format!("/api/v1/conversations/{}/messages", ack["conversation"].as_str().unwrap());
    let refused = get_as(&api.url(&path), &alice.token);
    assert!(is_refused(&refused, UNAVAILABLE), "{}", refused.text);
    let answer = a.answer_to(&waiting["send"]["client_message_id"]);
    assert_eq!(answer, None, "it waits for somebody who takes it");
    // What needs no router works: one may register and log in, and a socket is welcome.
    let carol = new_user(&api, "carol", "correct horse");
    let newcomer = Socket::open(&gateway, &carol.token);
    until_ready([&api, &gateway]);

    let router = cluster.start("router", "router");
    // By itself within its deadline; after that, sent again as a client does whom nobody answers.
    assert_eq!(say_frame(&mut a, &mut waiting)["seq"], "2");
    until_told(&mut b, "2");
    assert_eq!(history(&api, &ack["conversation"], &bob), ["before", "meanwhile"]);
    drop(newcomer);
    end([gateway, api, router]);
}

fn owned(router: &Tidegate) -> u64 {
    metric(router, "router_partitions_owned")
}
