//! Answers that are asked for again: their tags, and 304 where nothing has changed.

use std::collections::BTreeSet;

use axum::body::Body;
use serde_json::{Value, json};

use super::document::operations;
use super::server::{Answer, Server, request};

async fn ask(server: &Server, path: &str, token: &str, known: &str) -> Answer {
    let mut request = request("GET", path, token, Body::empty());
    request.headers_mut().insert("if-none-match", known.parse().unwrap());
    server.send(request).await
}

fn tag(answer: &Answer) -> String {
    answer.headers["etag"].to_str().unwrap().to_owned()
}

#[tokio::test]
async fn what_has_not_changed_is_not_sent_again() {
    let server = Server::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let make = json!({"group_id": "team", "name": "Team", "member_ids": [bob.id]});
    server.post("/api/v1/groups", &alice.access, make).await.expect(201);
    let first = server.get("/api/v1/groups/team", &alice.access).await;
    assert_eq!(first.headers["cache-control"], "private, no-cache");
    assert_eq!(first.headers["vary"], "authorization");
    let known = tag(&first);
    let same = ask(&server, "/api/v1/groups/team", &alice.access, &known).await;
    assert_eq!((same.status, same.text.as_str(), tag(&same)), (304, "", known.clone()));
    assert_eq!(same.headers["cache-control"], "private, no-cache");
    assert!(!same.headers.contains_key("content-type"));
    let others = ask(&server, "/api/v1/groups/team", &bob.access, &known).await;
    assert_eq!(others.status, 304, "the same bytes, whoever asks");

    server.patch("/api/v1/groups/team", &bob.access, json!({"name": "x"})).await.problem(403, "FORBIDDEN");
    assert_eq!(ask(&server, "/api/v1/groups/team", &alice.access, &known).await.status, 304);
    server.patch("/api/v1/groups/team", &alice.access, json!({"name": "The team"})).await.expect(200);
    let changed = ask(&server, "/api/v1/groups/team", &alice.access, &known).await;
    assert_ne!(tag(&changed), known);
    assert_eq!(changed.expect(200)["name"], json!("The team"));

    let stranger = server.token("eve", "");
    ask(&server, "/api/v1/groups/team", &stranger, "*").await.problem(404, "NOT_FOUND");
    ask(&server, "/api/v1/groups/team", "", &known).await.problem(401, "UNAUTHENTICATED");
}

/// What the document says of tags is so, and what it does not say is not.
#[tokio::test]
async fn answers_have_tags_where_the_document_says_so() {
    let server = Server::start().await;
    let (alice, service) = (server.register("alice").await, server.token("stage", "server"));
    let (team, room) = (json!({"group_id": "team", "name": "Team"}), json!({"room_id": "r", "name": "Room"}));
    server.post("/api/v1/groups", &alice.access, team).await.expect(201);
    server.post("/api/v1/rooms", &service, room).await.expect(201);
    let document: Value = serde_json::from_str(&api::Api::document()).unwrap();
    let mut tagged = BTreeSet::new();
    for (method, path, operation) in operations(&document) {
        let says = !operation["responses"]["304"].is_null();
        let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
        let takes = parameters.iter().any(|parameter| parameter["name"] == "If-None-Match");
        let header = operation["responses"]["200"]["headers"]["ETag"].is_object();
        assert_eq!((takes, header), (says, says), "{method} {path}");
        if method != "GET" {
            assert!(!says, "{method} {path}");
            continue;
        }
        let concrete = path
            .replace("{group_id}", "team")
            .replace("{conversation}", "g.team")
            .replace("{room_id}", "r")
            .replace("{user_id}", &alice.id)
            .replace("{seq}", "1");
        let answer = server.get(&concrete, &alice.access).await;
        assert_eq!(answer.headers.contains_key("etag"), says && answer.status == 200, "{path}");
        if says {
            let same = ask(&server, &concrete, &alice.access, &tag(&answer)).await;
            assert_eq!((answer.status, same.status), (200, 304), "{path}");
            tagged.insert(path);
        } else {
            assert_eq!(answer.headers["cache-control"], "no-store", "{path}");
        }
    }
    assert!(tagged.len() > 10, "{tagged:?}");
}
