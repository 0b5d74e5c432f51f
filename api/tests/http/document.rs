//! The OpenAPI document, its page, and the routes that it promises.

use std::collections::BTreeSet;

use axum::body::Body;
use serde_json::{Value, json};

use super::server::{Server, request};

/// Every operation of the document: method, path, and what the document says.
pub fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let paths = document["paths"].as_object().unwrap();
    let mut operations = Vec::new();
    for (path, item) in paths {
        for (method, operation) in item.as_object().unwrap() {
            operations.push((method.to_uppercase(), path.clone(), operation.clone()));
        }
    }
    operations
}

#[tokio::test]
async fn document_is_served_and_is_openapi_3_1() {
    let server = Server::start().await;
    let document = server.get("/openapi.json", "").await.expect(200);
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    assert_eq!(document, serde_json::from_str::<Value>(&api::Api::document()).unwrap());
    assert_eq!(document["components"]["securitySchemes"]["token"]["scheme"], json!("bearer"));
}

/// What the contract of this crate names.
const PROMISED: [&str; 87] = [
    "POST /api/v1/auth/register",
    "POST /api/v1/auth/login",
    "POST /api/v1/auth/refresh",
    "POST /api/v1/auth/logout",
    "GET /api/v1/users/me",
    "PATCH /api/v1/users/me",
    "GET /api/v1/users/{user_id}",
    "GET /api/v1/users",
    "GET /api/v1/users/search",
    "GET /api/v1/users/{user_id}/presence",
    "GET /api/v1/presence",
    "GET /api/v1/users/me/sessions",
    "DELETE /api/v1/users/me/sessions",
    "DELETE /api/v1/users/me/sessions/{session_id}",
    "POST /api/v1/users/me/password",
    "POST /api/v1/server/users",
    "PATCH /api/v1/server/users/{user_id}",
    "DELETE /api/v1/server/users/{user_id}/sessions",
    "GET /api/v1/server/users/{user_id}/relations/{peer}",
    "POST /api/v1/friends/apply",
    "GET /api/v1/friends",
    "GET /api/v1/friends/requests",
    "POST /api/v1/friends/requests/{user_id}/accept",
    "POST /api/v1/friends/requests/{user_id}/reject",
    "PATCH /api/v1/friends/{user_id}",
    "DELETE /api/v1/friends/{user_id}",
    "GET /api/v1/blocks",
    "POST /api/v1/blocks",
    "DELETE /api/v1/blocks/{user_id}",
    "POST /api/v1/groups",
    "GET /api/v1/groups",
    "GET /api/v1/groups/{group_id}",
    "DELETE /api/v1/groups/{group_id}",
    "GET /api/v1/groups/{group_id}/members",
    "POST /api/v1/groups/{group_id}/members",
    "PATCH /api/v1/groups/{group_id}",
    "PUT /api/v1/groups/{group_id}/owner",
    "PUT /api/v1/groups/{group_id}/mute",
    "DELETE /api/v1/groups/{group_id}/mute",
    "GET /api/v1/groups/{group_id}/members/{user_id}",
    "DELETE /api/v1/groups/{group_id}/members/{user_id}",
    "PUT /api/v1/groups/{group_id}/members/{user_id}/role",
    "PUT /api/v1/groups/{group_id}/members/{user_id}/mute",
    "DELETE /api/v1/groups/{group_id}/members/{user_id}/mute",
    "PUT /api/v1/groups/{group_id}/members/{user_id}/nickname",
    "POST /api/v1/groups/{group_id}/join-requests",
    "GET /api/v1/groups/{group_id}/join-requests",
    "POST /api/v1/groups/{group_id}/join-requests/{user_id}/approve",
    "POST /api/v1/groups/{group_id}/join-requests/{user_id}/reject",
    "POST /api/v1/groups/{group_id}/invitations",
    "GET /api/v1/groups/{group_id}/invitations",
    "DELETE /api/v1/groups/{group_id}/invitations/{user_id}",
    "POST /api/v1/groups/{group_id}/links",
    "GET /api/v1/groups/{group_id}/links",
    "DELETE /api/v1/groups/{group_id}/links/{link_id}",
    "GET /api/v1/invitations",
    "POST /api/v1/invitations/{group_id}/accept",
    "POST /api/v1/invitations/{group_id}/decline",
    "POST /api/v1/rooms",
    "GET /api/v1/rooms/{room_id}",
    "PATCH /api/v1/rooms/{room_id}",
    "DELETE /api/v1/rooms/{room_id}",
    "GET /api/v1/sync",
    "POST /api/v1/typing",
    "POST /api/v1/conversations/{conversation}/delivered",
    "GET /api/v1/conversations",
    "GET /api/v1/conversations/badge",
    "PATCH /api/v1/conversations/{conversation}",
    "GET /api/v1/conversations/{conversation}/settings",
    "POST /api/v1/conversations/{conversation}/clear",
    "POST /api/v1/conversations/{conversation}/delete",
    "PUT /api/v1/conversations/{conversation}/retention",
    "GET /api/v1/conversations/{conversation}/messages",
    "POST /api/v1/conversations/{conversation}/read",
    "GET /api/v1/conversations/{conversation}/receipts",
    "GET /api/v1/conversations/{conversation}/messages/{seq}/readers",
    "GET /api/v1/conversations/{conversation}/messages/{seq}/confirmations",
    "POST /api/v1/conversations/{conversation}/messages/{seq}/confirm",
    "GET /api/v1/broadcasts/{broadcast_id}",
    "POST /api/v1/messages",
    "POST /api/v1/messages/recall",
    "POST /api/v1/messages/edit",
    "POST /api/v1/messages/react",
    "POST /api/v1/messages/pin",
    "GET /api/v1/conversations/{conversation}/pins",
    "GET /api/v1/conversations/{conversation}/messages/{seq}/versions",
    "POST /api/v1/tickets",
];

