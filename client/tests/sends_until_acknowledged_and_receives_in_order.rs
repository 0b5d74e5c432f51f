//! The whole client against a small server: whatever happens to sockets and frames, what was sent is stored once and in
//! order, and what was stored is received once and in order.

use std::time::Duration;

use client::{Client, ClientConfig, ConnectError, Notice, Notices, Refused, StartAt, TokenSource};
use lifecycle::Tasks;
use proto::client_frame::Recipient;
use proto::{Body, ConversationId, Encoding, ServerFrame, UserId};

#[path = "peer/server.rs"]
mod peer;

use peer::{Fault, Peer};

fn user(name: &str) -> UserId {
    UserId::parse(name).expect("a user")
}

fn config(peer: &Peer, name: &str) -> ClientConfig {
    let mut config = ClientConfig::new(peer.url(), TokenSource::fixed(name));
    config.backoff.first = Duration::from_millis(5);
    config.backoff.max = Duration::from_millis(20);
    config.gap_wait = Duration::from_millis(50);
    config
}

async fn connect(peer: &Peer, name: &str, tasks: &Tasks) -> (Client, Notices) {
    Client::connect(config(peer, name), tasks).await.expect("connected")
}

/// The texts of the next `count` events.
async fn texts(notices: &mut Notices, count: usize) -> Vec<String> {
    let mut texts = Vec::new();
    while texts.len() < count {
        let notice = tokio::time::timeout(Duration::from_secs(20), notices.recv()).await;
        if let Notice::Event(event) = notice.expect("in time").expect("the client lives") {
            match event.entry.body.to_wire().kind {
                Some(proto::wire::body::Kind::Text(text)) => texts.push(text),
                other => panic!("{other:?}"),
            }
        }
    }
    texts
}

/// Alice sends 20 messages at once to Bob, over a server with a fault; both sides end as if there had been none.
async fn exchange(fault: Option<Fault>, encoding: Encoding) -> Peer {
    let tasks = Tasks::default();
    let peer = Peer::start(&tasks, fault).await;
    let mut settings = config(&peer, "alice");
    settings.encoding = encoding;
    let (alice, _quiet) = Client::connect(settings, &tasks).await.expect("connected");
    let (_bob, mut notices) = connect(&peer, "bob", &tasks).await;
    let expected: Vec<String> = (0..20).map(|number| number.to_string()).collect();
    let (sender, mut acks) = tokio::sync::mpsc::channel(20);
    for text in expected.clone() {
        let (alice, sender) = (alice.clone(), sender.clone());
        // Asked for in this order, answered in any.
        let send = async move { alice.send(Recipient::User(user("bob")), Body::text(text)).await };
        let mut send = Box::pin(send);
        let first = std::future::poll_fn(|context| std::task::Poll::Ready(send.as_mut().poll(context))).await;
        assert!(first.is_pending(), "no answer yet");
        tasks.spawn("send", async move {
            sender.send(send.await.expect("acknowledged").seq.0).await.expect("room");
        });
    }
    assert_eq!(texts(&mut notices, 20).await, expected);
    let mut seqs = Vec::new();
    for _ in 0..20 {
        seqs.push(acks.recv().await.expect("all answer"));
    }
    seqs.sort_unstable();
    assert_eq!(seqs, (1..=20).collect::<Vec<_>>());
    let conversation = ConversationId::direct(&user("alice"), &user("bob"));
    assert_eq!(peer.log_of(&conversation).len(), 20, "each once");
    tasks.close(Duration::from_secs(5)).await.expect("all tasks end");
    peer
}

#[tokio::test]
async fn without_any_fault() {
    exchange(None, Encoding::Json).await;
    exchange(None, Encoding::Proto).await;
}

#[tokio::test]
async fn a_message_that_was_not_pushed_is_fetched() {
    exchange(Some(Fault::KeepBack(7)), Encoding::Json).await;
    exchange(Some(Fault::KeepBack(20)), Encoding::Json).await;
}

