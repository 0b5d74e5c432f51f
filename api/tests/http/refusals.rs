//! Everything that is not a success is a problem.

use std::time::Duration;

use api::ApiConfig;
use axum::body::Body;
use http::header::AUTHORIZATION;
use serde_json::json;

use super::server::{Server, config, request};

#[tokio::test]
async fn unknown_paths_and_methods_are_problems() {
    let server = Server::start().await;
    for path in ["/", "/api", "/api/v1/nothing", "/api/v1/users/me/x", "/openapi.yaml"] {
        server.get(path, "").await.problem(404, "NOT_FOUND");
    }
    let answer = server.delete("/api/v1/auth/login", "").await;
    assert_eq!(answer.headers["allow"], "POST");
    answer.problem(405, "NOT_FOUND");
}

#[tokio::test]
async fn bodies_that_are_not_json_or_too_large_are_refused() {
    let server = Server::start().await;
    let send = |body: Vec<u8>| server.send(request("POST", "/api/v1/auth/login", "", Body::from(body)));
    for body in ["", "{", "nonsense", "{\"username\": \"a\", \"password\": \"b\"} x"] {
        send(body.into()).await.problem(400, "BAD_FRAME");
    }
    for body in ["[]", "7", "null", "{}"] {
        send(body.into()).await.problem(400, "BAD_FIELD");
    }
    send(vec![0xff, 0xfe]).await.problem(400, "BAD_FRAME");
    let size = config().body_bytes_max;
    let padded = |size: usize| {
        let mut body = br#"{"username":"a","password":"b"}"#.to_vec();
        body.resize(size, b' ');
        body
    };
    send(padded(size)).await.problem(401, "BAD_CREDENTIALS");
    send(padded(size + 1)).await.problem(413, "TOO_LARGE");
}

#[tokio::test]
async fn every_refusal_of_a_field_begins_with_its_name() {
    let server = Server::start().await;
    let alice = server.token("alice", "");
    let team = json!({"group_id": "team", "name": "Team", "member_ids": ["bob"]});
    server.post("/api/v1/groups", &alice, team).await.expect(201);
    let many: Vec<_> = (0..=1_000).map(|n| format!("user{n}")).collect();
    let text = |body: serde_json::Value| json!({"to_user": "bob", "body": body});
    let posted = [
        ("messages", json!({"to_user": "bob"}), "body: it is required"),
        ("messages", text(json!({"text": ""})), "body: text: it is empty"),
        ("messages", text(json!({"custom": {"json": "1"}})), "body: custom.type: 1 to 64"),
        ("messages", text(json!({"image": {"file": "f", "mime": "text/x"}})), "body: image.mime: "),
        ("groups", json!({}), "name: it is required"),
        ("groups", json!({"name": "x", "join": "odd"}), "join: unknown variant"),
        ("groups", json!({"name": "x", "member_ids": many}), "member_ids: at most 1000"),
        ("groups/team/invitations", json!({"user_ids": []}), "user_ids: one at least"),
        ("friends/apply", json!({"user_id": "bob", "note": "x".repeat(201)}), "note: at most 200"),
        ("friends/apply", json!({"user_id": "alice"}), "user_id: nobody is their own"),
        ("auth/register", json!({"username": "x"}), "password: it is required"),
    ];
    for (path, body, begins) in posted {
        let detail = server.post(&format!("/api/v1/{path}"), &alice, body).await.problem(400, "BAD_FIELD");
        assert!(detail.starts_with(begins), "{path}: {detail}");
    }
    let put = [
        ("groups/team/members/bob/mute", json!({"until": "5"}), "until: a time to come"),
        ("groups/team/members/bob/mute", json!({"duration_ms": 0}), "duration_ms: a time to come"),
        ("groups/team/members/bob/role", json!({"role": "owner"}), "role: unknown variant"),
    ];
    for (path, body, begins) in put {
        let detail = server.put(&format!("/api/v1/{path}"), &alice, body).await.problem(400, "BAD_FIELD");
        assert!(detail.starts_with(begins), "{path}: {detail}");
    }
    let asked = [
        ("presence", "users: it is required"),
        ("users", "username: it is required"),
        ("users/search", "prefix: it is required"),
        ("conversations?archived=odd", "archived: "),
        ("conversations/g.team/messages?before=odd", "before: "),
    ];
    for (path, begins) in asked {
        let detail = server.get(&format!("/api/v1/{path}"), &alice).await.problem(400, "BAD_FIELD");
        assert!(detail.starts_with(begins), "{path}: {detail}");
    }
    let patched = server.patch("/api/v1/users/me", &alice, json!({"presence": "odd"})).await;
    assert!(patched.problem(400, "BAD_FIELD").starts_with("presence: unknown variant"));
}

