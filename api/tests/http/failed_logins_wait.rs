//! Guessing passwords gets slow, for one account and from one address. Time stands still but for what a test says.

use serde_json::json;

use super::server::{Server, config};

#[tokio::test(start_paused = true)]
async fn account_is_slowed_down_and_says_for_how_long() {
    let server = Server::without_router(config());
    server.register("alice").await;
    let login = |password: &'static str| {
        server.post("/api/v1/auth/login", "", json!({"username": "alice", "password": password}))
    };
    for _ in 0..6 {
        login("wrong").await.problem(401, "BAD_CREDENTIALS");
    }
    // The right password has to wait as well: otherwise guessing would go on.
    let refused = login("123456").await;
    assert_eq!(
        (&refused.json["retry_after_ms"], &refused.headers["retry-after"]),
        (&json!(1_000), &"1".parse().unwrap())
    );
    refused.problem(429, "RATE");
    tokio::time::advance(std::time::Duration::from_secs(1)).await;
    login("123456").await.expect(200);
}

#[tokio::test(start_paused = true)]
async fn guesses_at_the_same_time_do_not_slip_through() {
    let server = Server::without_router(config());
    server.register("alice").await;
    let guess = |n: u32| {
        let body = json!({"username": "alice", "password": format!("guess {n}")});
        server.post("/api/v1/auth/login", "", body)
    };
    let answers = futures_util::future::join_all((0..40).map(guess)).await;
    let tried = answers.iter().filter(|answer| answer.status == 401).count();
    assert_eq!(tried, 6);
    assert!(answers.iter().all(|answer| matches!(answer.status, 401 | 429)));
}

#[tokio::test(start_paused = true)]
async fn address_is_slowed_down_over_many_accounts() {
    let server = Server::without_router(config());
    let guess = |n: u32| {
        let body = json!({"username": format!("user{n}"), "password": "123456"});
        server.post("/api/v1/auth/login", "", body)
    };
    for n in 0..21 {
        guess(n).await.problem(401, "BAD_CREDENTIALS");
    }
    guess(99).await.problem(429, "RATE");
}

#[tokio::test(start_paused = true)]
async fn right_passwords_never_wait() {
    let server = Server::without_router(config());
    server.register("alice").await;
    for _ in 0..30 {
        let body = json!({"username": "alice", "password": "123456"});
        server.post("/api/v1/auth/login", "", body).await.expect(200);
    }
}

#[tokio::test(start_paused = true)]
async fn accounts_are_not_made_without_end_from_one_address() {
    let server = Server::without_router(config());
    let register = || server.post("/api/v1/auth/register", "", json!({"username": "x", "password": "short"}));
    for _ in 0..101 {
        register().await.problem(400, "BAD_FIELD");
    }
    let refused = register().await;
    assert_eq!(refused.json["retry_after_ms"], json!(1_000));
    refused.problem(429, "RATE");
    tokio::time::advance(std::time::Duration::from_secs(1)).await;
    register().await.problem(400, "BAD_FIELD");
}
