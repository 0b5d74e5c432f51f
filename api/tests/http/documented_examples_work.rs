//! The examples in the OpenAPI document, tried one after the other against a real server: what a reader copies works.

use std::collections::{BTreeMap, BTreeSet};

use axum::body::Body;
use serde_json::Value;

use super::document::operations;
use super::server::{PATIENCE, Person, Server, request};

struct Reader<'a> {
    server: &'a Server,
    document: Value,
    tried: BTreeSet<String>,
}

/// What a reference stands for; of several ways the first that is one.
fn resolve<'v>(document: &'v Value, schema: &'v Value) -> &'v Value {
    let mut ways = schema["oneOf"].as_array().into_iter().flatten().chain([schema]);
    match ways.find_map(|way| way["$ref"].as_str()) {
        Some(reference) => resolve(document, document.pointer(&reference[1..]).unwrap()),
        None => schema,
    }
}

/// The value has exactly the documented members, down to the leaves, with the documented types.
pub fn check(document: &Value, what: &str, schema: &Value, value: &Value) {
    let schema = resolve(document, schema);
    let types = match &schema["type"] {
        Value::String(one) => vec![one.as_str()],
        Value::Array(many) => many.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let found = match value {
        Value::Null => return,
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    assert!(types.contains(&found), "{what}: {value} is not {types:?}");
    if let Some(properties) = schema["properties"].as_object() {
        for (member, value) in value.as_object().unwrap() {
            let shape = properties.get(member).unwrap_or_else(|| panic!("{what}.{member} is not documented"));
            check(document, &format!("{what}.{member}"), shape, value);
        }
        for required in schema["required"].as_array().into_iter().flatten() {
            assert!(value.get(required.as_str().unwrap()).is_some(), "{what} lacks {required}");
        }
    }
    for item in value.as_array().into_iter().flatten() {
        check(document, &format!("{what}[]"), &schema["items"], item);
    }
}

impl Reader<'_> {
    /// Calls an operation with its examples, of which `changes` says what only this run can know, and checks the
    /// answer against the document.
    async fn try_it(&mut self, id: &str, token: &str, changes: &[(&str, &str)]) -> Value {
        let changes: BTreeMap<&str, &str> = changes.iter().copied().collect();
        let (method, path, operation) = operations(&self.document)
            .into_iter()
            .find(|(_, _, operation)| operation["operationId"] == id)
            .unwrap_or_else(|| panic!("no operation {id}"));
        let (mut concrete, mut query) = (path.clone(), Vec::new());
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let name = parameter["name"].as_str().unwrap();
            let example =
                parameter.get("example").map(|value| value.to_string().trim_matches('"').to_owned());
            let value = changes.get(name).map(|value| (*value).to_owned()).or(example);
            match (parameter["in"].as_str().unwrap(), value) {
                ("path", Some(value)) => concrete = concrete.replace(&format!("{{{name}}}"), &value),
                ("query", Some(value)) => query.push(format!("{name}={value}")),
                ("path", None) => panic!("{id}: no example of {name}"),
                _ => {}
            }
        }
        let example = &operation["requestBody"]["content"]["application/json"]["example"];
        let body = if example.is_null() {
            Body::empty()
        } else {
            let mut body = example.clone();
            for (name, value) in &changes {
                if body.get(name).is_some() {
                    body[*name] = Value::from(*value);
                }
            }
            Body::from(body.to_string())
        };
        let uri = if query.is_empty() { concrete } else { format!("{concrete}?{}", query.join("&")) };
        let answer = self.server.send(request(&method, &uri, token, body)).await;
        let documented = operation["responses"].as_object().unwrap();
        let success = documented.keys().find(|status| status.starts_with('2')).unwrap();
        assert_eq!(answer.status.to_string(), *success, "{method} {uri}: {}", answer.text);
        let content = &documented[success]["content"]["application/json"];
        if !content.is_null() {
            check(&self.document, id, &content["schema"], &answer.json);
        }
        for (status, answer) in documented.iter().filter(|(status, _)| status.starts_with('2')) {
            let content = &answer["content"]["application/json"];
            if !content.is_null() {
                let what = format!("{id}, its example of {status}");
                check(&self.document, &what, &content["schema"], &content["example"]);
            }
        }
        self.tried.insert(id.to_owned());
        answer.json
    }

    async fn person(&mut self, id: &str, changes: &[(&str, &str)]) -> Person {
        let tokens = self.try_it(id, "", changes).await;
        let text = |name: &str| tokens[name].as_str().unwrap().to_owned();
        Person { id: text("user_id"), access: text("access_token"), refresh: text("refresh_token") }
    }
}

