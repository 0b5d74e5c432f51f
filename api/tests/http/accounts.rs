//! Accounts and logins: begun, kept up, ended.

use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use proto::delivery::{Control, Payload};
use proto::{LoginId, UserId};
use serde_json::{Value, json};
use store::{Account, AccountStatus, Cas, Store};

use super::server::{Person, Server, config};

fn login_of(server: &Server, access: &str) -> LoginId {
    let now = lifecycle::wall_clock_ms() / 1_000;
    server.verifier.verify(access, now).unwrap().login.unwrap()
}

async fn log_in(server: &Server, username: &str, password: &str) -> super::server::Answer {
    server.post("/api/v1/auth/login", "", json!({"username": username, "password": password})).await
}

#[tokio::test]
async fn registered_user_is_logged_in_and_logs_in_again() {
    let server = Server::start().await;
    let body =
        json!({"username": "Alice", "password": "123456", "nickname": "Älice", "email": "alice@example.org"});
    let answer = server.post("/api/v1/auth/register", "", body).await;
    assert_eq!(answer.headers["cache-control"], "no-store");
    assert_eq!(answer.json["expires_in"], json!(900));
    let alice = answer.person(201);
    assert!(alice.id.parse::<u64>().is_ok(), "a snowflake: {}", alice.id);

    let again = log_in(&server, "aLICE", "123456").await.person(200);
    assert_eq!(again.id, alice.id);
    assert_ne!(login_of(&server, &again.access), login_of(&server, &alice.access));

    let me = server.get("/api/v1/users/me", &again.access).await.expect(200);
    assert_eq!(me["user_id"], json!(alice.id));
    assert_eq!(
        (&me["username"], &me["nickname"], &me["email"]),
        (&json!("alice"), &json!("Älice"), &json!("alice@example.org"))
    );
    assert!(me["created_at"].as_str().unwrap().parse::<u64>().unwrap() > 1_700_000_000_000);
}

#[tokio::test]
async fn taken_names_and_bad_fields_are_refused() {
    let server = Server::start().await;
    server.register("alice").await;
    let register = |body: Value| server.post("/api/v1/auth/register", "", body);
    let taken = register(json!({"username": "ALICE", "password": "123456"})).await;
    assert!(taken.problem(409, "CONFLICT").starts_with("username: "));
    for (body, field) in [
        (json!({"password": "123456"}), "username"),
        (json!({"username": "bob"}), "password"),
        (json!({"username": 7, "password": "123456"}), "username"),
        (json!({"username": "two words", "password": "123456"}), "username"),
        (json!({"username": "bob", "password": "12345"}), "password"),
        (json!({"username": "bob", "password": "x".repeat(257)}), "password"),
        (json!({"username": "bob", "password": "123456", "email": "nowhere"}), "email"),
        (json!({"username": "bob", "password": "123456", "nickname": "a\nb"}), "nickname"),
    ] {
        let detail = register(body).await.problem(400, "BAD_FIELD");
        assert!(detail.contains(field), "{detail}");
    }
}

#[tokio::test]
async fn of_many_registrations_of_one_name_one_wins() {
    let server = Server::start().await;
    let body = || json!({"username": "alice", "password": "123456"});
    let tries = (0..8).map(|_| server.post("/api/v1/auth/register", "", body()));
    let answers = futures_util::future::join_all(tries).await;
    let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409, 409, 409, 409, 409, 409, 409]);
}

#[tokio::test]
async fn closed_registration_makes_no_accounts() {
    let closed = api::ApiConfig { registration: api::Registration::Closed, ..config() };
    let server = Server::with(closed).await;
    let body = json!({"username": "alice", "password": "123456"});
    server.post("/api/v1/auth/register", "", body).await.problem(403, "FORBIDDEN");
    log_in(&server, "alice", "123456").await.problem(401, "BAD_CREDENTIALS");
}

#[tokio::test]
async fn wrong_password_and_unknown_name_are_answered_alike() {
    let server = Server::start().await;
    server.register("alice").await;
    let wrong = log_in(&server, "alice", "1234567").await;
    assert_eq!(wrong.headers["www-authenticate"], "Bearer");
    let unknown = log_in(&server, "nobody", "123456").await;
    let impossible = log_in(&server, "two words", "123456").await;
    assert_eq!((wrong.text.as_str(), wrong.status), (unknown.text.as_str(), unknown.status));
    assert_eq!(wrong.text, impossible.text);
    wrong.problem(401, "BAD_CREDENTIALS");
}

