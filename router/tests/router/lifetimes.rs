//! What goes by itself, as every reader meets it: messages that expire, and entries that are no longer kept.

use std::time::Duration;

use proto::body::{Change, MessageTarget};
use proto::client_frame::{Fetch, Position, Send, Sync};
use proto::server_frame::Page;
use proto::{Body, ClientMessageId, ConversationId, Entry, Reply, Request, Seq, ServerFrame, wire};
use router::RouterConfig;

use crate::stand::{Stand, config, direct, group, message, stores, to_group, to_user};

const SECRET: &str = "what nobody may see for long";

fn secret() -> Send {
    let expiry = wire::Expiry { after_seconds: 1, time: 0, expired: false };
    Send { body: Body::text(SECRET).with_expiry(Some(expiry)), ..message(to_user("bob"), "") }
}

fn change(id: &ConversationId, change: &Change) -> Request {
    let target = MessageTarget { seq: Seq(1), message_id: None };
    Request::Send(Send::change(ClientMessageId::now(), id.clone(), target, change))
}

async fn page(stand: &mut Stand, id: &ConversationId) -> Page {
    let fetch = Fetch { conversation: id.clone(), from: Seq(1), to: Seq::ZERO, limit: 0, backwards: false };
    match stand.ask("bob", Request::Fetch(fetch)).await {
        Reply::Frame(ServerFrame::Page(page)) => page,
        other => panic!("no page but {other:?}"),
    }
}

fn is_expired(body: &Body) -> bool {
    let body = body.to_wire();
    body.kind.is_none() && body.expiry.is_some_and(|expiry| expiry.expired)
}

/// Nothing that a reader can ask for has the secret, or anything that was made of it.
async fn is_gone_for_readers(stand: &mut Stand, id: &ConversationId) {
    let page = page(stand, id).await;
    assert!(is_expired(&page.entries[0].body), "{page:?}");
    assert!(page.overlays.iter().all(|overlay| overlay.seq != Seq(1)), "{page:?}");
    let position = Position { conversation: id.clone(), seq: Seq(1) };
    let asked = [
        Request::Pins(id.clone()),
        Request::Versions(position),
        Request::Heads(vec![id.clone()]),
        Request::Sync(Sync::default()),
    ];
    for request in asked {
        let reply = stand.ask("bob", request).await;
        let found = match &reply {
            Reply::Frame(ServerFrame::Pins(pins)) => pins.entries.clone(),
            Reply::Frame(ServerFrame::Versions(versions)) => versions.entries.clone(),
            Reply::Heads(heads) => heads.iter().filter_map(|head| head.last.clone()).collect(),
            Reply::Frame(ServerFrame::Delta(delta)) => {
                delta.conversations.iter().filter_map(|state| state.last.clone()).collect()
            }
            other => panic!("{other:?}"),
        };
        for entry in found {
            assert!(!String::from_utf8_lossy(entry.body.encoded()).contains(SECRET), "{reply:?}");
        }
    }
}

#[tokio::test]
async fn an_expired_message_is_shown_to_nobody() {
    for (store, _keep) in stores().await {
        let mut stand = Stand::start(store, config()).await;
        let id = direct("alice", "bob");
        stand.listen_user("bob");
        assert_eq!(stand.send_message("alice", secret()).await.seq, Seq(1));
        let told = |frame: &ServerFrame| match frame {
            ServerFrame::Event(event) => event.entry.body.expiry(),
            _ => None,
        };
        let expiry = stand.frame(&proto::Target::User(crate::stand::user("bob")), told).await;
        assert!(expiry.time > 0, "clients count down by themselves");
        // Taken or refused, as the time is over or not: it ends all the same.
        let edit = Change::Edit(Some(Body::text(format!("{SECRET}, edited"))));
        for change_to in [Change::Pin { remove: false }, edit] {
            stand.ask("alice", change(&id, &change_to)).await;
        }
        while !is_expired(&page(&mut stand, &id).await.entries[0].body) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        is_gone_for_readers(&mut stand, &id).await;
        let react = Change::React { reaction: "+1".into(), remove: false };
        let nack = stand.nack("bob", change(&id, &react)).await;
        assert_eq!((nack.code.name(), nack.frame), ("EXPIRED", "react"));

        let store = stand.stop().await;
        let mut next = Stand::start(store, config()).await;
        is_gone_for_readers(&mut next, &id).await;
        next.stop().await;
    }
}

