//! What services may do: each operation, with each scope and without.

use std::collections::BTreeSet;

use auth::Scope;
use axum::body::Body;
use serde_json::Value;

use super::document::operations;
use super::server::{Answer, Server, request};

const PAGE: &str = include_str!("../../../docs/SERVICES.md");

/// The scope that the document tells for an operation, and whether users may call it too.
fn documented(operation: &Value) -> Option<(Scope, bool)> {
    let ways = operation["security"].as_array()?;
    let scope = ways.iter().find_map(|way| way["service"][0].as_str())?;
    let scope = Scope::named(scope).unwrap();
    let words = operation["description"].as_str().unwrap();
    assert!(words.ends_with(&format!("A service needs the scope `{scope}`.")), "{words}");
    Some((scope, ways.iter().any(|way| way.get("token").is_some())))
}

async fn call(server: &Server, method: &str, path: &str, scopes: &str) -> Answer {
    let token = server.token("crm", scopes);
    server.send(request(method, &path.replace(['{', '}'], ""), &token, Body::from("{}"))).await
}

/// The scope that the refusal says is missing; `None` for any other answer.
fn missing(answer: &Answer) -> Option<Scope> {
    let words = answer.json["detail"].as_str().unwrap_or_default();
    let scope = words.strip_prefix("this needs a token with the scope `")?.strip_suffix('`')?;
    assert_eq!((answer.status, answer.json["name"].as_str()), (403, Some("FORBIDDEN")));
    Some(Scope::named(scope).unwrap())
}

#[tokio::test]
async fn each_operation_lets_in_its_scope_and_names_it_to_all_others() {
    let server = Server::start().await;
    let document = serde_json::from_str(&api::Api::document()).unwrap();
    let mut used = BTreeSet::from([Scope::Server]);
    for (method, path, operation) in operations(&document) {
        let what = format!("{method} {path}");
        if operation["security"].as_array().is_some_and(|ways| ways.contains(&serde_json::json!({}))) {
            continue;
        }
        let (needed, users) = documented(&operation).unwrap_or((Scope::Server, true));
        used.insert(needed);
        let of_user = missing(&call(&server, &method, &path, "").await);
        assert_eq!(of_user, (!users).then_some(needed), "{what} by a user");
        for scope in Scope::ALL {
            let refusal = missing(&call(&server, &method, &path, scope.name()).await);
            let is_let_in = scope == needed || scope == Scope::Server;
            assert_eq!(refusal, (!is_let_in).then_some(needed), "{what} with {scope}");
        }
    }
    assert_eq!(used, Scope::ALL.into(), "each scope is good for something");
}

/// The cells of the page's tables.
fn rows() -> Vec<Vec<String>> {
    let lines = PAGE.lines().filter(|line| line.starts_with("| `"));
    lines
        .map(|line| line.trim_matches('|').split('|').map(|cell| cell.trim().replace('`', "")).collect())
        .collect()
}

#[test]
fn the_page_lists_the_scopes_with_what_they_mean() {
    let listed: Vec<_> = rows().into_iter().filter(|row| row.len() == 2).collect();
    let scopes = Scope::ALL.map(|scope| vec![scope.to_string(), scope.meaning().to_owned()]);
    assert_eq!(listed, scopes);
}

#[test]
fn the_page_lists_every_operation_of_services() {
    let rows: Vec<_> = rows().into_iter().filter(|row| row.len() == 3).collect();
    let document = serde_json::from_str(&api::Api::document()).unwrap();
    let mut found = BTreeSet::new();
    for (method, path, operation) in operations(&document) {
        let call = format!("{method} {path}");
        let row = rows.iter().position(|row| match row[0].strip_suffix('…') {
            Some(root) => path.starts_with(root),
            None => row[0] == call,
        });
        let told = row.map(|row| (rows[row][1].clone(), rows[row][2].clone()));
        let is = documented(&operation).map(|(scope, users)| {
            (if users { "users, services" } else { "services" }.to_owned(), scope.to_string())
        });
        assert_eq!(told, is, "{call}");
        found.extend(row);
    }
    assert_eq!(found, (0..rows.len()).collect(), "each row is of an operation that there is");
}
