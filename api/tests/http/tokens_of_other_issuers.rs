//! Users of another issuer need no account here.

use auth::{Issuer, LoginRule, ScopeRule, Scopes, SigningKey, Trust, Verifier, VerifyingKey};
use proto::UserId;
use serde_json::{Value, json};

use super::server::Server;

#[tokio::test]
async fn user_without_an_account_chats() {
    let server = Server::start().await;
    let key = SigningKey::generate();
    let trust = Trust {
        issuer: "community".to_owned(),
        audience: "chat".to_owned(),
        scopes: ScopeRule::Ignored,
        logins: LoginRule::Elsewhere,
    };
    let verifying = VerifyingKey::hs256(&key);
    let verifier = server.issuer.trusted_by(Verifier::new(5)).trusting(trust, vec![verifying]);
    server.verifier.replace(verifier);
    let outside = Issuer::new(key, "community", "chat");
    let now = lifecycle::wall_clock_ms() / 1_000;
    let token = |user: &str, scopes: &str| {
        outside.issue(&UserId::parse(user).unwrap(), None, &Scopes::new(scopes), now, 60)
    };

    let alice = token("auth0|alice", "");
    let me = server.get("/api/v1/users/me", &alice).await.expect(200);
    let nobody = json!({
        "user_id": "auth0|alice", "username": null, "nickname": null, "email": null, "created_at": null,
        "avatar": null, "phone": null, "fields": null, "presence": null
    });
    assert_eq!(me, nobody);
    server.patch("/api/v1/users/me", &alice, json!({"nickname": "A"})).await.problem(404, "NOT_FOUND");
    let body = json!({"to_user": "auth0|bob", "body": {"text": "hi"}});
    let sent = server.post("/api/v1/messages", &alice, body).await.expect(201);
    let path = format!("/api/v1/conversations/{}/messages", sent["conversation"].as_str().unwrap());
    let page = server.get(&path, &token("auth0|bob", "")).await.expect(200);
    assert_eq!(page["messages"][0]["sender"], json!("auth0|alice"));
    assert_eq!(server.post_nothing("/api/v1/auth/logout", &alice).await.status, 204);

    // Its word `server` means nothing here.
    let body = json!({"sender": "bob", "to_user": "carol", "body": {"text": "hi"}});
    let as_service = token("crm", "server");
    server.post("/api/v1/messages", &as_service, body).await.problem(403, "FORBIDDEN");
}

#[tokio::test]
async fn bad_tokens_are_refused_with_the_reason() {
    let server = Server::start().await;
    let now = lifecycle::wall_clock_ms() / 1_000;
    let alice = UserId::parse("alice").unwrap();
    let expired = server.issuer.issue(&alice, None, &Scopes::default(), now - 1_000, 10);
    let stranger = Issuer::new(SigningKey::generate(), "tidegate", "tidegate");
    let forged = stranger.issue(&alice, None, &Scopes::default(), now, 60);
    for (token, reason) in
        [(expired.as_str(), "expired"), (forged.as_str(), "signature"), ("x", "not a JSON web token")]
    {
        let answer = server.get("/api/v1/users/me", token).await;
        assert_eq!(answer.headers["www-authenticate"], "Bearer");
        assert!(!answer.text.contains(&expired) && !answer.text.contains(&forged));
        let detail = answer.problem(401, "UNAUTHENTICATED");
        assert!(detail.contains(reason), "{detail}");
    }
    assert_eq!(server.get("/api/v1/users/me", "").await.json["name"], Value::from("UNAUTHENTICATED"));
}