/// The document has the promised routes and no others.
#[tokio::test]
async fn document_has_exactly_the_promised_routes() {
    let document = serde_json::from_str(&api::Api::document()).unwrap();
    let found: BTreeSet<String> =
        operations(&document).iter().map(|(method, path, _)| format!("{method} {path}")).collect();
    assert_eq!(found, PROMISED.map(str::to_owned).into());
}

/// Whoever comes from another backend is sent to routes that there are.
#[tokio::test]
async fn the_table_for_migrating_names_routes_that_there_are() {
    let document = serde_json::from_str(&api::Api::document()).unwrap();
    let there: BTreeSet<String> =
        operations(&document).iter().map(|(method, path, _)| format!("{method} {path}")).collect();
    let table = include_str!("../../../docs/MIGRATING.md");
    let ours = table.lines().filter_map(|line| line.strip_prefix('|')?.split('|').nth(1));
    let methods = ["GET ", "POST ", "PUT ", "PATCH ", "DELETE "];
    let named: Vec<&str> = ours
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .filter(|code| methods.iter().any(|method| code.starts_with(method)))
        .collect();
    assert!(named.len() > 30, "{named:?}");
    for route in named {
        assert!(there.contains(route), "{route} is in the table and not here");
    }
}

/// Of the methods of each documented path, the server answers exactly the documented ones.
#[tokio::test]
async fn documented_methods_are_the_methods_there_are() {
    let server = Server::start().await;
    let document = serde_json::from_str(&api::Api::document()).unwrap();
    let operations = operations(&document);
    let paths: BTreeSet<&String> = operations.iter().map(|(_, path, _)| path).collect();
    for path in paths {
        let documented: BTreeSet<&str> = operations
            .iter()
            .filter(|(_, other, _)| other == path)
            .map(|(method, ..)| method.as_str())
            .collect();
        let concrete = path.replace(['{', '}'], "");
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
            let answer = server.send(request(method, &concrete, "", Body::empty())).await;
            let there = answer.status != 405 && answer.status != 404;
            assert_eq!(there, documented.contains(method), "{method} {path}: {}", answer.status);
        }
    }
}

/// Without a token, only what says `security: [{}]` may do anything.
#[tokio::test]
async fn what_needs_a_token_says_so_and_does() {
    let server = Server::start().await;
    let document = serde_json::from_str(&api::Api::document()).unwrap();
    for (method, path, operation) in operations(&document) {
        let open = operation["security"].as_array().is_some_and(|ways| ways.contains(&json!({})));
        let answer = server.send(request(&method, &path.replace(['{', '}'], ""), "", Body::from("{}"))).await;
        if open {
            assert_ne!((&method, answer.status), (&method, 200), "{path}");
        } else {
            answer.problem(401, "UNAUTHENTICATED");
        }
    }
}