/// Buckets of ten entries, and a look at what may go each few milliseconds.
fn sweeping() -> RouterConfig {
    RouterConfig { bucket_entries_max: 10, retention_sweep: Duration::from_millis(20), ..config() }
}

async fn retain(stand: &mut Stand, name: &str, id: &ConversationId, seconds: u32) -> Seq {
    stand.send_message(name, Send::retention(ClientMessageId::now(), id.clone(), seconds)).await.seq
}

/// The rows of the log that are still in the store, by the first and the last seq of what is read.
async fn stored(stand: &Stand, id: &ConversationId, head: u64) -> Vec<Entry> {
    let range = store::PageRange {
        from: Seq(1),
        to: Seq(head),
        limit: 1_000,
        bytes: usize::MAX,
        backwards: false,
        head: Seq(head),
    };
    stand.store.page(id, range).await.unwrap()
}

async fn last_in_list(stand: &mut Stand, id: &ConversationId) -> (u64, u64, Option<Entry>) {
    match stand.ask("bob", Request::Sync(Sync::default())).await {
        Reply::Frame(ServerFrame::Delta(delta)) => {
            let state = delta.conversations.into_iter().find(|state| state.conversation == *id).unwrap();
            (state.head.0, state.unread, state.last)
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_is_no_longer_kept_is_shown_to_nobody_and_dropped() {
    for (store, _keep) in stores().await {
        let mut stand = Stand::start(store, sweeping()).await;
        let id = direct("alice", "bob");
        for number in 1..=24 {
            stand.send("alice", to_user("bob"), &format!("old {number}")).await;
        }
        assert_eq!(page(&mut stand, &id).await.entries.len(), 24, "kept for ever unless something is set");
        assert_eq!(retain(&mut stand, "bob", &id, 1).await, Seq(25));
        while !page(&mut stand, &id).await.entries.is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let empty = page(&mut stand, &id).await;
        assert_eq!((empty.from, empty.to, empty.head), (Seq(26), Seq(25), Seq(25)), "where the next will be");
        // Two buckets are full of what is old; the third one is appended to.
        while stored(&stand, &id, 25).await.first().is_none_or(|first| first.seq < Seq(21)) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(stored(&stand, &id, 25).await.len(), 5);
        let (head, unread, last) = last_in_list(&mut stand, &id).await;
        assert_eq!((head, unread, last), (25, 24, None), "what went unread counts until the reader reads on");

        // The log goes on, here and after a restart.
        assert_eq!(stand.send("alice", to_user("bob"), "new").await.seq, Seq(26));
        assert_eq!(retain(&mut stand, "alice", &id, 0).await, Seq(27));
        let store = stand.stop().await;
        let mut next = Stand::start(store, sweeping()).await;
        assert_eq!(next.send("alice", to_user("bob"), "newer").await.seq, Seq(28));
        let seqs: Vec<u64> = page(&mut next, &id).await.entries.iter().map(|entry| entry.seq.0).collect();
        assert_eq!(seqs, (21..=28).collect::<Vec<_>>(), "what was not dropped is there again");
        next.stop().await;
    }
}

/// Everything that makes a group what it is may be dropped: it was projected before.
#[tokio::test]
async fn a_group_outlives_its_oldest_entries() {
    let kept = RouterConfig { retention: Duration::from_secs(1), ..sweeping() };
    for (store, _keep) in stores().await {
        let mut stand = Stand::start(store, kept.clone()).await;
        let create = proto::command::GroupRequest::Create {
            name: "Team".into(),
            members: vec![crate::stand::user("bob")],
            settings: None,
        };
        stand.group("alice", "team", create).await;
        let id = ConversationId::group(&group("team"));
        for number in 2..=15 {
            assert_eq!(stand.send("bob", to_group("team"), &format!("old {number}")).await.seq, Seq(number));
        }
        while stored(&stand, &id, 15).await.first().is_none_or(|first| first.seq < Seq(11)) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let store = stand.stop().await;
        let mut next = Stand::start(store, kept.clone()).await;
        assert_eq!(next.send("bob", to_group("team"), "still a member").await.seq, Seq(16));
        let nack = next.nack("eve", Request::Send(message(to_group("team"), "no member"))).await;
        assert_eq!(nack.code.name(), "FORBIDDEN");
        next.stop().await;
    }
}
