//! A POST that is made again with the same `Idempotency-Key` is one call.

use axum::body::Body;
use http::Request;
use proto::Partition;
use serde_json::{Value, json};

use super::server::{Answer, Server, config, request};

fn call(path: &str, token: &str, key: &str, body: &Value) -> Request<Body> {
    let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
    let mut request = request("POST", path, token, body);
    request.headers_mut().insert("idempotency-key", key.parse().unwrap());
    request
}

async fn post(server: &Server, path: &str, token: &str, key: &str, body: Value) -> Answer {
    server.send(call(path, token, key, &body)).await
}

fn is_replayed(answer: &Answer) -> bool {
    answer.headers.get("idempotency-replayed").is_some_and(|value| value == "true")
}

#[tokio::test]
async fn the_first_answer_is_given_again() {
    let server = Server::start().await;
    let (alice, bob) = (server.token("alice", ""), server.token("bob", ""));
    let groups = "/api/v1/groups";
    let first = post(&server, groups, &alice, "k1", json!({"name": "Team"})).await;
    let again = post(&server, groups, &alice, "\"k1\"", json!({"name": "Team"})).await;
    assert_eq!((is_replayed(&first), is_replayed(&again)), (false, true));
    assert_eq!((again.status, &again.text), (201, &first.text));
    assert_eq!(again.headers["content-type"], first.headers["content-type"]);
    let mine = server.get(groups, &alice).await.expect(200);
    assert_eq!(mine["groups"].as_array().unwrap().len(), 1);

    post(&server, groups, &alice, "k1", json!({"name": "Choir"})).await.problem(422, "BAD_FIELD");
    let other = post(&server, "/api/v1/blocks", &alice, "k1", json!({"name": "Team"})).await;
    assert!(other.problem(422, "BAD_FIELD").starts_with("idempotency-key: "));
    let another = post(&server, groups, &alice, "k2", json!({"name": "Team"})).await.expect(201);
    assert_ne!(another["group_id"], first.json["group_id"]);
    let bobs = post(&server, groups, &bob, "k1", json!({"name": "Team"})).await;
    assert!(!is_replayed(&bobs), "a key is its user's own");
    assert_eq!(bobs.json["owner"], json!("bob"));
    post(&server, groups, "", "k1", json!({"name": "Team"})).await.problem(401, "UNAUTHENTICATED");
    post(&server, groups, &alice, "\"k1", json!({"name": "Team"})).await.problem(400, "BAD_FIELD");
    // What is no call has no keys: neither good ones nor bad ones.
    for key in ["k3", "\"k3"] {
        let wrong = post(&server, "/api/v1/groups/team/owner", &alice, key, Value::Null).await;
        wrong.problem(405, "NOT_FOUND");
        post(&server, "/api/v1/nothing", &alice, key, Value::Null).await.problem(404, "NOT_FOUND");
    }
}

#[tokio::test]
async fn what_was_refused_may_be_asked_again() {
    let server = Server::start().await;
    let alice = server.token("alice", "");
    let path = "/api/v1/friends/requests/bob/accept";
    post(&server, path, &alice, "k", Value::Null).await.problem(404, "NOT_FOUND");
    server
        .post("/api/v1/friends/apply", &server.token("bob", ""), json!({"user_id": "alice"}))
        .await
        .expect(200);
    let accepted = post(&server, path, &alice, "k", Value::Null).await;
    assert_eq!((accepted.status, is_replayed(&accepted)), (200, false));
    // Without the key there is nothing left to accept; with it, it was accepted.
    server.delete("/api/v1/friends/bob", &alice).await.expect(200);
    server.post_nothing(path, &alice).await.problem(404, "NOT_FOUND");
    let again = post(&server, path, &alice, "k", Value::Null).await;
    assert_eq!((again.status, again.text), (200, accepted.text));
    let large = json!({"name": "x".repeat(2 << 20)});
    post(&server, "/api/v1/groups", &alice, "large", large).await.problem(413, "TOO_LARGE");
    // Wrong fields are refused, and the key is free for the right ones.
    post(&server, "/api/v1/groups", &alice, "new", json!({})).await.problem(400, "BAD_FIELD");
    post(&server, "/api/v1/groups", &alice, "new", json!({"name": "Team"})).await.expect(201);
}

