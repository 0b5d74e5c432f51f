//! Friends and strangers: the whole way of a request, remarks, blocks, and what the other side must not see.

use proto::delivery::Payload;
use proto::{Contact, DeviceId, ServerFrame, UserId};
use serde_json::{Value, json};

use super::server::{Answer, Listener, Person, Server};

async fn apply(server: &Server, from: &Person, to: &Person, note: &str) -> Answer {
    let body = json!({"user_id": to.id, "note": note});
    server.post("/api/v1/friends/apply", &from.access, body).await
}

async fn answer(server: &Server, who: &Person, to: &Person, word: &str) -> Answer {
    server.post_nothing(&format!("/api/v1/friends/requests/{}/{word}", to.id), &who.access).await
}

async fn become_friends(server: &Server, one: &Person, other: &Person) {
    apply(server, one, other, "hi").await.expect(200);
    answer(server, other, one, "accept").await.expect(200);
}

async fn listed(server: &Server, who: &Person, path: &str) -> Vec<Value> {
    let list = server.get(path, &who.access).await.expect(200);
    assert_eq!(list["next_cursor"], Value::Null);
    list["contacts"].as_array().unwrap().clone()
}

async fn names(server: &Server, who: &Person, path: &str) -> Vec<String> {
    let contacts = listed(server, who, path).await;
    contacts.iter().map(|contact| contact["user"].as_str().unwrap().to_owned()).collect()
}

/// Waits for a state of a contact.
async fn told(listener: &mut Listener, wanted: impl Fn(&Contact) -> bool) -> Contact {
    let contact = |delivery: &proto::Delivery| match &delivery.payload {
        Payload::Fanout(fanout) => match fanout.frame.frame() {
            ServerFrame::Contact(contact) if wanted(contact) => Some((**contact).clone()),
            _ => None,
        },
        _ => None,
    };
    listener.hear(contact).await
}

async fn pair(server: &Server) -> (Person, Person) {
    (server.register("alice").await, server.register("bob").await)
}

#[tokio::test]
async fn a_request_is_told_once_rejected_made_again_and_accepted() {
    let server = Server::start().await;
    let (alice, bob) = pair(&server).await;
    let (mut alices, mut bobs) = (server.listen(&alice.id), server.listen(&bob.id));
    let asked = apply(&server, &alice, &bob, "we met").await.expect(200);
    assert_eq!((&asked["outgoing"]["note"], &asked["version"]), (&json!("we met"), &json!("1")));
    let heard = told(&mut bobs, |contact| contact.version == 1).await;
    assert_eq!((heard.user.as_str(), heard.incoming.unwrap().note.as_str()), (alice.id.as_str(), "we met"));
    let again = apply(&server, &alice, &bob, "again").await.expect(200);
    assert_eq!(again, asked, "twice is one request");
    assert_eq!(names(&server, &bob, "/api/v1/friends/requests").await, std::slice::from_ref(&alice.id));

    let rejected = answer(&server, &bob, &alice, "reject").await.expect(200);
    assert_eq!(rejected["incoming"], Value::Null);
    told(&mut alices, |contact| contact.version == 2 && contact.outgoing.is_none()).await;
    assert!(names(&server, &alice, "/api/v1/friends/requests").await.is_empty());
    answer(&server, &bob, &alice, "reject").await.expect(200);
    answer(&server, &bob, &alice, "accept").await.problem(404, "NOT_FOUND");

    apply(&server, &alice, &bob, "please").await.expect(200);
    answer(&server, &bob, &alice, "accept").await.expect(200);
    answer(&server, &bob, &alice, "accept").await.expect(200);
    told(&mut alices, |contact| contact.friend_since.is_some()).await;
    assert_eq!(names(&server, &alice, "/api/v1/friends").await, std::slice::from_ref(&bob.id));
    assert_eq!(names(&server, &bob, "/api/v1/friends").await, std::slice::from_ref(&alice.id));
}

#[tokio::test]
async fn two_who_ask_each_other_at_the_same_time_are_friends() {
    let server = Server::start().await;
    let (alice, bob) = pair(&server).await;
    let (one, other) =
        tokio::join!(apply(&server, &alice, &bob, "hi"), apply(&server, &bob, &alice, "hello"));
    one.expect(200);
    other.expect(200);
    let (alices, bobs) =
        (listed(&server, &alice, "/api/v1/friends").await, listed(&server, &bob, "/api/v1/friends").await);
    assert_eq!((alices.len(), bobs.len()), (1, 1));
    assert_eq!(alices[0]["friend_since"], bobs[0]["friend_since"], "one friendship");
    assert!(listed(&server, &alice, "/api/v1/friends/requests").await.is_empty());
}

