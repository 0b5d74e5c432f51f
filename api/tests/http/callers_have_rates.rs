//! A user may make so many calls a second; a service as many as it likes.

use api::{ApiConfig, RateLimit, UserRates};
use axum::body::Body;
use http::HeaderValue;
use serde_json::json;

use super::server::{Answer, Server, config, request};

/// More than anybody may make here at once.
const TOO_MANY: usize = 100;

async fn say(server: &Server, token: &str, key: usize) -> Answer {
    let body = json!({"to_user": "bob", "body": {"text": "hi"}}).to_string();
    let mut request = request("POST", "/api/v1/messages", token, Body::from(body));
    request.headers_mut().insert("idempotency-key", HeaderValue::from_str(&key.to_string()).unwrap());
    server.send(request).await
}

#[tokio::test]
async fn who_makes_too_many_calls_is_told_when_to_come_again() {
    let few = RateLimit { per_second: 1, burst: 4 };
    let user_rates = UserRates { writes: few, reads: few };
    let server = Server::with(ApiConfig { user_rates, ..config() }).await;
    let (alice, bob) = (server.token("alice", ""), server.token("bob", ""));
    let mut admitted = 0;
    let refused = loop {
        let answer = say(&server, &alice, admitted).await;
        if answer.status != 201 {
            break answer;
        }
        admitted += 1;
    };
    assert!((4..TOO_MANY).contains(&admitted), "a call with a key counts once: {admitted}");
    let wait_ms = refused.json["retry_after_ms"].as_u64().unwrap();
    assert!((1..=1_000).contains(&wait_ms), "{wait_ms}");
    assert_eq!(refused.headers["retry-after"], "1");
    refused.problem(429, "RATE");
    assert_eq!(say(&server, &bob, 0).await.status, 201, "others are not concerned");
    server.get("/api/v1/groups", &alice).await.expect(200);

    let service = server.token("billing", "messages:send");
    for key in 0..TOO_MANY {
        assert_eq!(say(&server, &service, key).await.status, 201);
    }
}