#[tokio::test(start_paused = true)]
async fn while_the_first_runs_the_second_waits() {
    let server = Server::without_router(config());
    // Takes commands and answers none.
    let _queue = server.bus.serve(Partition::all());
    let alice = server.token("alice", "");
    let body = json!({"name": "Team"});
    let first = server.send(call("/api/v1/groups", &alice, "k", &body));
    tokio::pin!(first);
    // Until it waits for the router.
    assert!(futures_util::poll!(&mut first).is_pending());
    let second = post(&server, "/api/v1/groups", &alice, "k", body.clone()).await;
    assert_eq!(second.headers["retry-after"], "1");
    second.problem(409, "CONFLICT");
    post(&server, "/api/v1/groups", &alice, "k", json!({"name": "x"})).await.problem(422, "BAD_FIELD");
    first.await.problem(503, "UNAVAILABLE");
    let later = post(&server, "/api/v1/groups", &alice, "k", body).await;
    later.problem(503, "UNAVAILABLE");
}

/// A group and a room have an id that is made of the key, a message too; another process has kept no answer.
#[tokio::test]
async fn another_process_finds_what_the_call_has_made() {
    let server = Server::start().await;
    let other = server.another_process();
    let (alice, service) = (server.token("alice", ""), server.token("stage", "rooms:manage"));
    let group = json!({"name": "Team", "member_ids": ["bob"]});
    let room = json!({"name": "Finals"});
    let send = json!({"to_user": "bob", "body": {"text": "hi"}});
    for (path, token, body) in [
        ("/api/v1/groups", &alice, &group),
        ("/api/v1/rooms", &service, &room),
        ("/api/v1/messages", &alice, &send),
    ] {
        let key = path.rsplit('/').next().unwrap();
        let first = post(&server, path, token, key, body.clone()).await;
        let again = post(&other, path, token, key, body.clone()).await;
        assert!(!is_replayed(&again), "{path}");
        assert_eq!((again.status, &again.json), (201, &first.json), "{path}");
    }
    assert_eq!(server.get("/api/v1/groups", &alice).await.expect(200)["groups"].as_array().unwrap().len(), 1);

    // Both at the same time.
    let (one, two) = tokio::join!(
        post(&server, "/api/v1/groups", &alice, "at once", group.clone()),
        post(&other, "/api/v1/groups", &alice, "at once", group.clone()),
    );
    assert_eq!(one.expect(201), two.expect(201));
    assert_eq!(server.get("/api/v1/groups", &alice).await.expect(200)["groups"].as_array().unwrap().len(), 2);
    // An id that somebody chose is taken for every other call.
    let chosen = json!({"group_id": "team", "name": "Team"});
    let made = post(&server, "/api/v1/groups", &alice, "c", chosen.clone()).await.expect(201);
    assert_eq!(post(&other, "/api/v1/groups", &alice, "c", chosen.clone()).await.expect(201), made);
    post(&other, "/api/v1/groups", &alice, "d", chosen).await.problem(409, "CONFLICT");
    let other_name = json!({"group_id": "team", "name": "Choir"});
    let third = server.another_process();
    post(&third, "/api/v1/groups", &alice, "c", other_name).await.problem(409, "CONFLICT");
}

/// Whoever undid it meanwhile is not overruled.
#[tokio::test]
async fn another_process_does_not_carry_out_a_change_again() {
    let server = Server::start().await;
    let (other, third) = (server.another_process(), server.another_process());
    let [alice, bob, eve] = ["alice", "bob", "eve"].map(|name| server.token(name, ""));
    for (id, join) in [("open", "open"), ("closed", "request")] {
        let group = json!({"group_id": id, "name": "Team", "join": join});
        server.post("/api/v1/groups", &alice, group).await.expect(201);
    }
    server.post("/api/v1/friends/apply", &bob, json!({"user_id": "alice"})).await.expect(200);
    server.post_nothing("/api/v1/groups/closed/join-requests", &eve).await.expect(200);
    let nothing = Value::Null;
    let of_bob = json!({"user_id": "bob"});
    let calls = [
        // The call, by whom, and what undoes it.
        ("/api/v1/friends/requests/bob/accept", &alice, nothing.clone(), ("/api/v1/friends/bob", &alice)),
        ("/api/v1/friends/apply", &eve, of_bob.clone(), ("/api/v1/friends/bob", &eve)),
        ("/api/v1/blocks", &alice, of_bob, ("/api/v1/blocks/bob", &alice)),
        ("/api/v1/groups/open/members", &bob, json!({}), ("/api/v1/groups/open/members/me", &bob)),
        (
            "/api/v1/groups/open/members",
            &alice,
            json!({"user_ids": ["eve"]}),
            ("/api/v1/groups/open/members/eve", &alice),
        ),
        (
            "/api/v1/groups/closed/join-requests/eve/approve",
            &alice,
            nothing,
            ("/api/v1/groups/closed/members/me", &eve),
        ),
        (
            "/api/v1/groups/closed/invitations",
            &alice,
            json!({"user_ids": ["bob"], "expires_in_ms": 60_000}),
            ("/api/v1/groups/closed/invitations/me", &bob),
        ),
    ];
    for (at, (path, token, body, (undo, by))) in calls.into_iter().enumerate() {
        let key = format!("change {at}");
        let first = post(&server, path, token, &key, body.clone()).await.expect(200);
        let again = post(&other, path, token, &key, body.clone()).await;
        assert!(!is_replayed(&again), "{path}");
        assert_eq!(again.expect(200), first, "{path}");
        let undone = server.delete(undo, by).await.expect(200);
        let late = post(&third, path, token, &key, body).await.expect(200);
        // The place of the change stays; what is so now is that it was undone.
        for member in ["members", "friend_since", "outgoing", "blocked", "version"] {
            assert_eq!(late.get(member), undone.get(member), "{path}: {member} of {late}");
        }
    }
}

