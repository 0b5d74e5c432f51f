//! What the document says of bodies is what the server takes: each example is sent and answered as documented, and what lacks a required
//! member, or goes beyond a documented limit, is refused.

use serde_json::{Value, json};

use super::documented_examples_work::check;
use super::server::{Answer, Server};

fn document() -> Value {
    serde_json::from_str(&api::Api::document()).unwrap()
}

fn schema<'a>(document: &'a Value, name: &str) -> &'a Value {
    let schema = &document["components"]["schemas"][name];
    assert!(schema.is_object(), "no schema {name}");
    schema
}

/// The kind of a body, with its schema.
fn kind_of<'a>(document: &'a Value, body: &Value) -> (String, &'a Value) {
    let new = schema(document, "NewMessageBody");
    let kinds = new["oneOf"].as_array().unwrap().iter().map(|one| one["required"][0].as_str().unwrap());
    let present: Vec<&str> = kinds.filter(|kind| body.get(kind).is_some()).collect();
    assert_eq!(present.len(), 1, "{body} is not of exactly one kind");
    let shape = &new["properties"][present[0]];
    let shape = shape["$ref"].as_str().map_or(shape, |path| document.pointer(&path[1..]).unwrap());
    (present[0].to_owned(), shape)
}

/// As a service, which may say everything.
async fn say(server: &Server, body: &Value) -> Answer {
    let message = json!({"to_user": "bob", "sender": "alice", "body": body});
    server.post("/api/v1/messages", &server.token("billing", "server"), message).await
}

fn examples(document: &Value) -> Vec<Value> {
    schema(document, "NewMessageBody")["examples"].as_array().unwrap().clone()
}

#[tokio::test]
async fn every_example_of_a_body_is_sent_and_answered_as_documented() {
    let (server, document) = (Server::start().await, document());
    let mut shown = Vec::new();
    for body in examples(&document) {
        let sent = say(&server, &body).await.expect(201);
        shown.push(kind_of(&document, &body).0);
        let path = format!(
            "/api/v1/conversations/d.alice.bob/messages?around={}&limit=1",
            sent["seq"].as_str().unwrap()
        );
        let page = server.get(&path, &server.token("alice", "")).await.expect(200);
        let told = &page["messages"][0]["body"];
        for (member, value) in body.as_object().unwrap() {
            if !matches!(member.as_str(), "expiry" | "must_confirm") {
                assert_eq!(&told[member], value, "{body}");
            }
        }
        check(&document, &body.to_string(), schema(&document, "MessageBody"), told);
    }
    let kinds = schema(&document, "NewMessageBody")["oneOf"].as_array().unwrap();
    for kind in kinds {
        assert!(shown.iter().any(|shown| kind["required"][0] == *shown), "no example of {kind}");
    }
}

#[tokio::test]
async fn what_lacks_a_required_member_is_refused() {
    let (server, document) = (Server::start().await, document());
    let mut refused = 0;
    for body in examples(&document) {
        let (kind, shape) = kind_of(&document, &body);
        let mut required: Vec<&str> =
            shape["required"].as_array().into_iter().flatten().map(|name| name.as_str().unwrap()).collect();
        if kind == "location" {
            // In protobuf, which means the same, what is absent is zero degrees.
            required.clear();
        }
        if shape["oneOf"].is_array() {
            required.push("url");
        }
        for member in required {
            let mut less = body.clone();
            less[&kind].as_object_mut().unwrap().remove(member);
            say(&server, &less).await.problem(400, "BAD_FIELD");
            refused += 1;
        }
    }
    assert!(refused > 8, "{refused} members are required");
    for body in [json!({}), json!({"text": "a", "custom": {"type": "b", "json": "1"}}), json!({"text": ""})] {
        say(&server, &body).await.problem(400, "BAD_FIELD");
    }
    for beside in [
        json!({"mentions": {}}),
        json!({"mentions": {"users": []}}),
        json!({"reply_to": {}}),
        json!({"expiry": {}}),
        json!({"forward": {}}),
    ] {
        let mut body = json!({"text": "hi"});
        body.as_object_mut().unwrap().extend(beside.as_object().unwrap().clone());
        say(&server, &body).await.problem(400, "BAD_FIELD");
    }
}

#[tokio::test]
async fn what_goes_beyond_a_documented_limit_is_refused() {
    let (server, document) = (Server::start().await, document());
    let mut tried = 0;
    for body in examples(&document) {
        let (kind, shape) = kind_of(&document, &body);
        for (member, limits) in shape["properties"].as_object().into_iter().flatten() {
            let too_much = beyond(member, limits);
            for value in too_much {
                let mut more = body.clone();
                more[&kind][member] = value;
                if member == "file" {
                    more[&kind].as_object_mut().unwrap().remove("url");
                }
                let answer = say(&server, &more).await;
                assert!(matches!(answer.status, 400 | 413), "{kind}.{member}: {}", answer.text);
                tried += 1;
            }
        }
    }
    assert!(tried > 25, "{tried} limits were tried");
}

/// Values that are just too much.
fn beyond(member: &str, limits: &Value) -> Vec<Value> {
    let number = |name: &str| limits[name].as_f64();
    let mut found = Vec::new();
    if let Some(max) = limits["maxLength"].as_u64() {
        let prefix = match member {
            "url" | "avatar" => "https://x",
            _ => "",
        };
        found.push(json!(format!("{prefix}{}", "x".repeat(usize::try_from(max).unwrap() + 1))));
    }
    let whole = limits["type"] == "integer";
    for over in
        [number("maximum").map(|max| max + 1.0), number("minimum").filter(|_| !whole).map(|min| min - 1.0)]
    {
        found.extend(over.map(|over| if whole { json!(over as u64) } else { json!(over) }));
    }
    if let Some(max) = limits["maxItems"].as_u64() {
        let one = json!({"sender": "carol", "body": {"text": "hi"}});
        found.push(json!(vec![one; usize::try_from(max).unwrap() + 1]));
    }
    found
}