#[tokio::test]
async fn unknown_name_costs_the_same_work_as_a_known_one() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let server = Server::start().await;
    server.register("alice").await;
    let hashed = || {
        let metrics = snapshotter.snapshot().into_vec();
        let seconds = metrics.into_iter().find(|(key, ..)| key.key().name() == "api_hash_seconds");
        match seconds {
            Some((.., DebugValue::Histogram(samples))) => samples.len(),
            other => panic!("no samples: {other:?}"),
        }
    };
    assert_eq!(hashed(), 1, "of the registration; a snapshot takes the samples away");
    for name in ["alice", "nobody", "two words"] {
        log_in(&server, name, "wrong password").await.problem(401, "BAD_CREDENTIALS");
        assert_eq!(hashed(), 1, "{name}");
    }
}

#[tokio::test]
async fn refresh_token_is_good_once() {
    let server = Server::start().await;
    let alice = server.register("alice").await;
    let refresh = |token: String| server.post("/api/v1/auth/refresh", "", json!({"refresh_token": token}));
    let second = refresh(alice.refresh.clone()).await.person(200);
    assert_eq!(login_of(&server, &second.access), login_of(&server, &alice.access));
    server.get("/api/v1/users/me", &second.access).await.expect(200);
    let camel = json!({"refreshToken": second.refresh});
    let third = server.post("/api/v1/auth/refresh", "", camel).await.person(200);

    // Somebody has the old one: the whole login ends, and its sockets with it.
    let mut listener = server.listen(&alice.id);
    refresh(second.refresh).await.problem(401, "UNAUTHENTICATED");
    let revoked = listener.hear(|delivery| match &delivery.payload {
        Payload::Control(Control::Revoke(login)) => Some(login.clone()),
        _ => None,
    });
    assert_eq!(revoked.await, Some(login_of(&server, &alice.access)));
    refresh(third.refresh).await.problem(401, "UNAUTHENTICATED");
    refresh("nonsense".to_owned()).await.problem(401, "UNAUTHENTICATED");
}

#[tokio::test]
async fn logout_ends_the_login_and_tells_its_sockets() {
    let server = Server::start().await;
    let alice = server.register("alice").await;
    let other = log_in(&server, "alice", "123456").await.person(200);
    let mut listener = server.listen(&alice.id);
    let answer = server.post_nothing("/api/v1/auth/logout", &alice.access).await;
    assert_eq!((answer.status, answer.text.as_str()), (204, ""));
    let revoked = listener.hear(|delivery| match &delivery.payload {
        Payload::Control(Control::Revoke(login)) => Some(login.clone()),
        _ => None,
    });
    assert_eq!(revoked.await, Some(login_of(&server, &alice.access)));
    let refresh = |person: &Person| {
        let body = json!({"refresh_token": person.refresh});
        server.post("/api/v1/auth/refresh", "", body)
    };
    refresh(&alice).await.problem(401, "UNAUTHENTICATED");
    let other = refresh(&other).await.person(200);

    // Without an access token: by refresh token.
    let body = json!({"refresh_token": other.refresh});
    assert_eq!(server.post("/api/v1/auth/logout", "", body).await.status, 204);
    assert!(server.store.logins(&UserId::parse(&alice.id).unwrap()).await.unwrap().is_empty());
    server.post_nothing("/api/v1/auth/logout", "").await.problem(401, "UNAUTHENTICATED");
}

#[tokio::test]
async fn logout_of_all_ends_every_login() {
    let server = Server::start().await;
    let alice = server.register("alice").await;
    let other = log_in(&server, "alice", "123456").await.person(200);
    let mut listener = server.listen(&alice.id);
    assert_eq!(server.post("/api/v1/auth/logout", &alice.access, json!({"all": true})).await.status, 204);
    listener
        .hear(|delivery| matches!(delivery.payload, Payload::Control(Control::Revoke(None))).then_some(()))
        .await;
    let body = json!({"refresh_token": other.refresh});
    server.post("/api/v1/auth/refresh", "", body).await.problem(401, "UNAUTHENTICATED");
}