async fn a_message_is_read_and_confirmed(reader: &mut Reader<'_>, token: &str) {
    let body = r#"{"conversation": "d.alice.bob", "body": {"text": "read this", "must_confirm": {}}}"#;
    let sent = reader.server.send(request("POST", "/api/v1/messages", token, Body::from(body))).await;
    let seq = sent.json["seq"].as_str().unwrap().to_owned();
    let readers = reader.try_it("readers", token, &[("seq", &seq)]).await;
    assert_eq!(readers["readers"][0]["user"], Value::from("bob"));
    let bob = reader.server.token("bob", "");
    reader.try_it("confirm", &bob, &[("seq", &seq)]).await;
    let told = reader.try_it("confirmations", token, &[("seq", &seq)]).await;
    assert_eq!((&told["confirmed"], &told["of"]), (&Value::from(1), &Value::from(1)));
}

async fn groups_are_kept_in_order(reader: &mut Reader<'_>, token: &str) {
    reader.try_it("member", token, &[]).await;
    reader.try_it("edit_group", token, &[("join", "request")]).await;
    reader.try_it("mute_member", token, &[]).await;
    reader.try_it("unmute_member", token, &[]).await;
    reader.try_it("mute_all", token, &[]).await;
    reader.try_it("unmute_all", token, &[]).await;
    reader.try_it("set_nickname", token, &[]).await;
    for name in ["erin", "frank"] {
        let asked = reader.try_it("ask_to_join", &reader.server.token(name, ""), &[]).await;
        assert_eq!(asked["pending"], Value::from(true));
    }
    let waiting = reader.try_it("list_join_requests", token, &[]).await;
    assert_eq!(waiting["requests"].as_array().unwrap().len(), 2);
    reader.try_it("approve_join_request", token, &[]).await;
    reader.try_it("reject_join_request", token, &[]).await;
    reader.try_it("invite", token, &[]).await;
    let invited = reader.try_it("list_invitations", token, &[]).await;
    assert_eq!(invited["invitations"][0]["user"], Value::from("grace"));
    reader.try_it("uninvite", token, &[]).await;
    let grace = reader.server.token("grace", "");
    for answer in ["decline_invitation", "accept_invitation"] {
        reader.try_it("invite", token, &[]).await;
        // Lists follow within a second.
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while reader.try_it("list_my_invitations", &grace, &[]).await["invitations"]
            == Value::Array(Vec::new())
        {
            assert!(tokio::time::Instant::now() < deadline, "the invitation is never listed");
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        reader.try_it(answer, &grace, &[]).await;
    }
    let made = reader.try_it("make_link", token, &[]).await;
    reader.try_it("list_links", token, &[]).await;
    reader.try_it("end_link", token, &[("link_id", made["link_id"].as_str().unwrap())]).await;
    reader.try_it("set_role", token, &[]).await;
    reader.try_it("transfer_group", token, &[]).await;
}

async fn a_room_is_made_and_ended(reader: &mut Reader<'_>, service: &str) {
    let made = reader.try_it("make_room", service, &[]).await;
    assert_eq!(reader.try_it("room", service, &[]).await, made);
    reader.try_it("change_room", service, &[]).await;
    reader.try_it("end_room", service, &[]).await;
}

async fn everybody_is_told(reader: &mut Reader<'_>, service: &str) {
    let message = serde_json::json!({"to_everyone": true, "body": {"text": "hi"}});
    let begun = reader.server.post("/api/v1/messages", service, message).await.expect(202);
    let id = begun["broadcast_id"].as_str().unwrap();
    assert_eq!(reader.try_it("broadcast", service, &[("broadcast_id", id)]).await, begun);
}

async fn what_one_keeps_for_oneself(reader: &mut Reader<'_>, token: &str) {
    for own in ["change_conversation", "delete_messages", "clear_conversation", "conversation_settings"] {
        let settings = reader.try_it(own, token, &[]).await;
        assert_eq!(settings["pinned"], Value::from(true));
    }
    reader.try_it("list_conversations", token, &[]).await;
    reader.try_it("badge", token, &[]).await;
}

async fn two_become_contacts(reader: &mut Reader<'_>) {
    let bob = reader.server.token("bob", "");
    reader.try_it("apply", &bob, &[("user_id", "alice")]).await;
    let alices = reader.server.token("alice", "");
    reader.try_it("reject", &alices, &[]).await;
    reader.try_it("apply", &bob, &[("user_id", "alice")]).await;
    let asked = reader.try_it("list_requests", &alices, &[]).await;
    assert_eq!(asked["contacts"][0]["incoming"]["note"], Value::from("we met at the lake"));
    reader.try_it("accept", &alices, &[]).await;
    reader.try_it("change_friend", &alices, &[]).await;
    let friends = reader.try_it("list_friends", &alices, &[]).await;
    assert_eq!(friends["contacts"][0]["remark"], Value::from("Bobby"));
    reader.try_it("remove_friend", &alices, &[]).await;
    reader.try_it("block", &alices, &[]).await;
    reader.try_it("list_blocks", &alices, &[]).await;
    reader.try_it("unblock", &alices, &[]).await;
}

#[tokio::test]
async fn documented_examples_work_in_the_order_of_a_first_visit() {
    let server = Server::start().await;
    let document: Value = serde_json::from_str(&api::Api::document()).unwrap();
    let all: BTreeSet<String> = operations(&document)
        .iter()
        .map(|(_, _, operation)| operation["operationId"].as_str().unwrap().to_owned())
        .collect();
    let mut reader = Reader { server: &server, document, tried: BTreeSet::new() };

    let alice = reader.person("register", &[]).await;
    let laptop = reader.person("login", &[]).await;
    let laptop = reader.person("refresh", &[("refresh_token", &laptop.refresh)]).await;
    reader.try_it("me", &laptop.access, &[]).await;
    reader.try_it("change_me", &laptop.access, &[]).await;
    reader.try_it("user", &laptop.access, &[("user_id", &alice.id)]).await;
    let found = reader.try_it("find_users", &laptop.access, &[]).await;
    assert_eq!(found["users"][0]["user_id"], Value::from(alice.id.as_str()));

    let found = reader.try_it("search_users", &laptop.access, &[]).await;
    assert_eq!(found["users"][0]["user_id"], Value::from(alice.id.as_str()));

    reader.try_it("sessions", &laptop.access, &[]).await;
    reader.try_it("end_session", &laptop.access, &[]).await;
    reader.try_it("change_password", &laptop.access, &[]).await;
    reader.try_it("end_other_sessions", &laptop.access, &[]).await;
    let service = server.token("billing", "server");
    reader.try_it("change_account", &service, &[("user_id", &alice.id), ("status", "active")]).await;
    let dora = reader.try_it("create_user", &service, &[]).await;
    assert_eq!(dora["user_id"], Value::from("user-4711"));
    reader.try_it("end_user_sessions", &service, &[("user_id", "user-4711")]).await;

    two_become_contacts(&mut reader).await;
    let relation = reader.try_it("relation", &service, &[]).await;
    assert_eq!((&relation["user"], &relation["friend_since"]), (&Value::from("alice"), &Value::Null));
    reader.try_it("user_presence", &laptop.access, &[("user_id", &alice.id)]).await;
    reader.try_it("presence", &laptop.access, &[]).await;

    let token = server.token("alice", "");
    reader.try_it("create_group", &token, &[]).await;
    reader.try_it("list_groups", &token, &[]).await;
    reader.try_it("group", &token, &[]).await;
    reader.try_it("add_members", &token, &[]).await;
    let members = reader.try_it("list_members", &token, &[]).await;
    assert_eq!(members["members"].as_array().unwrap().len(), 4);
    groups_are_kept_in_order(&mut reader, &token).await;
    reader.try_it("remove_member", &token, &[("user_id", "carol")]).await;
    reader.try_it("send_message", &token, &[]).await;
    let page = reader.try_it("history", &token, &[]).await;
    assert_eq!(page["messages"].as_array().unwrap().len(), 1);
    for change in ["edit_message", "react_to_message", "pin_message"] {
        reader.try_it(change, &token, &[]).await;
    }
    assert_eq!(reader.try_it("pins", &token, &[]).await["messages"].as_array().unwrap().len(), 1);
    assert_eq!(reader.try_it("versions", &token, &[]).await["messages"].as_array().unwrap().len(), 2);
    reader.try_it("recall_message", &token, &[]).await;
    assert!(reader.try_it("versions", &token, &[]).await["messages"].as_array().unwrap().is_empty());
    let synced = reader.try_it("sync", &token, &[]).await;
    assert_eq!(synced["heads"].as_array().unwrap().len(), 2);
    reader.try_it("typing", &token, &[]).await;
    reader.try_it("delivered", &token, &[]).await;
    reader.try_it("read_conversation", &token, &[]).await;
    let receipts = reader.try_it("receipts", &token, &[]).await;
    assert_eq!(receipts["receipts"][0]["user"], Value::from("bob"));
    a_message_is_read_and_confirmed(&mut reader, &token).await;
    what_one_keeps_for_oneself(&mut reader, &token).await;
    reader.try_it("set_retention", &token, &[]).await;
    reader.try_it("issue_ticket", &token, &[]).await;
    reader.try_it("dismiss_group", &reader.server.token("bob", ""), &[]).await;
    a_room_is_made_and_ended(&mut reader, &service).await;
    everybody_is_told(&mut reader, &service).await;
    reader.try_it("logout", &laptop.access, &[]).await;
    assert_eq!(reader.tried, all, "every operation was tried");
}
