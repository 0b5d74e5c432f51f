//! Where one is logged in, one's password, and accounts that are disabled.

use std::time::Duration;

use proto::delivery::{Control, Payload};
use proto::{LoginId, UserId};
use serde_json::{Value, json};
use store::{Fault, Gate, Op, Rule, Store};
use tokio::time::Instant;

use super::server::{Listener, Person, Server};

async fn log_in(server: &Server, password: &str, device: &str) -> Person {
    let body = json!({"username": "alice", "password": password, "device": device});
    server.post("/api/v1/auth/login", "", body).await.person(200)
}

async fn sessions(server: &Server, token: &str) -> Vec<Value> {
    let list = server.get("/api/v1/users/me/sessions", token).await.expect(200);
    list["sessions"].as_array().unwrap().clone()
}

async fn refresh_status(server: &Server, person: &Person) -> u16 {
    let body = json!({"refresh_token": person.refresh});
    server.post("/api/v1/auth/refresh", "", body).await.status
}

async fn revoked(listener: &mut Listener, login: Option<&str>) {
    let login = login.map(|login| LoginId::parse(login).unwrap());
    let is_it = |delivery: &proto::Delivery| match &delivery.payload {
        Payload::Control(Control::Revoke(revoked)) if *revoked == login => Some(()),
        _ => None,
    };
    listener.hear(is_it).await;
}

#[tokio::test]
async fn sessions_are_listed_and_ended_one_by_one() {
    let server = Server::start().await;
    let phone = server.register("alice").await;
    let laptop = log_in(&server, "123456", "laptop").await;
    let mut listener = server.listen(&phone.id);
    let all = sessions(&server, &phone.access).await;
    assert_eq!(all.len(), 2);
    let of_laptop = all.iter().find(|session| session["device"] == "laptop").unwrap();
    assert_eq!((&of_laptop["address"], &of_laptop["current"]), (&json!("192.0.2.1"), &json!(false)));
    assert!(of_laptop["last_seen"].as_str().unwrap().parse::<u64>().unwrap() > 1_700_000_000_000);
    assert_eq!(all.iter().filter(|session| session["current"] == true).count(), 1);

    let id = of_laptop["session_id"].as_str().unwrap();
    let path = format!("/api/v1/users/me/sessions/{id}");
    assert_eq!(server.delete(&path, &phone.access).await.status, 204);
    revoked(&mut listener, Some(id)).await;
    assert_eq!(refresh_status(&server, &laptop).await, 401);
    assert_eq!(sessions(&server, &phone.access).await.len(), 1);
}

/// The store said that all is well just before the login ended, and the call comes to its end after that.
#[tokio::test]
async fn a_call_that_was_let_in_while_its_user_signed_out_lets_no_other_in() {
    let server = Server::start().await;
    let alice = server.register("alice").await;
    let Store::Memory(memory) = &server.store else { unreachable!("it is in memory") };
    let gate = Gate::default();
    memory.program(Rule::new(Fault::HoldAfter(gate.clone())).op(Op::Account));
    let early = server.get("/api/v1/friends", &alice.access);
    let out = async {
        gate.arrived(1).await;
        let body = json!({"refresh_token": alice.refresh});
        assert_eq!(server.post("/api/v1/auth/logout", "", body).await.status, 204);
        gate.open();
    };
    let (early, ()) = futures_util::future::join(early, out).await;
    early.expect(200);
    server.get("/api/v1/friends", &alice.access).await.problem(401, "UNAUTHENTICATED");
}

