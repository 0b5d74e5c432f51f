//! Every list is asked for page by page in the same way, and refuses the same with the same words.

use serde_json::{Value, json};

use super::document::operations;
use super::server::{Server, request};

/// What is followed, and no list.
const SYNC: &str = "/api/v1/sync";

fn document() -> Value {
    serde_json::from_str(&api::Api::document()).unwrap()
}

/// The schema of an operation's answer, without its reference.
fn answer<'d>(document: &'d Value, operation: &'d Value) -> &'d Value {
    let schema = &operation["responses"]["200"]["content"]["application/json"]["schema"];
    schema["$ref"].as_str().map_or(schema, |reference| document.pointer(&reference[1..]).unwrap())
}

fn parameter<'d>(operation: &'d Value, name: &str) -> Option<&'d Value> {
    operation["parameters"].as_array()?.iter().find(|parameter| parameter["name"] == name)
}

/// A list is what answers with many of something and does nothing else.
#[test]
fn every_list_has_the_same_members() {
    let document = document();
    let mut lists = 0;
    for (method, path, operation) in operations(&document) {
        let schema = answer(&document, &operation);
        let members = schema["properties"].as_object();
        let is_list = members.is_some_and(|members| members.contains_key("next_cursor"));
        let has_many =
            schema["required"].as_array().into_iter().flatten().any(|name| {
                members.is_some_and(|members| members[name.as_str().unwrap()]["type"] == "array")
            });
        // They have devices, and messages that were deleted: no lists that one asks for.
        let is_one = path.ends_with("/users/{user_id}/presence") || path.ends_with("/settings");
        assert_eq!(method == "GET" && has_many && !is_one, is_list, "{method} {path}");
        if is_list {
            assert!(members.unwrap()["next_cursor"]["description"].is_string(), "{path}");
            lists += 1;
        }
        let (cursor, limit) = (parameter(&operation, "cursor"), parameter(&operation, "limit"));
        // The cursor of sockets, which goes on for ever.
        let is_followed = path == SYNC;
        assert_eq!(cursor.is_some() && !is_followed, limit.is_some(), "{path}");
        let Some(limit) = limit else { continue };
        assert!(is_list, "{path}");
        let shape = &limit["schema"];
        assert_eq!((&shape["minimum"], &shape["maximum"]), (&json!(1), &json!(200)), "{path}: {limit}");
    }
    assert!(lists > 15, "{lists} lists");
}

#[tokio::test]
async fn what_is_no_page_is_refused_with_the_name_of_the_field() {
    let server = Server::start().await;
    let alice = server.token("alice", "");
    server.post("/api/v1/groups", &alice, json!({"group_id": "team", "name": "Team"})).await.expect(201);
    let said = json!({"to_user": "bob", "body": {"text": "hi"}});
    server.post("/api/v1/messages", &alice, said).await.expect(201);
    let mut asked = 0;
    for (method, path, operation) in operations(&document()) {
        if parameter(&operation, "cursor").is_none() || path == SYNC {
            continue;
        }
        let (mut concrete, mut more) = (path.clone(), String::new());
        for one in operation["parameters"].as_array().unwrap() {
            let (name, example) =
                (one["name"].as_str().unwrap(), one["example"].as_str().unwrap_or_default());
            concrete = concrete.replace(&format!("{{{name}}}"), example);
            if one["required"] == true && one["in"] == "query" {
                more = format!("&{name}={example}");
            }
        }
        // The last is a cursor of another list: "links 1".
        for (query, field) in [
            ("cursor=", "cursor: "),
            ("cursor=nonsense", "cursor: "),
            ("cursor=bGlua3NfMQ", "cursor: "),
            ("limit=0", "limit: "),
            ("limit=201", "limit: "),
            ("limit=many", "limit: "),
        ] {
            let uri = format!("{concrete}?{query}{more}");
            let refused = server.send(request(&method, &uri, &alice, axum::body::Body::empty())).await;
            let detail = refused.problem(400, "BAD_FIELD");
            assert!(detail.starts_with(field), "{uri}: {detail}");
        }
        asked += 1;
    }
    assert!(asked > 10, "{asked} lists");
}
