//! Who is online, over HTTP.

use std::time::Duration;

use api::ApiConfig;
use proto::presence::Activity;
use proto::{DeviceId, UserId};
use serde_json::{Value, json};

use super::server::{Server, config};

fn names(user: &str, device: &str) -> (UserId, DeviceId) {
    (UserId::parse(user).unwrap(), DeviceId::parse(device).unwrap())
}

async fn presence(server: &Server, user: &str) -> Value {
    server.get(&format!("/api/v1/users/{user}/presence"), &server.token("bob", "")).await.expect(200)
}

#[tokio::test]
async fn devices_come_and_leave() {
    let server = Server::without_router(config());
    let never = presence(&server, "alice").await;
    assert_eq!(never, json!({"user": "alice", "state": "offline", "last_seen": null, "devices": []}));

    let ((alice, phone), (_, web)) = (names("alice", "phone"), names("alice", "web"));
    server.ephemeral.came(&alice, &phone);
    server.ephemeral.came(&alice, &web);
    server.ephemeral.left(&alice, &phone, Activity::Active);
    let now = presence(&server, "alice").await;
    assert_eq!((&now["state"], &now["last_seen"]), (&json!("online"), &Value::Null));
    let devices = now["devices"].as_array().unwrap();
    assert_eq!((&devices[0]["device"], &devices[0]["state"]), (&json!("phone"), &json!("offline")));
    assert!(devices[0]["last_seen"].is_string() && devices[0]["online_since"].is_null(), "{now}");
    assert_eq!((&devices[1]["device"], &devices[1]["state"]), (&json!("web"), &json!("online")));
    assert!(devices[1]["last_seen"].is_null() && devices[1]["online_since"].is_string(), "{now}");

    server.ephemeral.left(&alice, &web, Activity::Active);
    let later = presence(&server, "alice").await;
    assert_eq!(later["state"], "offline");
    assert_eq!(later["last_seen"], later["devices"][1]["last_seen"]);
}

#[tokio::test]
async fn who_left_a_moment_ago_is_still_there() {
    let patient = ApiConfig { presence_grace: Duration::from_secs(3_600), ..config() };
    let server = Server::without_router(patient);
    let (alice, phone) = names("alice", "phone");
    server.ephemeral.came(&alice, &phone);
    server.ephemeral.left(&alice, &phone, Activity::Active);
    let told = presence(&server, "alice").await;
    let device = json!({"device": "phone", "state": "online", "online_since": null, "last_seen": null});
    assert_eq!(told, json!({"user": "alice", "state": "online", "last_seen": null, "devices": [device]}));
}

#[tokio::test]
async fn several_are_asked_in_one_question_with_a_bound() {
    let server = Server::without_router(config());
    let (alice, phone) = names("alice", "phone");
    server.ephemeral.came(&alice, &phone);
    let token = server.token("bob", "");
    let found = server.get("/api/v1/presence?users=carol,alice", &token).await.expect(200);
    let states: Vec<_> =
        found["users"].as_array().unwrap().iter().map(|user| (&user["user"], &user["state"])).collect();
    assert_eq!(states, [(&json!("carol"), &json!("offline")), (&json!("alice"), &json!("online"))]);

    let many = vec!["alice"; 201].join(",");
    server.get(&format!("/api/v1/presence?users={many}"), &token).await.problem(400, "BAD_FIELD");
    server.get("/api/v1/presence?users=a/b", &token).await.problem(400, "BAD_FIELD");
    server.get("/api/v1/presence?users=", &token).await.problem(400, "BAD_FIELD");
    server.get("/api/v1/users/a%20b/presence", &token).await.problem(400, "BAD_FIELD");
    server.get("/api/v1/presence?users=alice", "").await.problem(401, "UNAUTHENTICATED");
}
