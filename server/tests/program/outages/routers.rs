//! Routers are killed.

use super::{UNAVAILABLE, end, is_refused};
use crate::http::{get_as, new_user};
use crate::process::{Tidegate, until};
use crate::socket::Socket;
use crate::stand::{Cluster, frame, history, metric, say, say_frame, until_ready, until_told};

/// Enough that each of two routers has some of their conversations.
const PEERS: u32 = 12;

#[test]
fn a_killed_router_is_replaced_and_what_was_acknowledged_is_there_once() {
    let folder = tempfile::tempdir().unwrap();
    let Some(cluster) = Cluster::prepared(folder.path()) else { return };
    let one = cluster.start("router-1", "router");
    let two = cluster.start("router-2", "router");
    let (api, gateway) = (cluster.start("api", "api"), cluster.start("gateway", "gateway"));
    until_ready([&one, &two, &api, &gateway]);
    until(|| (owned(&one) > 300 && owned(&two) > 300).then_some(()));
    let alice = new_user(&api, "alice", "correct horse");
    let mut a = Socket::open(&gateway, &alice.token);
    let peers: Vec<String> = (0..PEERS).map(|number| format!("peer{number}")).collect();
    let numbered = || peers.iter().zip(0..);
    let acks: Vec<_> = numbered().map(|(peer, number)| say(&mut a, number, peer, "before")).collect();

    // Some of these it takes, some it does not.
    let mut meanwhile: Vec<_> =
        numbered().map(|(peer, number)| frame(PEERS + number, peer, "meanwhile")).collect();
    meanwhile.iter().for_each(|frame| a.send(frame));
    one.kill();
    for frame in &mut meanwhile {
        assert_eq!(say_frame(&mut a, frame)["seq"], "2");
    }
    for (number, (peer, ack)) in peers.iter().zip(&acks).enumerate() {
        let number = 2 * PEERS + u32::try_from(number).unwrap();
        assert_eq!(say(&mut a, number, peer, "after")["seq"], "3");
        assert_eq!(history(&api, &ack["conversation"], &alice), ["before", "meanwhile", "after"]);
    }
    until(|| (owned(&two) == 1_024).then_some(()));
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
