//! `sync`, `delivered` and `typing` over HTTP: the frames of the same names, for clients without a socket.

use proto::{Payload, ServerFrame};
use serde_json::{Value, json};

use super::server::{Server, config};

/// The frames that a user is told.
fn told(delivery: &proto::Delivery) -> Option<&ServerFrame> {
    match &delivery.payload {
        Payload::Fanout(fanout) => Some(fanout.frame.frame()),
        _ => None,
    }
}

#[tokio::test]
async fn what_changed_is_listed_with_a_cursor_and_heads_of_what_is_open() {
    let server = Server::start().await;
    let [alice, bob, eve] =
        [server.register("alice").await, server.register("bob").await, server.register("eve").await];
    let sent = server.say(&alice, &bob, "hi").await;
    let direct = sent["conversation"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/sync?open={direct},g.nowhere,{direct}");
    let first = server.get(&path, &bob.access).await.expect(200);
    let line = &first["conversations"][0];
    assert_eq!(
        (&line["conversation"], &line["unread"], &line["left"]),
        (&json!(direct), &json!("1"), &json!(false))
    );
    assert_eq!(line["last"]["body"]["text"], json!("hi"));
    assert_eq!(
        first["heads"],
        json!([{"conversation": direct, "last_seq": "1"}]),
        "not of what one is not in"
    );
    assert_eq!((&first["more"], &first["contacts"]), (&json!(false), &json!([])));

    let cursor = first["cursor"].as_str().unwrap();
    let body = json!({"user_id": bob.id, "note": "we met"});
    server.post("/api/v1/friends/apply", &alice.access, body).await.expect(200);
    let next = server.get(&format!("/api/v1/sync?cursor={cursor}"), &bob.access).await.expect(200);
    assert_eq!(next["contacts"][0]["incoming"]["note"], json!("we met"));
    let none = server.get(&format!("/api/v1/sync?open={direct}"), &eve.access).await.expect(200);
    assert_eq!((&none["conversations"], &none["heads"]), (&json!([]), &json!([])));
}

#[tokio::test]
async fn an_old_or_unknown_cursor_is_too_long_and_what_is_wrong_is_refused_as_over_sockets() {
    let server = Server::start().await;
    let alice = server.register("alice").await;
    let get = async |query: String| server.get(&format!("/api/v1/sync?{query}"), &alice.access).await;
    for cursor in ["1.0.0.0.", "x", "9.0.0.0."] {
        assert_eq!(get(format!("cursor={cursor}")).await.expect(200), json!({"too_long": {}}), "{cursor}");
    }
    assert!(get(String::new()).await.expect(200)["cursor"].is_string(), "and without one it begins");
    let refused = get("open=nothing".to_owned()).await.problem(400, "BAD_FIELD");
    assert!(refused.starts_with("open"), "{refused}");
    let many: Vec<String> = (0..201).map(|number| format!("g.{number}")).collect();
    get(format!("open={}", many.join(","))).await.problem(400, "BAD_FIELD");
    get(format!("cursor={}", "1".repeat(1_025))).await.problem(413, "TOO_LARGE");
    server.get("/api/v1/sync", "").await.problem(401, "UNAUTHENTICATED");
    let service = server.token("billing", "messages:send");
    server.get("/api/v1/sync", &service).await.problem(403, "FORBIDDEN");
}

#[tokio::test]
async fn what_arrived_and_who_types_is_told_to_the_others() {
    let server = Server::start().await;
    let [alice, bob, eve] =
        [server.register("alice").await, server.register("bob").await, server.register("eve").await];
    let sent = server.say(&alice, &bob, "hi").await;
    let direct = sent["conversation"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/conversations/{direct}/delivered");
    let mut ear = server.listen(&alice.id);
    assert_eq!(server.post(&path, &bob.access, json!({"seq": "1"})).await.status, 204);
    let delivered = ear.hear(|delivery| match told(delivery)? {
        ServerFrame::Receipt(receipt) => receipt.delivered,
        _ => None,
    });
    assert_eq!(delivered.await.0, 1);
    for body in [json!({"to_user": alice.id}), json!({"conversation": direct})] {
        assert_eq!(server.post("/api/v1/typing", &bob.access, body).await.status, 204);
        let types = ear.hear(|delivery| match told(delivery)? {
            ServerFrame::Typing(typing) => Some(typing.user.to_string()),
            _ => None,
        });
        assert_eq!(types.await, bob.id);
    }

    server.post(&path, &eve.access, json!({"seq": "1"})).await.problem(403, "FORBIDDEN");
    let typing = |body: Value| server.post("/api/v1/typing", &eve.access, body);
    typing(json!({"conversation": direct})).await.problem(403, "FORBIDDEN");
    typing(json!({"conversation": "g.nowhere"})).await.problem(404, "NOT_FOUND");
    typing(json!({})).await.problem(400, "BAD_FIELD");
    typing(json!({"conversation": direct, "to_user": alice.id})).await.problem(400, "BAD_FIELD");
}

/// As reading is, not as writing: a client that shows what is typed types often.
#[tokio::test]
async fn marks_are_limited_as_what_reads() {
    let mut config = config();
    config.user_rates.reads = api::RateLimit { per_second: 1, burst: 2 };
    let server = Server::with(config).await;
    let alice = server.token("alice", "");
    for _ in 0..2 {
        let typing = json!({"to_user": "bob"});
        assert_eq!(server.post("/api/v1/typing", &alice, typing).await.status, 204);
    }
    let refused = server.get("/api/v1/sync", &alice).await;
    assert!(refused.json["retry_after_ms"].as_u64() > Some(0));
    refused.problem(429, "RATE");
}