#[tokio::test]
async fn who_is_signed_out_ends_nothing_more() {
    let server = Server::start().await;
    let stolen = server.register("alice").await;
    let phone = log_in(&server, "alice", "123456").await.person(200);
    assert_eq!(server.post_nothing("/api/v1/auth/logout", &stolen.access).await.status, 204);
    let all = server.post("/api/v1/auth/logout", &stolen.access, json!({"all": true})).await;
    all.problem(401, "UNAUTHENTICATED");
    let now = lifecycle::wall_clock_ms() / 1_000;
    let reader = UserId::parse(&phone.id).unwrap();
    let scopes = auth::Scopes::new("users:read");
    let service = server.issuer.issue(&reader, None, &scopes, now, 60);
    let all = server.post("/api/v1/auth/logout", &service, json!({"all": true})).await;
    all.problem(403, "FORBIDDEN");
    let body = json!({"refresh_token": phone.refresh});
    server.post("/api/v1/auth/refresh", "", body).await.expect(200);
}

#[tokio::test]
async fn token_that_names_the_login_of_another_user_ends_nothing() {
    let server = Server::start().await;
    let alice = server.register("alice").await;
    let now = lifecycle::wall_clock_ms() / 1_000;
    let eve = UserId::parse("eve").unwrap();
    let login = login_of(&server, &alice.access);
    let crafted = server.issuer.issue(&eve, Some(&login), &auth::Scopes::default(), now, 60);
    server.post_nothing("/api/v1/auth/logout", &crafted).await.problem(401, "UNAUTHENTICATED");
    let body = json!({"refresh_token": alice.refresh});
    server.post("/api/v1/auth/refresh", "", body).await.expect(200);
}

async fn disable(store: &Store, user: &str) {
    let account = store.account(&UserId::parse(user).unwrap()).await.unwrap().unwrap();
    let disabled = Account { status: AccountStatus::Disabled, ..account.clone() };
    assert_eq!(store.update_account(&account, disabled.clone()).await, Cas::Applied(disabled));
}

#[tokio::test]
async fn disabled_account_cannot_log_in_or_refresh() {
    let server = Server::start().await;
    let alice = server.register("alice").await;
    disable(&server.store, &alice.id).await;
    log_in(&server, "alice", "123456").await.problem(403, "FORBIDDEN");
    log_in(&server, "alice", "1234567").await.problem(401, "BAD_CREDENTIALS");
    let body = json!({"refresh_token": alice.refresh});
    server.post("/api/v1/auth/refresh", "", body).await.problem(403, "FORBIDDEN");
}

#[tokio::test]
async fn profile_is_changed_and_seen_by_others_without_what_is_private() {
    let server = Server::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let patch = |body: Value| server.patch("/api/v1/users/me", &alice.access, body);
    let me = patch(json!({"nickname": "Ali", "email": "a@example.org"})).await.expect(200);
    assert_eq!((&me["nickname"], &me["email"]), (&json!("Ali"), &json!("a@example.org")));
    assert_eq!(patch(json!({})).await.expect(200)["email"], json!("a@example.org"));
    assert_eq!(patch(json!({"email": null})).await.expect(200)["email"], Value::Null);
    patch(json!({"nickname": ""})).await.problem(400, "BAD_FIELD");

    let seen =
        json!({"user_id": alice.id, "username": "alice", "nickname": "Ali", "avatar": "", "fields": {}});
    let by_id = server.get(&format!("/api/v1/users/{}", alice.id), &bob.access).await.expect(200);
    assert_eq!(by_id, seen);
    let by_name = server.get("/api/v1/users?username=ALICE", &bob.access).await.expect(200);
    assert_eq!(by_name, json!({"users": [seen], "next_cursor": null}));
    let none = server.get("/api/v1/users?username=carol", &bob.access).await.expect(200);
    assert_eq!(none, json!({"users": [], "next_cursor": null}));
    server.get("/api/v1/users/nobody", &bob.access).await.problem(404, "NOT_FOUND");
    server.get("/api/v1/users/two%20words", &bob.access).await.problem(400, "BAD_FIELD");
    server.get("/api/v1/users", &bob.access).await.problem(400, "BAD_FIELD");
}
