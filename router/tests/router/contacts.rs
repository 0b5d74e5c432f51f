//! Contacts: what two users do to each other is ordered by one log, told to whom it concerns, and holds for the next message.

use std::time::Duration;

use proto::{Code, Contact, ContactRequest, ConversationId, Reply, Request, ServerFrame, Target};
use store::{Fault, Gate, Op, Rule, Store};

use crate::stand::{Stand, config, message, stores, to_user, user};

fn to(name: &str, request: ContactRequest) -> Request {
    Request::Contact(user(name), request)
}

async fn does(stand: &mut Stand, name: &str, other: &str, request: ContactRequest) -> Contact {
    match stand.ask(name, to(other, request)).await {
        Reply::Frame(ServerFrame::Contact(contact)) => *contact,
        other => panic!("no contact but {other:?}"),
    }
}

async fn befriend(stand: &mut Stand, one: &str, other: &str) {
    does(stand, one, other, ContactRequest::Apply("hi".into())).await;
    assert!(does(stand, other, one, ContactRequest::Accept).await.friend_since.is_some());
}

fn hello(name: &str) -> Request {
    Request::Send(message(to_user(name), "hello"))
}

async fn synced(stand: &mut Stand, name: &str, cursor: &str) -> (Vec<Contact>, Vec<ConversationId>, String) {
    let sync = proto::client_frame::Sync { cursor: cursor.to_owned(), open: Vec::new() };
    match stand.ask(name, Request::Sync(sync)).await {
        Reply::Frame(ServerFrame::Delta(delta)) => {
            let conversations = delta.conversations.into_iter().map(|state| state.conversation).collect();
            (delta.contacts, conversations, delta.cursor)
        }
        other => panic!("no delta but {other:?}"),
    }
}

#[tokio::test]
async fn a_block_holds_for_the_next_message_whatever_is_in_memory() {
    for (store, _keep) in stores().await {
        let mut stand = Stand::start(store.clone(), config()).await;
        // The direct conversation is in memory and knows nothing of contacts yet; then it knows that there are none.
        stand.send("alice", to_user("bob"), "one").await;
        does(&mut stand, "bob", "alice", ContactRequest::Block).await;
        assert_eq!(stand.nack("alice", hello("bob")).await.code, Code::Blocked);
        assert_eq!(stand.nack("bob", hello("alice")).await.code, Code::Blocked);
        does(&mut stand, "bob", "alice", ContactRequest::Unblock).await;
        stand.send("alice", to_user("bob"), "two").await;
        does(&mut stand, "alice", "bob", ContactRequest::Block).await;
        let store = stand.stop().await;

        // Another router finds it in the store.
        let mut stand = Stand::start(store, config()).await;
        assert_eq!(stand.nack("bob", hello("alice")).await.code, Code::Blocked);
        does(&mut stand, "alice", "bob", ContactRequest::Unblock).await;
        stand.send("bob", to_user("alice"), "three").await;
        stand.stop().await;
    }
}

#[tokio::test]
async fn a_block_that_a_dead_router_left_unprojected_holds() {
    let store = Store::memory();
    let Store::Memory(memory) = &store else { panic!("in memory") };
    let hour = Duration::from_secs(3_600);
    // Neither hears the other; the first must not take the partition back from the second, whose answers would be lost.
    let slow = router::RouterConfig { restart_pause: hour, suspect_after: hour, ..config() };
    let mut first = Stand::start_listening(store.clone(), slow, &["bob"]).await;
    let gate = Gate::default();
    memory.program(Rule::new(Fault::HoldBefore(gate.clone())).op(Op::ApplyRelation));
    first.command("bob", to("alice", ContactRequest::Block));
    // Told, so it counts; its projection never arrives, and who asked is not answered.
    let blocked = |frame: &ServerFrame| match frame {
        ServerFrame::Contact(contact) if contact.blocked => Some(()),
        _ => None,
    };
    first.frame(&Target::User(user("bob")), blocked).await;
    assert_eq!(first.nack("alice", hello("bob")).await.code, Code::Blocked);
    gate.arrived(1).await;
    assert!(store.relations(&user("bob"), None, 10).await.unwrap().is_empty());
    // It is left running, like a process that hangs: the next one fences it.
    let mut second = Stand::start(store.clone(), config()).await;
    assert_eq!(second.nack("alice", hello("bob")).await.code, Code::Blocked);
    let contact = does(&mut second, "bob", "alice", ContactRequest::Block).await;
    assert_eq!((contact.blocked, contact.version), (true, 1), "nothing had to change");
    second.stop().await;
    drop(first);
}

