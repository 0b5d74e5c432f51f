//! What one keeps for oneself in conversations, and the badge.

use serde_json::{Value, json};

use super::server::{PATIENCE, Person, Server};

const SOON: std::time::Duration = std::time::Duration::from_millis(5);

async fn two() -> (Server, Person, Person, String) {
    let server = Server::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let said = server.say(&alice, &bob, "one").await;
    server.say(&alice, &bob, "two").await;
    server.say(&alice, &bob, "three").await;
    let path = format!("/api/v1/conversations/{}", said["conversation"].as_str().unwrap());
    (server, alice, bob, path)
}

/// Lists and badges follow the log within moments: asks until the answer is as expected.
async fn until(server: &Server, token: &str, path: &str, expected: impl Fn(&Value) -> bool) -> Value {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let answer = server.get(path, token).await.expect(200);
        if expected(&answer) {
            return answer;
        }
        assert!(tokio::time::Instant::now() < deadline, "{path}: {answer:#}");
        tokio::time::sleep(SOON).await;
    }
}

async fn texts(server: &Server, token: &str, path: &str) -> Vec<Value> {
    let page = server.get(&format!("{path}/messages"), token).await.expect(200);
    assert_eq!(page["next_cursor"], Value::Null, "nothing before what is gone");
    page["messages"].as_array().unwrap().iter().map(|message| message["body"]["text"].clone()).collect()
}

#[tokio::test]
async fn settings_stay_as_they_were_set_and_lists_are_filtered_by_them() {
    let (server, alice, bob, path) = two().await;
    let nothing = server.get(&format!("{path}/settings"), &bob.access).await.expect(200);
    assert_eq!((&nothing["pinned"], &nothing["changed"]), (&json!(false), &json!("0")));
    let set = server.patch(&path, &bob.access, json!({"pinned": true, "draft": "well"})).await.expect(200);
    let both = server.patch(&path, &bob.access, json!({"archived": true})).await.expect(200);
    assert_eq!(
        (&both["pinned"], &both["draft"], &both["archived"]),
        (&json!(true), &json!("well"), &json!(true))
    );
    assert_ne!(set["changed"], both["changed"]);
    assert_eq!(server.get(&format!("{path}/settings"), &bob.access).await.expect(200), both);

    let count = |list: &Value| list["conversations"].as_array().unwrap().len();
    let list = until(&server, &bob.access, "/api/v1/conversations", |list| count(list) == 1).await;
    assert_eq!(list["conversations"][0]["settings"], both);
    let others = until(&server, &alice.access, "/api/v1/conversations", |list| count(list) == 1).await;
    assert_eq!(others["conversations"][0]["settings"], Value::Null, "nobody else's business");
    for (filter, found) in
        [("archived=true", 1), ("archived=false", 0), ("hidden=true", 0), ("hidden=false", 1)]
    {
        let list = server.get(&format!("/api/v1/conversations?{filter}"), &bob.access).await.expect(200);
        assert_eq!(count(&list), found, "{filter}");
    }
    server.patch(&path, &bob.access, json!({"hidden": true})).await.expect(200);
    let list = server.get("/api/v1/conversations?hidden=true", &bob.access).await.expect(200);
    assert_eq!(count(&list), 1);
    server.say(&alice, &bob, "four").await;
    let list = server.get("/api/v1/conversations?hidden=true", &bob.access).await.expect(200);
    assert_eq!(count(&list), 0, "an entry brings it back");
}

#[tokio::test]
async fn what_is_deleted_or_cleared_is_gone_for_oneself() {
    let (server, alice, bob, path) = two().await;
    let deleted =
        server.post(&format!("{path}/delete"), &bob.access, json!({"seqs": ["2"]})).await.expect(200);
    assert_eq!(deleted["deleted_seqs"], json!(["2"]));
    assert_eq!(texts(&server, &bob.access, &path).await, [json!("one"), json!("three")]);
    assert_eq!(texts(&server, &alice.access, &path).await, [json!("one"), json!("two"), json!("three")]);
    let cleared = server.post(&format!("{path}/clear"), &bob.access, json!({"seq": 1})).await.expect(200);
    assert_eq!((&cleared["cleared_seq"], &cleared["deleted_seqs"]), (&json!("1"), &json!(["2"])));
    assert_eq!(texts(&server, &bob.access, &path).await, [json!("three")]);
    server.post(&format!("{path}/clear"), &bob.access, json!({})).await.expect(200);
    assert_eq!(texts(&server, &bob.access, &path).await, [Value::Null; 0]);
    let cleared = |list: &Value| {
        let line = &list["conversations"][0];
        line["unread"] == json!("0") && line["last"] == Value::Null && line["read_seq"] == json!("3")
    };
    until(&server, &bob.access, "/api/v1/conversations", cleared).await;
}

#[tokio::test]
async fn the_badge_sums_what_is_unread_and_muted_ones_apart() {
    let (server, alice, bob, path) = two().await;
    let body = json!({"group_id": "team", "name": "Team", "member_ids": [bob.id]});
    server.post("/api/v1/groups", &alice.access, body).await.expect(201);
    let team = "/api/v1/conversations/g.team";
    let say = json!({"conversation": "g.team", "body": {"text": "hey", "mentions": {"users": [bob.id]}}});
    server.post("/api/v1/messages", &alice.access, say).await.expect(201);
    let badge = |unread: &str, muted: &str, mention: &str, conversations: &str| {
        let expected = json!({"unread": unread, "muted_unread": muted, "mention_unread": mention,
            "conversations": conversations});
        move |badge: &Value| *badge == expected
    };
    let (token, at) = (&bob.access, "/api/v1/conversations/badge");
    until(&server, token, at, badge("4", "0", "1", "2")).await;
    let later = json!({"muted_until": "9000000000000"});
    server.patch(team, token, later).await.expect(200);
    until(&server, token, at, badge("3", "1", "1", "1")).await;
    server.post(&format!("{path}/read"), token, json!({"seq": "2"})).await.expect(204);
    until(&server, token, at, badge("1", "1", "1", "1")).await;
    server.patch(&path, token, json!({"hidden": true})).await.expect(200);
    until(&server, token, at, badge("0", "1", "1", "0")).await;
    server.patch(team, token, json!({"muted_until": 0, "marked_unread": true})).await.expect(200);
    server.post(&format!("{team}/clear"), token, json!({})).await.expect(200);
    until(&server, token, at, badge("0", "0", "0", "1")).await;
}

#[tokio::test]
async fn what_cannot_be_is_refused_and_names_the_field() {
    let (server, _, bob, path) = two().await;
    assert!(server.patch(&path, &bob.access, json!({})).await.problem(400, "BAD_FIELD").contains("pinned"));
    let long = json!({"draft": "x".repeat(8_193)});
    assert!(server.patch(&path, &bob.access, long).await.problem(400, "BAD_FIELD").contains("draft"));
    let none = server.post(&format!("{path}/delete"), &bob.access, json!({"seqs": []})).await;
    assert!(none.problem(400, "BAD_FIELD").contains("seqs"));
    server.post(&format!("{path}/delete"), &bob.access, json!({"seqs": [9]})).await.problem(404, "NOT_FOUND");
    let carol = server.register("carol").await;
    server.patch(&path, &carol.access, json!({"pinned": true})).await.problem(403, "FORBIDDEN");
    server.get(&format!("{path}/settings"), &carol.access).await.problem(403, "FORBIDDEN");
}