#[tokio::test]
async fn doubled_and_delayed_messages_change_nothing() {
    exchange(Some(Fault::Double(3)), Encoding::Json).await;
    exchange(Some(Fault::Delay(3)), Encoding::Json).await;
}

#[tokio::test]
async fn a_socket_lost_before_the_ack_costs_a_retry_and_no_second_entry() {
    let peer = exchange(Some(Fault::Hangup(5)), Encoding::Json).await;
    assert!(peer.connects() >= 3, "alice connected again");
    let sends = peer.seen();
    let retried = sends.iter().filter(|send| send.attempt > 0).count();
    assert!(retried >= 1, "what was not answered was sent again");
    let mut after_first = sends.iter().filter(|send| send.after.is_some());
    assert!(after_first.next().is_some(), "sends name the unacknowledged one before them");
}

#[tokio::test]
async fn sockets_that_end_all_the_time_only_delay() {
    let tasks = Tasks::default();
    let peer = Peer::start(&tasks, None).await;
    let (alice, _quiet) = connect(&peer, "alice", &tasks).await;
    // His first sync may come after some messages: he wants them all the same.
    let mut settings = config(&peer, "bob");
    settings.start_at = StartAt::Beginning;
    let (_bob, mut notices) = Client::connect(settings, &tasks).await.expect("connected");
    for number in 0..30 {
        peer.hang_up().await;
        let sent = alice.send(Recipient::User(user("bob")), Body::text(number.to_string()));
        tokio::time::timeout(Duration::from_secs(20), sent).await.expect("in time").expect("acknowledged");
    }
    let expected: Vec<String> = (0..30).map(|number| number.to_string()).collect();
    assert_eq!(texts(&mut notices, 30).await, expected);
    tasks.close(Duration::from_secs(5)).await.expect("all tasks end");
}

#[tokio::test]
async fn goaway_moves_the_client_to_a_new_socket() {
    let tasks = Tasks::default();
    let peer = Peer::start(&tasks, None).await;
    let (alice, _quiet) = connect(&peer, "alice", &tasks).await;
    peer.tell_all(ServerFrame::Goaway(5)).await;
    let mut state = alice.state();
    let moved = async {
        while peer.connects() < 2 {
            state.changed().await.expect("the client lives");
        }
    };
    tokio::time::timeout(Duration::from_secs(20), moved).await.expect("in time");
    alice.send(Recipient::User(user("bob")), Body::text("still here")).await.expect("acknowledged");
}

#[tokio::test]
async fn who_is_told_to_go_later_is_served_until_then() {
    let tasks = Tasks::default();
    let peer = Peer::start(&tasks, None).await;
    let (alice, _quiet) = connect(&peer, "alice", &tasks).await;
    peer.tell_all(ServerFrame::Goaway(u32::MAX)).await;
    for text in ["told", "and still here"] {
        alice.send(Recipient::User(user("bob")), Body::text(text)).await.expect("acknowledged");
    }
    assert_eq!(peer.connects(), 1);
}

#[tokio::test]
async fn a_token_that_is_never_accepted_ends_the_client() {
    let tasks = Tasks::default();
    let peer = Peer::start(&tasks, None).await;
    let refused = Client::connect(config(&peer, "refused"), &tasks).await;
    assert!(matches!(refused.as_ref().map_err(AsRef::as_ref), Err(ConnectError::Unauthenticated)));
}

#[tokio::test]
async fn sends_of_a_client_that_ends_are_told_so() {
    let tasks = Tasks::default();
    let peer = Peer::start(&tasks, None).await;
    let (alice, _quiet) = connect(&peer, "alice", &tasks).await;
    tasks.close(Duration::from_secs(5)).await.expect("all tasks end");
    let answer = alice.send(Recipient::User(user("bob")), Body::text("too late")).await;
    assert_eq!(answer, Err(Refused::Ended));
}
