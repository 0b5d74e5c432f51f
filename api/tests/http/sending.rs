//! Messages sent over HTTP.

use axum::body::Body;
use proto::Payload;
use serde_json::{Value, json};

use super::server::{Server, request};

const KEY: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

#[tokio::test]
async fn message_is_durable_pushed_and_answered() {
    let server = Server::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let mut listener = server.listen(&bob.id);
    let body =
        json!({"toUser": bob.id.parse::<u64>().unwrap(), "body": {"text": "hi"}, "clientMessageId": KEY});
    let sent = server.post("/api/v1/messages", &alice.access, body).await.expect(201);
    assert_eq!((&sent["seq"], &sent["client_message_id"]), (&json!("1"), &json!(KEY)));
    let pushed = listener.hear(|delivery| match &delivery.payload {
        Payload::Fanout(fanout) => Some(fanout.frame.message(proto::Encoding::Json).clone()),
        _ => None,
    });
    // Behind the WebSocket header: `{"event": …}`, of which history shows the same members.
    let pushed = pushed.await;
    let start = pushed.iter().position(|byte| *byte == b'{').unwrap();
    let event: Value = serde_json::from_slice(&pushed[start..]).unwrap();
    let path = format!("/api/v1/conversations/{}/messages", sent["conversation"].as_str().unwrap());
    let history = server.get(&path, &bob.access).await.expect(200);
    assert_eq!(history["messages"], json!([event["event"]]));
    for member in ["conversation", "seq", "message_id", "time"] {
        assert_eq!(sent[member], event["event"][member], "{member}");
    }
    assert_eq!(event["event"]["sender"], json!(alice.id));
}

#[tokio::test]
async fn same_key_is_the_same_message() {
    let server = Server::start().await;
    let alice = server.token("alice", "");
    let body = json!({"to_user": "bob", "body": {"text": "hi"}, "client_message_id": KEY});
    let first = server.post("/api/v1/messages", &alice, body.clone()).await.expect(201);
    let again = server.post("/api/v1/messages", &alice, body).await.expect(201);
    assert_eq!(first, again);

    let with_header = |key: &str| {
        let body = json!({"to_user": "bob", "body": {"text": "hi"}}).to_string();
        let mut request = request("POST", "/api/v1/messages", &alice, Body::from(body));
        request.headers_mut().insert("idempotency-key", key.parse().unwrap());
        server.send(request)
    };
    assert_eq!(with_header(KEY).await.expect(201), first);
    assert_eq!(with_header(&format!("\"{KEY}\"")).await.expect(201), first);
    with_header(&"long".repeat(20)).await.problem(400, "BAD_FIELD");
    let named = with_header("parcel 7").await.expect(201);
    assert_eq!(named["seq"], json!("2"), "any word does");
    assert_eq!(with_header("\"parcel 7\"").await.expect(201), named);

    let without = json!({"to_user": "bob", "body": {"text": "hi"}});
    let one = server.post("/api/v1/messages", &alice, without.clone()).await.expect(201);
    let two = server.post("/api/v1/messages", &alice, without).await.expect(201);
    assert_eq!((&one["seq"], &two["seq"]), (&json!("3"), &json!("4")));
}

#[tokio::test]
async fn what_is_wrong_is_named() {
    let server = Server::start().await;
    let alice = server.token("alice", "");
    let send = |body: Value| server.post("/api/v1/messages", &alice, body);
    for (body, named) in [
        (json!({"to_user": "bob"}), "body"),
        (json!({"body": {"text": "hi"}}), "to_user"),
        (json!({"to_user": "two words", "body": {"text": "hi"}}), "to_user"),
        (json!({"conversation": "x", "body": {"text": "hi"}}), "conversation"),
        (json!({"to_user": "bob", "conversation": "d.alice.bob", "body": {"text": "hi"}}), "conversation"),
        (json!({"to_user": "bob", "body": {"text": ""}}), "body"),
        (json!({"to_user": "bob", "body": {}}), "body"),
        (json!({"to_user": "bob", "body": {"text": "hi"}, "client_message_id": "7"}), "client_message_id"),
        (json!({"to_user": ["bob"], "body": {"text": "hi"}}), "to_user"),
    ] {
        let detail = send(body.clone()).await.problem(400, "BAD_FIELD");
        assert!(detail.contains(named), "{body}: {detail}");
    }
    let long = "x".repeat(proto::limits::BODY_BYTES_MAX + 1);
    send(json!({"to_user": "bob", "body": {"text": long}})).await.problem(413, "TOO_LARGE");
    send(json!({"conversation": "d.bob.carol", "body": {"text": "hi"}})).await.problem(403, "FORBIDDEN");
    send(json!({"conversation": "g.none", "body": {"text": "hi"}})).await.problem(404, "NOT_FOUND");
}

#[tokio::test]
async fn only_a_trusted_service_speaks_for_others_and_writes_notices() {
    let server = Server::start().await;
    let (alice, service) = (server.token("alice", ""), server.token("crm", "server"));
    let for_alice = json!({"sender": "alice", "to_user": "bob", "body": {"text": "from alice"}});
    let notice =
        json!({"sender": "alice", "to_user": "bob", "body": {"system": {"notice": {"text": "be nice"}}}});
    let for_carol = json!({"sender": "carol", "to_user": "bob", "body": {"text": "from carol"}});
    server.post("/api/v1/messages", &alice, for_alice.clone()).await.expect(201);
    server.post("/api/v1/messages", &alice, for_carol.clone()).await.problem(403, "FORBIDDEN");
    server.post("/api/v1/messages", &alice, notice.clone()).await.problem(403, "FORBIDDEN");

    server.post("/api/v1/messages", &service, for_alice).await.expect(201);
    server.post("/api/v1/messages", &service, for_carol).await.expect(201);
    server.post("/api/v1/messages", &service, notice).await.expect(201);
    let joined = json!({"to_user": "bob", "body": {"system": {"joined": {"users": ["eve"]}}}});
    server.post("/api/v1/messages", &service, joined).await.problem(400, "BAD_FIELD");

    let history = server.get("/api/v1/conversations/d.alice.bob/messages", &alice).await.expect(200);
    let messages = history["messages"].as_array().unwrap();
    let shown: Vec<_> = messages.iter().map(|message| (&message["sender"], &message["body"])).collect();
    let (alice, text, notice) =
        (json!("alice"), json!({"text": "from alice"}), json!({"system": {"notice": {"text": "be nice"}}}));
    assert_eq!(shown, [(&alice, &text), (&alice, &text), (&alice, &notice)]);
}
