//! What a service tells everybody: begun once, one at a time, and how far it is.

use axum::body::Body;
use bus::NodeInbox;
use lifecycle::wall_clock_ms;
use proto::broadcast::{BroadcastReport, BroadcastRequest};
use proto::command::{Origin, Source};
use proto::{
    ClientMessageId, Command, Delivery, DeviceId, NodeId, Payload, Request, ServerFrame, SessionRef,
    Timestamp, TraceId, UserId,
};
use serde_json::{Value, json};

use super::server::{PATIENCE, Server, request};

const KEY: &str = "01890a5d-ac96-774b-bcce-b302099a8090";
const OTHER_KEY: &str = "01890a5d-ac96-774b-bcce-b302099a8091";

/// A shard of a gateway.
fn shard(server: &Server) -> NodeInbox {
    let inbox = server.bus.node(NodeId(7));
    inbox.subscribe_everyone();
    inbox
}

async fn hears(shard: &NodeInbox) -> Delivery {
    let mut deliveries = Vec::new();
    tokio::time::timeout(PATIENCE, shard.recv(&mut deliveries)).await.expect("never heard");
    deliveries.remove(0)
}

/// The shard reports, and is answered.
async fn reports(server: &Server, shard: &NodeInbox, told: u64, left: u64) {
    let id = ClientMessageId::parse(KEY).unwrap();
    let report = BroadcastReport { id, told, missed: 2, left, begun: Timestamp(wall_clock_ms()) };
    let session = SessionRef { node: shard.node(), session: 1 };
    let user = UserId::parse("operations").unwrap();
    let mut command = Command {
        origin: Origin { user, device: DeviceId::unnamed(), session, source: Source::System },
        deadline: Timestamp(wall_clock_ms() + 10_000),
        epoch: proto::Epoch(0),
        once: None,
        trace: TraceId(1),
        request: Request::Broadcast(BroadcastRequest::Report(report)),
    };
    command.epoch = server.bus.epoch(command.partition());
    server.bus.send_command(command).unwrap();
    assert!(matches!(hears(shard).await.payload, Payload::Reply(1, _)));
}

fn everyone(key: &str) -> Value {
    let mut message = everyone_unkeyed();
    message["client_message_id"] = json!(key);
    message
}

fn everyone_unkeyed() -> Value {
    json!({"to_everyone": true, "body": {"system": {"notice": {"text": "Maintenance at 22:00"}}}})
}

#[tokio::test]
async fn a_service_tells_everybody_once_and_sees_how_far_it_is() {
    let server = Server::start().await;
    let (shard, service) = (shard(&server), server.token("operations", "messages:send"));
    let begun = server.post("/api/v1/messages", &service, everyone(KEY)).await;
    let path = format!("/api/v1/broadcasts/{KEY}");
    assert_eq!(begun.headers["location"], path);
    let begun = begun.expect(202);
    assert_eq!((&begun["broadcast_id"], &begun["told"]), (&json!(KEY), &json!(0)));
    let Payload::Broadcast(frame) = hears(&shard).await.payload else { panic!("another delivery") };
    let ServerFrame::Broadcast(told) = frame.frame() else { panic!("{:?}", frame.frame()) };
    assert_eq!((told.id.to_string().as_str(), told.sender.as_str()), (KEY, "operations"));

    reports(&server, &shard, 40, 60).await;
    let again = server.post("/api/v1/messages", &service, everyone(KEY)).await.expect(202);
    let expected = json!({
        "broadcast_id": KEY, "begun_at": begun["begun_at"], "ended_at": null, "shards": 1,
        "told": 40, "missed": 2, "left": 60, "lost": 0, "per_second": 0,
    });
    assert_eq!(again, expected);
    let busy = server.post("/api/v1/messages", &service, everyone(OTHER_KEY)).await;
    assert!(busy.headers.contains_key("retry-after"));
    assert!(busy.json["retry_after_ms"].as_u64() >= Some(1_000), "{}", busy.text);
    busy.problem(503, "BUSY");

    reports(&server, &shard, 98, 0).await;
    let ended = loop {
        let now = server.get(&path, &service).await.expect(200);
        if !now["ended_at"].is_null() {
            break now;
        }
    };
    assert_eq!((&ended["told"], &ended["left"]), (&json!(98), &json!(0)));
    server.post("/api/v1/messages", &service, everyone(OTHER_KEY)).await.expect(202);
    assert!(matches!(hears(&shard).await.payload, Payload::Broadcast(_)), "the first was told once");
}

#[tokio::test]
async fn who_may_tell_everybody_what_is_said_in_the_answer() {
    let server = Server::start().await;
    let service = server.token("operations", "messages:send");
    let by_user = server.post("/api/v1/messages", &server.token("eve", ""), everyone(KEY)).await;
    assert!(by_user.problem(403, "FORBIDDEN").contains("`messages:send`"));
    for (member, value) in
        [("to_user", json!("bob")), ("to_users", json!(["bob"])), ("conversation", json!("g.team"))]
    {
        let mut body = everyone(KEY);
        body[member] = value;
        let detail = server.post("/api/v1/messages", &service, body).await.problem(400, "BAD_FIELD");
        assert!(detail.starts_with("to_everyone"), "{detail}");
    }
    for body in [json!({"text": ""}), json!({"text": "hi", "expiry": {"after_seconds": 5}})] {
        let message = json!({"to_everyone": true, "body": body});
        server.post("/api/v1/messages", &service, message).await.problem(400, "BAD_FIELD");
    }
    server.get(&format!("/api/v1/broadcasts/{KEY}"), &service).await.problem(404, "NOT_FOUND");
    server.get("/api/v1/broadcasts/what", &service).await.problem(400, "BAD_FIELD");
    let keyed = || {
        let mut keyed =
            request("POST", "/api/v1/messages", &service, Body::from(everyone_unkeyed().to_string()));
        keyed.headers_mut().insert("idempotency-key", "maintenance-7".parse().unwrap());
        server.send(keyed)
    };
    let (first, again) = (keyed().await.expect(202), keyed().await);
    assert!(!again.headers.contains_key("idempotency-replayed"), "it is asked how far it is");
    assert_eq!(again.expect(202)["broadcast_id"], first["broadcast_id"]);
}

#[tokio::test]
async fn a_message_to_everyone_may_be_in_another_name() {
    let server = Server::start().await;
    let service = server.token("operations", "messages:send");
    let named = json!({"toEveryone": true, "sender": "bob", "body": {"text": "hi"}});
    let shard = shard(&server);
    server.post("/api/v1/messages", &service, named).await.expect(202);
    let Payload::Broadcast(frame) = hears(&shard).await.payload else { panic!("another delivery") };
    let ServerFrame::Broadcast(told) = frame.frame() else { panic!("{:?}", frame.frame()) };
    assert_eq!((told.sender.as_str(), told.body.as_text()), ("bob", Some("hi")));
}