#[tokio::test]
async fn every_operation_has_words_examples_and_a_problem() {
    let document = serde_json::from_str(&api::Api::document()).unwrap();
    for (method, path, operation) in operations(&document) {
        let what = format!("{method} {path}");
        assert!(operation["summary"].as_str().is_some_and(|text| !text.is_empty()), "{what}");
        assert!(operation["operationId"].is_string() && operation["tags"][0].is_string(), "{what}");
        let responses = operation["responses"].as_object().unwrap();
        for status in ["500", "503"] {
            assert!(responses.contains_key(status), "{what} says nothing of {status}");
        }
        assert!(!responses.contains_key("default"), "{what}: every status has its own words");
        for (status, answer) in responses {
            assert!(answer["description"].as_str().is_some_and(|text| !text.is_empty()), "{what}: {status}");
            if status.as_str() < "400" {
                let content = &answer["content"]["application/json"];
                assert!(
                    content.is_null() || content["example"].is_object(),
                    "{what}: {status} has no example"
                );
                continue;
            }
            let problem = &answer["content"]["application/problem+json"];
            assert_eq!(problem["schema"]["$ref"], json!("#/components/schemas/Problem"), "{what}");
            assert_eq!(problem["example"]["status"].to_string(), *status, "{what}");
        }
        let body = &operation["requestBody"];
        assert!(body.is_null() || body["content"]["application/json"]["example"].is_object(), "{what}");
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            assert!(parameter["description"].is_string(), "{what}: {parameter}");
        }
    }
    let schemas = document["components"]["schemas"].as_object().unwrap();
    for (name, schema) in schemas {
        let parts = schema["allOf"].as_array().into_iter().flatten().chain([schema]);
        let properties = parts.filter_map(|part| part["properties"].as_object()).flatten();
        for (member, shape) in properties {
            let mut ways = shape["oneOf"].as_array().into_iter().flatten().chain([shape]);
            assert!(ways.any(|way| way["description"].is_string()), "{name}.{member} says nothing");
        }
    }
}

/// A key means something wherever something is made, but where the answer holds a token or a ticket.
#[tokio::test]
async fn every_post_takes_an_idempotency_key_but_those_that_answer_with_a_secret() {
    let document = serde_json::from_str(&api::Api::document()).unwrap();
    let mut without = BTreeSet::new();
    for (method, path, operation) in operations(&document) {
        let mut parameters = operation["parameters"].as_array().into_iter().flatten();
        let takes = parameters.any(|parameter| parameter["name"] == "Idempotency-Key");
        if method == "POST" && !takes {
            without.insert(path);
        } else if takes && method == "POST" {
            for status in ["409", "422"] {
                assert!(operation["responses"][status].is_object(), "{path} says nothing of {status}");
            }
        }
    }
    let secrets = [
        "/api/v1/auth/login",
        "/api/v1/auth/logout",
        "/api/v1/auth/refresh",
        "/api/v1/auth/register",
        "/api/v1/groups/{group_id}/links",
        "/api/v1/tickets",
    ];
    assert_eq!(without, secrets.map(str::to_owned).into());
}

/// No request leaves for another host: every reference of the page and its files stays here.
#[tokio::test]
async fn page_needs_no_internet() {
    let server = Server::start().await;
    let moved = server.get("/swagger/index.html", "").await;
    assert_eq!((moved.status, &moved.headers["location"]), (308, &"/docs/".parse().unwrap()));
    let page = server.get("/docs/", "").await;
    assert_eq!(page.status, 200);
    let mut references: Vec<&str> = Vec::new();
    for attribute in ["src=\"", "href=\""] {
        references.extend(page.text.split(attribute).skip(1).filter_map(|rest| rest.split('"').next()));
    }
    assert!(references.len() >= 4, "{references:?}");
    for reference in references {
        assert!(!reference.contains("//"), "{reference}");
        let path = format!("/docs/{}", reference.trim_start_matches("./"));
        let answer = server.http_status(&path).await;
        assert_eq!(answer, 200, "{path}");
    }
    let start = server.get("/docs/swagger-initializer.js", "").await;
    assert!(start.text.contains("/openapi.json"), "{}", start.text);
    assert!(!start.text.contains("http"), "{}", start.text);
}

#[test]
fn the_state_of_a_user_and_the_status_of_an_account_are_told_apart() {
    let document: Value = serde_json::from_str(&api::Api::document()).unwrap();
    let schema = |name: &str| document["components"]["schemas"][name].to_string();
    assert!(
        schema("PresenceState").contains("\"away\"") && !schema("PresenceState").contains("\"disabled\"")
    );
    assert!(schema("Status").contains("\"disabled\"") && !schema("Status").contains("\"away\""));
}