#[tokio::test]
async fn who_is_signed_out_calls_no_more_though_the_token_has_not_ended() {
    let server = Server::start().await;
    let other_process = server.another_process();
    let phone = server.register("alice").await;
    let laptop = log_in(&server, "123456", "laptop").await;
    for process in [&server, &other_process] {
        process.get("/api/v1/users/me", &laptop.access).await.expect(200);
    }
    assert_eq!(server.delete("/api/v1/users/me/sessions", &phone.access).await.status, 204);
    let refused = server.get("/api/v1/users/me", &laptop.access).await;
    assert!(refused.problem(401, "UNAUTHENTICATED").contains("login has ended"));
    let body = json!({"to_user": "bob", "body": {"text": "still here"}});
    server.post("/api/v1/messages", &laptop.access, body).await.problem(401, "UNAUTHENTICATED");
    server.post_nothing("/api/v1/tickets", &laptop.access).await.problem(401, "UNAUTHENTICATED");

    // Another process may not have looked for a moment.
    let latest = Instant::now() + Duration::from_secs(2);
    while other_process.get("/api/v1/users/me", &laptop.access).await.status != 401 {
        assert!(Instant::now() < latest, "signed out for two seconds");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    server.get("/api/v1/users/me", &phone.access).await.expect(200);
}

#[tokio::test]
async fn nobody_ends_the_sessions_of_another() {
    let server = Server::start().await;
    let alice = server.register("alice").await;
    let bob = server.register("bob").await;
    let id = sessions(&server, &alice.access).await[0]["session_id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/users/me/sessions/{id}");
    assert_eq!(server.delete(&path, &bob.access).await.status, 204, "it says nothing of others");
    assert_eq!(sessions(&server, &alice.access).await.len(), 1);
    assert_eq!(refresh_status(&server, &alice).await, 200);
}

#[tokio::test]
async fn all_others_are_logged_out_at_once() {
    let server = Server::start().await;
    let phone = server.register("alice").await;
    let others = [log_in(&server, "123456", "a").await, log_in(&server, "123456", "b").await];
    assert_eq!(server.delete("/api/v1/users/me/sessions", &phone.access).await.status, 204);
    for other in &others {
        assert_eq!(refresh_status(&server, other).await, 401);
    }
    assert_eq!(refresh_status(&server, &phone).await, 200);
}

#[tokio::test]
async fn a_new_password_logs_out_the_others() {
    let server = Server::start().await;
    let phone = server.register("alice").await;
    let laptop = log_in(&server, "123456", "laptop").await;
    let id = sessions(&server, &laptop.access).await;
    let id = id.iter().find(|session| session["current"] == true).unwrap()["session_id"].clone();
    let change = |old: &str, new: &str| {
        let body = json!({"old_password": old, "new_password": new});
        server.post("/api/v1/users/me/password", &phone.access, body)
    };
    change("wrong!", "654321").await.problem(401, "BAD_CREDENTIALS");
    assert!(change("123456", "12345").await.problem(400, "BAD_FIELD").starts_with("new_password"));
    assert_eq!(refresh_status(&server, &laptop).await, 200, "nothing has changed");

    let mut listener = server.listen(&phone.id);
    assert_eq!(change("123456", "654321").await.status, 204);
    revoked(&mut listener, id.as_str()).await;
    assert_eq!(refresh_status(&server, &phone).await, 200);
    let body = json!({"username": "alice", "password": "123456"});
    server.post("/api/v1/auth/login", "", body).await.problem(401, "BAD_CREDENTIALS");
    log_in(&server, "654321", "laptop").await;
    let outsider = server.token("nobody", "");
    let body = json!({"old_password": "123456", "new_password": "654321"});
    server.post("/api/v1/users/me/password", &outsider, body).await.problem(404, "NOT_FOUND");
}

#[tokio::test]
async fn a_service_disables_an_account_and_enables_it() {
    let server = Server::start().await;
    let alice = server.register("alice").await;
    let service = server.token("billing", "server");
    let path = format!("/api/v1/server/users/{}", alice.id);
    let disabled = json!({"status": "disabled"});
    server.patch(&path, &alice.access, disabled.clone()).await.problem(403, "FORBIDDEN");
    let mut listener = server.listen(&alice.id);
    let state = server.patch(&path, &service, disabled.clone()).await.expect(200);
    assert_eq!(state, json!({"user_id": alice.id, "status": "disabled"}));
    revoked(&mut listener, None).await;
    let body = json!({"username": "alice", "password": "123456"});
    server.post("/api/v1/auth/login", "", body.clone()).await.problem(403, "FORBIDDEN");
    assert_eq!(refresh_status(&server, &alice).await, 401);
    assert!(server.store.logins(&UserId::parse(&alice.id).unwrap()).await.unwrap().is_empty());
    let of_no_login = server.token(&alice.id, "");
    for token in [&alice.access, &of_no_login] {
        server.get("/api/v1/users/me", token).await.problem(403, "FORBIDDEN");
    }

    server.patch(&path, &service, json!({"status": "active"})).await.expect(200);
    server.get("/api/v1/users/me", &of_no_login).await.expect(200);
    server.post("/api/v1/auth/login", "", body).await.expect(200);
    server.patch("/api/v1/server/users/nobody", &service, disabled).await.problem(404, "NOT_FOUND");
    server.patch(&path, &service, json!({"status": "odd"})).await.problem(400, "BAD_FIELD");
}