#[tokio::test]
async fn a_remark_is_for_oneself_alone() {
    let server = Server::start().await;
    let (alice, bob) = pair(&server).await;
    let path = format!("/api/v1/friends/{}", bob.id);
    server.patch(&path, &alice.access, json!({"remark": "B"})).await.problem(404, "NOT_FOUND");
    become_friends(&server, &alice, &bob).await;
    let before = listed(&server, &bob, "/api/v1/friends").await;
    let mut alices = server.listen(&alice.id);
    let fifty = "é".repeat(50);
    let named = server.patch(&path, &alice.access, json!({"remark": fifty})).await.expect(200);
    assert_eq!(named["remark"], json!(fifty));
    told(&mut alices, |contact| contact.remark == fifty).await;
    server.patch(&path, &alice.access, json!({"remark": "é".repeat(51)})).await.problem(400, "BAD_FIELD");
    assert_eq!(listed(&server, &bob, "/api/v1/friends").await, before, "bob sees nothing of it");
}

#[tokio::test]
async fn a_block_refuses_messages_hides_presence_and_is_not_told() {
    let server = Server::start().await;
    let (alice, bob) = pair(&server).await;
    become_friends(&server, &alice, &bob).await;
    server.say(&alice, &bob, "before").await;
    let seen = listed(&server, &alice, "/api/v1/friends").await;
    let bobs_id = UserId::parse(&bob.id).unwrap();
    server.ephemeral.came(&bobs_id, &DeviceId::unnamed());
    let presence = format!("/api/v1/users/{}/presence", bob.id);
    assert_eq!(server.get(&presence, &alice.access).await.expect(200)["state"], "online");

    let block = json!({"user_id": alice.id});
    let blocked = server.post("/api/v1/blocks", &bob.access, block.clone()).await.expect(200);
    assert_eq!((&blocked["blocked"], &blocked["friend_since"]), (&json!(true), &seen[0]["friend_since"]));
    server.post("/api/v1/blocks", &bob.access, block).await.expect(200);
    assert_eq!(names(&server, &bob, "/api/v1/blocks").await, std::slice::from_ref(&alice.id));
    for (from, to) in [(&alice, &bob), (&bob, &alice)] {
        let body = json!({"to_user": to.id, "body": {"text": "hello?"}});
        server.post("/api/v1/messages", &from.access, body).await.problem(403, "BLOCKED");
    }
    let hidden = server.get(&presence, &alice.access).await.expect(200);
    assert_eq!((&hidden["state"], &hidden["devices"]), (&json!("offline"), &json!([])));
    assert_eq!(listed(&server, &alice, "/api/v1/friends").await, seen, "not even a version tells of it");
    assert!(names(&server, &alice, "/api/v1/blocks").await.is_empty());

    let group = json!({"name": "Team", "member_ids": [bob.id]});
    let group = server.post("/api/v1/groups", &alice.access, group).await.expect(201);
    let conversation = group["conversation"].as_str().unwrap();
    let body = json!({"conversation": conversation, "body": {"text": "all"}});
    server.post("/api/v1/messages", &alice.access, body).await.expect(201);

    let unblock = format!("/api/v1/blocks/{}", alice.id);
    server.delete(&unblock, &bob.access).await.expect(200);
    server.say(&alice, &bob, "after").await;
    assert_eq!(server.get(&presence, &alice.access).await.expect(200)["state"], "online");
}

#[tokio::test]
async fn the_log_of_a_pair_is_nobodys_to_read() {
    let server = Server::start().await;
    let (alice, bob) = pair(&server).await;
    become_friends(&server, &alice, &bob).await;
    let (one, other) = (UserId::parse(&alice.id).unwrap(), UserId::parse(&bob.id).unwrap());
    let pair = proto::ConversationId::pair(&one, &other);
    let history = server.get(&format!("/api/v1/conversations/{pair}/messages"), &alice.access).await;
    assert!(history.status >= 400, "{}", history.text);
    let body = json!({"conversation": pair.to_string(), "body": {"text": "hi"}});
    server.post("/api/v1/messages", &alice.access, body).await.problem(403, "FORBIDDEN");
    let list = server.get("/api/v1/conversations", &alice.access).await.expect(200);
    assert_eq!(list["conversations"], json!([]), "a friendship is no conversation");
}