#[tokio::test]
async fn other_schemes_are_not_tokens() {
    let server = Server::start().await;
    let token = server.token("alice", "");
    for (header, status) in [
        (format!("bearer {token}"), 200),
        (format!("Bearer  {token}"), 200),
        (format!("Basic {token}"), 401),
        (token.clone(), 401),
        ("Bearer".to_owned(), 401),
    ] {
        let mut request = request("GET", "/api/v1/users/me", "", Body::empty());
        request.headers_mut().insert(AUTHORIZATION, header.parse().unwrap());
        assert_eq!(server.send(request).await.status, status, "{header}");
    }
}

#[tokio::test(start_paused = true)]
async fn slow_request_is_given_up() {
    let server = Server::without_router(ApiConfig { request_timeout: Duration::from_secs(3), ..config() });
    // Sends a part and then nothing.
    let stalled = Body::from_stream(futures_util::stream::pending::<Result<bytes::Bytes, std::io::Error>>());
    let answer = server.send(request("POST", "/api/v1/auth/login", "", stalled)).await;
    assert_eq!(answer.headers["retry-after"], "1");
    answer.problem(503, "UNAVAILABLE");
}

#[tokio::test]
async fn passwords_beyond_the_queue_are_refused_at_once() {
    let server = Server::with(ApiConfig { hash_workers: 1, hash_queue_max: 2, ..config() }).await;
    let register = |n: u32| {
        let body = json!({"username": format!("user{n}"), "password": "123456"});
        server.post("/api/v1/auth/register", "", body)
    };
    let answers = futures_util::future::join_all((0..20).map(register)).await;
    let made = answers.iter().filter(|answer| answer.status == 201).count();
    assert!((3..20).contains(&made), "{made}");
    for answer in answers.into_iter().filter(|answer| answer.status != 201) {
        assert!(answer.json["retry_after_ms"].as_u64().unwrap() > 0);
        answer.problem(503, "BUSY");
    }
    register(20).await.expect(201);
}

#[tokio::test]
async fn other_origins_are_allowed_only_by_name() {
    let preflight = |origin: &str| {
        let mut request = request("OPTIONS", "/api/v1/messages", "", Body::empty());
        let headers = request.headers_mut();
        headers.insert("origin", origin.parse().unwrap());
        headers.insert("access-control-request-method", "POST".parse().unwrap());
        request
    };
    let closed = Server::start().await;
    let answer = closed.send(preflight("https://app.example.org")).await;
    assert!(!answer.headers.contains_key("access-control-allow-origin"));

    let origins = vec!["https://app.example.org".to_owned()];
    let open = Server::with(ApiConfig { cors_origins: origins, ..config() }).await;
    let answer = open.send(preflight("https://app.example.org")).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers["access-control-allow-origin"], "https://app.example.org");
    let methods = answer.headers["access-control-allow-methods"].to_str().unwrap();
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
        assert!(methods.contains(method), "{method} is used here and not in {methods}");
    }
    let answer = open.send(preflight("https://evil.example.org")).await;
    assert!(!answer.headers.contains_key("access-control-allow-origin"));
}
