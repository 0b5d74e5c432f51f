//! What people say of themselves, and who sees it.

use proto::{DeviceId, UserId};
use serde_json::{Value, json};

use super::server::{Person, Server};

const ME: &str = "/api/v1/users/me";

async fn seen(server: &Server, who: &Person, by: &Person) -> Value {
    server.get(&format!("/api/v1/users/{}", who.id), &by.access).await.expect(200)
}

#[tokio::test]
async fn others_see_what_is_public_and_nothing_else() {
    let server = Server::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let nothing = server.get(ME, &alice.access).await.expect(200);
    assert_eq!(
        (&nothing["avatar"], &nothing["phone"], &nothing["fields"], &nothing["presence"]),
        (&json!(""), &json!(""), &json!({}), &json!("everyone"))
    );
    let change = json!({"avatar": "file:7", "phone": "+49 30 901820", "email": "alice@example.org",
        "fields": {"team": {"value": "blue", "public": true}, "shoe_size": {"value": "38"}}});
    let me = server.patch(ME, &alice.access, change).await.expect(200);
    assert_eq!(me, server.get(ME, &alice.access).await.expect(200), "kept as answered");
    assert_eq!((&me["avatar"], &me["phone"]), (&json!("file:7"), &json!("+49 30 901820")));
    assert_eq!(me["fields"]["shoe_size"], json!({"value": "38", "public": false}));

    let by_bob = seen(&server, &alice, &bob).await;
    let nickname = &me["nickname"];
    let expected = json!({"user_id": alice.id, "username": "alice", "nickname": nickname, "avatar": "file:7",
        "fields": {"team": "blue"}});
    assert_eq!(by_bob, expected);
    let found = server.get("/api/v1/users?username=alice", &bob.access).await.expect(200);
    assert_eq!(found["users"], json!([expected]));
}