#[tokio::test]
async fn who_ends_a_friendship_ends_it_for_both() {
    let server = Server::start().await;
    let (alice, bob) = pair(&server).await;
    become_friends(&server, &alice, &bob).await;
    let path = format!("/api/v1/friends/{}", bob.id);
    for _ in 0..2 {
        let gone = server.delete(&path, &alice.access).await.expect(200);
        assert_eq!(gone["friend_since"], Value::Null);
    }
    for person in [&alice, &bob] {
        assert!(names(&server, person, "/api/v1/friends").await.is_empty());
    }
    let own = json!({"user_id": alice.id});
    server.post("/api/v1/friends/apply", &alice.access, own).await.problem(400, "BAD_FIELD");
}

#[tokio::test]
async fn as_configured_a_rejection_is_not_told_and_a_removal_holds_for_one() {
    let rules = router::ContactRules {
        friends_only: true,
        rejections_told: false,
        removal: router::Removal::One,
        ..router::ContactRules::OPEN
    };
    let server = Server::with_contacts(rules).await;
    let (alice, bob) = pair(&server).await;
    let asked = apply(&server, &alice, &bob, "hi").await.expect(200);
    let rejected = answer(&server, &bob, &alice, "reject").await.expect(200);
    assert_eq!(rejected["incoming"], Value::Null);
    assert!(names(&server, &bob, "/api/v1/friends/requests").await.is_empty());
    assert_eq!(listed(&server, &alice, "/api/v1/friends/requests").await, std::slice::from_ref(&asked));
    assert_eq!(apply(&server, &alice, &bob, "again").await.expect(200), asked);

    apply(&server, &bob, &alice, "well").await.expect(200);
    answer(&server, &alice, &bob, "accept").await.expect(200);
    let hello = json!({"to_user": alice.id, "body": {"text": "hello"}});
    let say = || server.post("/api/v1/messages", &bob.access, hello.clone());
    say().await.expect(201);
    let kept = listed(&server, &bob, "/api/v1/friends").await;
    server.ephemeral.came(&UserId::parse(&alice.id).unwrap(), &DeviceId::unnamed());
    let audience = json!({"presence": "contacts"});
    server.patch("/api/v1/users/me", &alice.access, audience).await.expect(200);
    let presence = format!("/api/v1/users/{}/presence", alice.id);
    let seen = || server.get(&presence, &bob.access);
    assert_eq!(seen().await.expect(200)["state"], "online");

    let gone = server.delete(&format!("/api/v1/friends/{}", bob.id), &alice.access).await.expect(200);
    assert_eq!(gone["friend_since"], Value::Null);
    assert!(names(&server, &alice, "/api/v1/friends").await.is_empty());
    assert_eq!(listed(&server, &bob, "/api/v1/friends").await, kept, "bob is not told");
    assert_eq!(seen().await.expect(200)["state"], "offline", "alice shows it to friends alone");
    say().await.problem(403, "NOT_FRIENDS");
    let service = server.token("crm", "contacts:read");
    for (user, peer) in [(&alice, &bob), (&bob, &alice)] {
        let path = format!("/api/v1/server/users/{}/relations/{}", user.id, peer.id);
        assert_eq!(server.get(&path, &service).await.expect(200)["friend_since"], Value::Null);
    }

    apply(&server, &bob, &alice, "friends again?").await.expect(200);
    answer(&server, &alice, &bob, "accept").await.expect(200);
    say().await.expect(201);
    assert_eq!(seen().await.expect(200)["state"], "online");
}

#[tokio::test]
async fn friends_come_in_pages() {
    let server = Server::start().await;
    let token = |name: &str| server.token(name, "");
    let me = token("me");
    for n in 0..7 {
        let name = format!("friend{n}");
        let body = json!({"user_id": "me"});
        server.post("/api/v1/friends/apply", &token(&name), body).await.expect(200);
        if n % 2 == 0 {
            server.post_nothing(&format!("/api/v1/friends/requests/{name}/accept"), &me).await.expect(200);
        }
    }
    let (mut found, mut path) = (Vec::new(), "/api/v1/friends?limit=3".to_owned());
    loop {
        let page = server.get(&path, &me).await.expect(200);
        let contacts = page["contacts"].as_array().unwrap();
        assert!(contacts.len() <= 3);
        found.extend(contacts.iter().map(|contact| contact["user"].as_str().unwrap().to_owned()));
        let Some(next) = page["next_cursor"].as_str() else { break };
        path = format!("/api/v1/friends?limit=3&cursor={next}");
    }
    assert_eq!(found, ["friend0", "friend2", "friend4", "friend6"]);
}