#[tokio::test]
async fn friends_only_lets_friends_write() {
    let contacts = router::ContactRules { friends_only: true, ..router::ContactRules::OPEN };
    let mut stand = Stand::start(Store::memory(), router::RouterConfig { contacts, ..config() }).await;
    assert_eq!(stand.nack("alice", hello("bob")).await.code, Code::NotFriends);
    befriend(&mut stand, "alice", "bob").await;
    stand.send("alice", to_user("bob"), "hi").await;
    does(&mut stand, "bob", "alice", ContactRequest::Remove).await;
    assert_eq!(stand.nack("alice", hello("bob")).await.code, Code::NotFriends);
    stand.send("alice", to_user("alice"), "to myself").await;
    stand.stop().await;
}

#[tokio::test]
async fn contacts_come_by_the_cursor_of_conversations() {
    for (store, _keep) in stores().await {
        let mut stand = Stand::start(store, config()).await;
        befriend(&mut stand, "alice", "bob").await;
        let (contacts, conversations, cursor) = synced(&mut stand, "alice", "").await;
        assert_eq!((contacts.len(), conversations.len()), (1, 0), "a friendship is no conversation");
        assert!(contacts[0].friend_since.is_some());

        does(&mut stand, "carol", "alice", ContactRequest::Apply("me too".into())).await;
        let (contacts, _, _) = synced(&mut stand, "alice", &cursor).await;
        let carol = contacts.iter().find(|contact| contact.user == user("carol")).expect("what changed");
        assert_eq!(carol.incoming.as_ref().unwrap().note, "me too");

        does(&mut stand, "alice", "bob", ContactRequest::Remove).await;
        let (contacts, _, _) = synced(&mut stand, "alice", &cursor).await;
        let bob = contacts.iter().find(|contact| contact.user == user("bob")).expect("an end is a change");
        assert_eq!(bob.friend_since, None);
        let (contacts, _, _) = synced(&mut stand, "alice", "").await;
        assert!(contacts.iter().all(|contact| contact.user != user("bob")), "news only to who had it");
        stand.stop().await;
    }
}

#[tokio::test]
async fn the_other_hears_nothing_of_a_block_or_a_remark() {
    let mut stand = Stand::start_listening(Store::memory(), config(), &["alice"]).await;
    befriend(&mut stand, "alice", "bob").await;
    let (_, _, cursor) = synced(&mut stand, "alice", "").await;
    for request in [ContactRequest::Remark("al".into()), ContactRequest::Block, ContactRequest::Unblock] {
        does(&mut stand, "bob", "alice", request).await;
    }
    // What comes after it on the same way has come, so that would have.
    does(&mut stand, "bob", "alice", ContactRequest::Remove).await;
    let ended = |frame: &ServerFrame| match frame {
        ServerFrame::Contact(contact) if contact.friend_since.is_none() && contact.outgoing.is_none() => {
            Some(contact.version)
        }
        _ => None,
    };
    assert_eq!(stand.frame(&Target::User(user("alice")), ended).await, 3, "asked, friends, strangers");
    let (contacts, _, _) = synced(&mut stand, "alice", &cursor).await;
    assert_eq!(contacts.iter().map(|contact| contact.version).collect::<Vec<_>>(), [3]);
    stand.stop().await;
}

#[tokio::test]
async fn the_log_of_a_pair_is_read_and_written_by_nobody() {
    let mut stand = Stand::start(Store::memory(), config()).await;
    befriend(&mut stand, "alice", "bob").await;
    let pair = ConversationId::pair(&user("alice"), &user("bob"));
    let fetch = proto::client_frame::Fetch {
        conversation: pair.clone(),
        from: proto::Seq(1),
        to: proto::Seq::ZERO,
        limit: 10,
        backwards: false,
    };
    assert_eq!(stand.nack("alice", Request::Fetch(fetch)).await.code, Code::Forbidden);
    let to_pair = proto::client_frame::Recipient::Conversation(pair.clone());
    let send = Request::Send(message(to_pair.clone(), "hi"));
    assert_eq!(stand.nack("alice", send).await.code, Code::Forbidden);
    assert_eq!(stand.nack("alice", Request::Typing(to_pair)).await.code, Code::Forbidden);
    match stand.ask("alice", Request::Heads(vec![pair])).await {
        Reply::Heads(heads) => assert!(!heads[0].member && heads[0].last.is_none()),
        other => panic!("no heads but {other:?}"),
    }
    assert_eq!(
        stand.nack("alice", to("alice", ContactRequest::Block)).await.code,
        Code::BadField,
        "user_id: nobody is their own contact"
    );
    stand.stop().await;
}

#[tokio::test]
async fn an_answer_means_that_everybody_sees_it() {
    for (store, _keep) in stores().await {
        let mut stand = Stand::start(store.clone(), config()).await;
        for n in 0..20 {
            let request = if n % 2 == 0 { ContactRequest::Block } else { ContactRequest::Unblock };
            let contact = does(&mut stand, "alice", "bob", request).await;
            let row = store.relations_with(&user("alice"), &[user("bob")]).await.unwrap().remove(0);
            assert_eq!(row.expect("it is written").contact, contact);
        }
        stand.stop().await;
    }
}
