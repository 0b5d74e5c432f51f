//! The few HTTP calls that the tests make.

use serde_json::Value;

use crate::process::{PATIENCE, Tidegate};

/// Status and body.
pub struct Answer {
    pub status: u16,
    pub headers: http::HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error} in {}", self.text))
    }
}

fn agent() -> ureq::Agent {
    ureq::Agent::new_with_config(
        ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(PATIENCE)).build(),
    )
}

fn read(response: Result<http::Response<ureq::Body>, ureq::Error>) -> Answer {
    let (parts, mut body) = response.expect("an answer").into_parts();
    let text = body.read_to_string().expect("text");
    Answer { status: parts.status.as_u16(), headers: parts.headers, text }
}

pub fn get(url: &str) -> Answer {
    read(agent().get(url).call())
}

pub fn get_as(url: &str, token: &str) -> Answer {
    read(agent().get(url).header("authorization", format!("Bearer {token}")).call())
}

/// The same from who has an answer with this `ETag`.
pub fn get_unless(url: &str, token: &str, tag: &str) -> Answer {
    let request = agent().get(url).header("if-none-match", tag);
    read(request.header("authorization", format!("Bearer {token}")).call())
}

pub fn post(url: &str, body: &Value) -> Answer {
    read(agent().post(url).header("content-type", "application/json").send(body.to_string()))
}

pub fn post_as(url: &str, token: &str, body: &Value) -> Answer {
    let request = agent().post(url).header("content-type", "application/json");
    read(request.header("authorization", format!("Bearer {token}")).send(body.to_string()))
}

/// The same with an idempotency key.
pub fn post_once(url: &str, token: &str, key: &str, body: &Value) -> Answer {
    let request = agent().post(url).header("content-type", "application/json").header("idempotency-key", key);
    read(request.header("authorization", format!("Bearer {token}")).send(body.to_string()))
}

pub fn put_as(url: &str, token: &str, body: &Value) -> Answer {
    let request = agent().put(url).header("content-type", "application/json");
    read(request.header("authorization", format!("Bearer {token}")).send(body.to_string()))
}

pub fn patch_as(url: &str, token: &str, body: &Value) -> Answer {
    let request = agent().patch(url).header("content-type", "application/json");
    read(request.header("authorization", format!("Bearer {token}")).send(body.to_string()))
}

pub fn delete_as(url: &str, token: &str) -> Answer {
    read(agent().delete(url).header("authorization", format!("Bearer {token}")).call())
}

/// A user that was registered and logged in.
pub struct User {
    pub id: String,
    pub token: String,
    pub refresh_token: String,
}

/// Registers and logs in.
pub fn new_user(server: &Tidegate, username: &str, password: &str) -> User {
    let credentials = serde_json::json!({ "username": username, "password": password });
    let registered = post(&server.url("/api/v1/auth/register"), &credentials);
    assert_eq!(registered.status, 201, "{}", registered.text);
    let login = post(&server.url("/api/v1/auth/login"), &credentials);
    assert_eq!(login.status, 200, "{}", login.text);
    let login = login.json();
    let text = |name: &str| login[name].as_str().unwrap_or_else(|| panic!("{name} in {login}")).to_owned();
    User { id: text("user_id"), token: text("access_token"), refresh_token: text("refresh_token") }
}