#[tokio::test]
async fn what_is_absent_stays_and_null_takes_a_field_away() {
    let server = Server::start().await;
    let alice = server.register("alice").await;
    let fields = json!({"b": {"value": "2", "public": true}, "a": {"value": "1", "public": true}});
    server.patch(ME, &alice.access, json!({"avatar": "x", "fields": fields})).await.expect(200);
    let fields = json!({"a": null, "c": {"value": "3"}, "never": null});
    let me = server.patch(ME, &alice.access, json!({"phone": "110", "fields": fields})).await.expect(200);
    let names: Vec<&String> = me["fields"].as_object().unwrap().keys().collect();
    assert_eq!(
        (format!("{names:?}"), &me["avatar"], &me["phone"]),
        (r#"["b", "c"]"#.to_owned(), &json!("x"), &json!("110"))
    );
    let me = server.patch(ME, &alice.access, json!({"avatar": "", "nickname": "Al"})).await.expect(200);
    assert_eq!((&me["avatar"], &me["phone"], &me["nickname"]), (&json!(""), &json!("110"), &json!("Al")));
}

#[tokio::test]
async fn what_is_too_much_is_refused_whole() {
    let server = Server::start().await;
    let alice = server.register("alice").await;
    let before = server.get(ME, &alice.access).await.expect(200);
    let field = |name: &str, value: &str| json!({"nickname": "new", "fields": {name: {"value": value}}});
    let many: serde_json::Map<String, Value> =
        (0..33).map(|number| (format!("f{number}"), json!({"value": ""}))).collect();
    for (change, at_fault) in [
        (json!({"avatar": "x".repeat(513)}), "avatar"),
        (json!({"avatar": "a\nb"}), "avatar"),
        (json!({"phone": "1".repeat(33)}), "phone"),
        (json!({"phone": "call me"}), "phone"),
        (field("", "1"), "fields"),
        (field("Team", "1"), "fields"),
        (field(&"a".repeat(33), "1"), "fields"),
        (field("a", &"x".repeat(513)), "fields.a"),
        (json!({"fields": many}), "fields"),
        (json!({"presence": "sometimes"}), ""),
    ] {
        let detail = server.patch(ME, &alice.access, change).await.problem(400, "BAD_FIELD");
        assert!(detail.starts_with(at_fault), "{detail}");
    }
    assert_eq!(server.get(ME, &alice.access).await.expect(200), before);
}

#[tokio::test]
async fn who_is_there_is_shown_to_whom_they_want() {
    let server = Server::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    server.ephemeral.came(&UserId::parse(&alice.id).unwrap(), &DeviceId::unnamed());
    let status = async |by: &str| {
        let one = server.get(&format!("/api/v1/users/{}/presence", alice.id), by).await.expect(200);
        let many =
            server.get(&format!("/api/v1/presence?users={},{}", bob.id, alice.id), by).await.expect(200);
        assert_eq!(many["users"][1], one);
        one["state"].as_str().unwrap().to_owned()
    };
    let service = server.token("billing", "server");
    let wants = async |audience: &str| {
        server.patch(ME, &alice.access, json!({"presence": audience})).await.expect(200);
        [status(&bob.access).await, status(&alice.access).await, status(&service).await]
    };
    assert_eq!(wants("everyone").await, ["online", "online", "online"]);
    assert_eq!(wants("nobody").await, ["offline", "online", "online"]);
    assert_eq!(wants("contacts").await, ["offline", "online", "online"]);
    let apply = json!({"user_id": alice.id});
    server.post("/api/v1/friends/apply", &bob.access, apply).await.expect(200);
    assert_eq!(status(&bob.access).await, "offline", "asking is not enough");
    server
        .post_nothing(&format!("/api/v1/friends/requests/{}/accept", bob.id), &alice.access)
        .await
        .expect(200);
    assert_eq!(status(&bob.access).await, "online");
    assert_eq!(wants("nobody").await, ["offline", "online", "online"]);
}

#[tokio::test(start_paused = true)]
async fn users_are_found_by_how_their_names_begin_and_not_without_end() {
    let server = Server::without_router(super::server::config());
    let alice = server.register("alice").await;
    for name in ["alina", "ALIX", "albert", "bob"] {
        server.register(name).await;
    }
    let search = |query: &str| {
        let path = format!("/api/v1/users/search?{query}");
        let server = &server;
        let token = &alice.access;
        async move { server.get(&path, token).await }
    };
    let names = |found: &Value| {
        let users = found["users"].as_array().unwrap().iter();
        users.map(|user| user["username"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(&search("prefix=Ali").await.expect(200)), ["alice", "alina", "alix"]);
    assert_eq!(names(&search("prefix=ali&limit=2").await.expect(200)), ["alice", "alina"]);
    assert_eq!(names(&search("prefix=zoe").await.expect(200)), [""; 0]);
    assert_eq!(
        names(&search("prefix=al").await.expect(200)),
        ["albert", "alice", "alina", "alix"],
        "nicknames"
    );
    for wrong in ["prefix=a", "prefix=", "prefix=%20a%20", "prefix=a%0Ab", ""] {
        search(wrong).await.problem(400, "BAD_FIELD");
    }
    let mut refused = 0;
    for _ in 0..40 {
        let found = search("prefix=ali").await;
        if found.status == 429 {
            assert_eq!(found.json["retry_after_ms"], json!(1_000));
            refused += 1;
        }
    }
    assert_eq!(refused, 40 - 27, "31 in all, four of them before");
    let exact = server.get("/api/v1/users?username=bob", &alice.access).await;
    exact.problem(429, "RATE");
    tokio::time::advance(std::time::Duration::from_secs(1)).await;
    search("prefix=ali").await.expect(200);
}

#[tokio::test]
async fn users_are_found_by_the_nicknames_that_they_have_now() {
    let server = Server::without_router(super::server::config());
    let admin = server.token("shop", "server");
    let alice = server.register("alice").await;
    let mut made = Vec::new();
    for (name, nickname) in [("u1", "Zoë Ba"), ("u2", "zoë"), ("u3", "Anna"), ("zoë.is.none", "no")] {
        let body = json!({"username": name, "password": "123456", "nickname": nickname});
        let answer = server.post("/api/v1/auth/register", "", body).await;
        made.push(answer.json["access_token"].as_str().unwrap_or_default().to_owned());
        assert_eq!(answer.status, if name.starts_with('u') { 201 } else { 400 }, "{name}");
    }
    let found = async |prefix: &str| {
        let path = format!("/api/v1/users/search?prefix={prefix}");
        let found = server.get(&path, &alice.access).await.expect(200);
        let users = found["users"].as_array().unwrap().iter();
        users.map(|user| user["username"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(found("ZO%C3%8B").await, ["u2", "u1"]);
    assert_eq!(found("zo%C3%AB%20b").await, ["u1"]);
    server.patch(ME, &made[1], json!({"nickname": "Alice B."})).await.expect(200);
    assert_eq!(found("zo").await, ["u1"]);
    assert_eq!(found("ali").await, ["alice", "u2"], "usernames first");
    let me = server.get(ME, &made[0]).await.expect(200);
    let path = format!("/api/v1/server/users/{}", me["user_id"].as_str().unwrap());
    server.patch(&path, &admin, json!({"status": "disabled"})).await.expect(200);
    assert_eq!(found("zo").await, [""; 0], "nor who may not be used");
}

/// A page may ask who the members of a large group are; nobody reads the list of all.
#[tokio::test(start_paused = true)]
async fn users_are_looked_up_by_their_ids_and_not_without_end() {
    let server = Server::without_router(super::server::config());
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let path = format!("/api/v1/users/{}", bob.id);
    for _ in 0..=500 {
        server.get(&path, &alice.access).await.expect(200);
    }
    let refused = server.get(&path, &alice.access).await;
    assert_eq!(refused.json["retry_after_ms"], json!(250));
    refused.problem(429, "RATE");
    server.get(&path, &bob.access).await.expect(200);
    let service = server.token("helpdesk", "users:read");
    for _ in 0..600 {
        server.get(&path, &service).await.expect(200);
    }
    tokio::time::advance(std::time::Duration::from_millis(250)).await;
    server.get(&path, &alice.access).await.expect(200);
}