/// What by its nature is the same the second time has no id, and is the same.
#[tokio::test]
async fn what_one_does_for_oneself_changes_nothing_the_second_time() {
    let server = Server::start().await;
    let other = server.another_process();
    let [alice, bob] = ["alice", "bob"].map(|name| server.token(name, ""));
    let confirm = json!({"text": "drill", "must_confirm": {}});
    for body in [confirm, json!({"text": "two"}), json!({"text": "three"})] {
        server.post("/api/v1/messages", &alice, json!({"to_user": "bob", "body": body})).await.expect(201);
    }
    let at = "/api/v1/conversations/d.alice.bob";
    for (path, body, status) in [
        ("/messages/1/confirm", Value::Null, 204),
        ("/delete", json!({"seqs": ["2"]}), 200),
        ("/clear", json!({"seq": "2"}), 200),
        ("/read", json!({"seq": "2"}), 204),
    ] {
        let path = format!("{at}{path}");
        let first = post(&server, &path, &bob, &path[30..], body.clone()).await;
        let again = post(&other, &path, &bob, &path[30..], body).await;
        assert_eq!((first.status, again.status), (status, status), "{path}: {}", again.text);
        assert_eq!((is_replayed(&again), again.text), (false, first.text), "{path}");
    }
    // Back it does not go, whatever was read meanwhile.
    server.post(&format!("{at}/read"), &bob, json!({"seq": "3"})).await;
    post(&other, &format!("{at}/read"), &bob, "/read", json!({"seq": "2"})).await;
    let settings = server.get("/api/v1/conversations/badge", &bob).await.expect(200);
    assert_eq!(settings["unread"], json!("0"));
}

#[tokio::test]
async fn tokens_are_not_kept() {
    let server = Server::start().await;
    let credentials = json!({"username": "alice", "password": "123456"});
    let person = post(&server, "/api/v1/auth/register", "", "k", credentials.clone()).await.person(201);
    post(&server, "/api/v1/auth/register", "", "k", credentials.clone()).await.problem(409, "CONFLICT");
    let one = post(&server, "/api/v1/auth/login", "", "k", credentials.clone()).await.person(200);
    let two = post(&server, "/api/v1/auth/login", "", "k", credentials).await.person(200);
    assert_ne!(one.refresh, two.refresh);
    let one = post(&server, "/api/v1/tickets", &person.access, "k", Value::Null).await.expect(201);
    let two = post(&server, "/api/v1/tickets", &person.access, "k", Value::Null).await.expect(201);
    assert_ne!(one, two);
    server.post("/api/v1/groups", &person.access, json!({"group_id": "team", "name": "T"})).await.expect(201);
    let one = post(&server, "/api/v1/groups/team/links", &person.access, "k", Value::Null).await.expect(201);
    let two = post(&server, "/api/v1/groups/team/links", &person.access, "k", Value::Null).await.expect(201);
    assert_ne!(one["token"], two["token"]);
}

/// The room that the tests' server has is for some thousand small answers; one that is forgotten is found by its id.
#[tokio::test]
async fn the_oldest_answers_are_forgotten_first() {
    let server = Server::with(api::ApiConfig { idempotency_bytes_max: 16 * 1_024, ..config() }).await;
    let alice = server.token("alice", "");
    let block = |n: u32| {
        let body = json!({"user_id": format!("user{n}")});
        post(&server, "/api/v1/blocks", &alice, Box::leak(format!("k{n}").into_boxed_str()), body)
    };
    for n in 0..60 {
        block(n).await.expect(200);
    }
    assert!(is_replayed(&block(59).await) && is_replayed(&block(50).await));
    assert!(!is_replayed(&block(0).await), "no room for all of them");
}
