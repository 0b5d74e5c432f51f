//! Changes of messages: what every reader sees of them, at once, after eviction and after a crash.

use proto::body::{Change, MessageTarget};
use proto::client_frame::{Fetch, Position, Send};
use proto::server_frame::{Page, Pins, Versions};
use proto::{Body, ClientMessageId, MessageId, Reply, Request, Seq, ServerFrame};
use router::RouterConfig;

use crate::stand::{Stand, config, direct, stores, to_user, user};

const SECRET: &str = "what nobody may see again";

async fn page(stand: &mut Stand) -> Page {
    let conversation = direct("alice", "bob");
    let fetch = Fetch { conversation, from: Seq(1), to: Seq::ZERO, limit: 0, backwards: false };
    match stand.ask("bob", Request::Fetch(fetch)).await {
        Reply::Frame(ServerFrame::Page(page)) => page,
        other => panic!("no page but {other:?}"),
    }
}

async fn pins(stand: &mut Stand) -> Pins {
    match stand.ask("bob", Request::Pins(direct("alice", "bob"))).await {
        Reply::Frame(ServerFrame::Pins(pins)) => pins,
        other => panic!("no pins but {other:?}"),
    }
}

async fn versions(stand: &mut Stand, seq: u64) -> Versions {
    let position = Position { conversation: direct("alice", "bob"), seq: Seq(seq) };
    match stand.ask("bob", Request::Versions(position)).await {
        Reply::Frame(ServerFrame::Versions(versions)) => versions,
        other => panic!("no versions but {other:?}"),
    }
}

fn change(target: MessageTarget, change: &Change) -> Send {
    Send::change(ClientMessageId::now(), direct("alice", "bob"), target, change)
}

fn at(seq: u64) -> MessageTarget {
    MessageTarget { seq: Seq(seq), message_id: None }
}

/// 1 secret, 2 plain, 3 an edit of 1, 4 a reaction to 2, 5 and 6 pins of both.
async fn talk(stand: &mut Stand) -> MessageId {
    let secret = stand.send("alice", to_user("bob"), SECRET).await;
    let plain = stand.send("alice", to_user("bob"), "plain").await;
    assert_eq!((secret.seq, plain.seq), (Seq(1), Seq(2)));
    let edit = Change::Edit(Some(Body::text(format!("{SECRET}, edited"))));
    let by_id = MessageTarget { seq: Seq::ZERO, message_id: Some(secret.message_id) };
    assert_eq!(stand.send_message("alice", change(by_id, &edit)).await.seq, Seq(3));
    let react = Change::React { reaction: "+1".into(), remove: false };
    stand.send_message("bob", change(at(2), &react)).await;
    for seq in [2, 1] {
        stand.send_message("bob", change(at(seq), &Change::Pin { remove: false })).await;
    }
    secret.message_id
}

fn says(page: &Page, text: &str) -> bool {
    page.entries.iter().any(|entry| String::from_utf8_lossy(entry.body.encoded()).contains(text))
}

async fn is_as_told(stand: &mut Stand) {
    let page = page(stand).await;
    let seqs: Vec<u64> = page.entries.iter().map(|entry| entry.seq.0).collect();
    assert_eq!(seqs, (1..=page.head.0).collect::<Vec<_>>(), "contiguous");
    assert!(!says(&page, SECRET), "{page:?}");
    let overlaid: Vec<u64> = page.overlays.iter().map(|overlay| overlay.seq.0).collect();
    assert_eq!(overlaid, [1, 2, 3], "the message, the plain one, the edit");
    assert_eq!(page.overlays[0].recalled.as_ref().unwrap().0, user("alice"));
    let reaction = &page.overlays[1].reactions[0];
    assert_eq!((reaction.count, reaction.mine, &reaction.users[..]), (1, true, &[user("bob")][..]));
    let pins = pins(stand).await;
    assert_eq!(pins.entries.iter().map(|entry| entry.seq.0).collect::<Vec<_>>(), [2]);
    assert!(pins.overlays[0].pinned.is_some());
    assert!(versions(stand, 1).await.entries.is_empty());
    assert_eq!(versions(stand, 2).await.entries.len(), 1);
}

#[tokio::test]
async fn every_reader_sees_the_present_state() {
    for (store, _keep) in stores().await {
        let mut stand = Stand::start(store, config()).await;
        talk(&mut stand).await;
        let before = page(&mut stand).await;
        assert!(before.entries[0].body == Body::text(format!("{SECRET}, edited")), "the last version");
        assert_eq!(before.overlays[0].edited.as_ref().unwrap().0, [Seq(3)]);
        let said = versions(&mut stand, 1).await;
        assert_eq!(said.entries[0].body, Body::text(SECRET), "as it was sent");
        assert_eq!(said.entries.len(), 2);
        assert_eq!(pins(&mut stand).await.entries.len(), 2);
        stand.send_message("alice", change(at(1), &Change::Recall)).await;
        is_as_told(&mut stand).await;
        // What lists are made of does not have it either, from the ack on.
        let head = stand.store.heads(&[direct("alice", "bob")]).await.unwrap().remove(0).unwrap();
        assert_eq!((head.seq, head.counted), (Seq(7), 2));
        assert!(matches!(head.last.body.as_change(), Some((_, Change::Recall))));
        let nack = stand.nack("alice", Request::Send(change(at(1), &Change::Recall))).await;
        assert_eq!((nack.code.name(), nack.frame), ("RECALLED", "recall"));
        stand.stop().await;
    }
}

#[tokio::test]
async fn changes_outlive_eviction_restart_and_crash() {
    for (store, _keep) in stores().await {
        let hour = std::time::Duration::from_secs(3_600);
        // Nothing but recalls is projected by the first one, and it goes without its last words.
        let slow = RouterConfig { flush_interval: hour, ..config() };
        let mut stand = Stand::start(store, slow).await;
        let secret = talk(&mut stand).await;
        stand.send_message("alice", change(at(1), &Change::Recall)).await;
        is_as_told(&mut stand).await;
        let late = Change::React { reaction: "x".into(), remove: false };
        stand.send_message("bob", change(at(2), &late)).await;
        let store = stand.store.clone();
        drop(stand);
        let mut next = Stand::start(store, config()).await;
        let page = page(&mut next).await;
        assert!(!says(&page, SECRET));
        assert_eq!(page.overlays.iter().find(|it| it.seq == Seq(2)).unwrap().reactions.len(), 2);
        let back = Change::React { reaction: "x".into(), remove: true };
        next.send_message("bob", change(at(2), &back)).await;
        is_as_told(&mut next).await;
        let by_id = MessageTarget { seq: Seq::ZERO, message_id: Some(secret) };
        let nack = next.nack("bob", Request::Send(change(by_id, &late))).await;
        assert_eq!(nack.code.name(), "RECALLED", "found by its id");
        let store = next.stop().await;
        let mut last = Stand::start(store, config()).await;
        is_as_told(&mut last).await;
        last.stop().await;
    }
}
