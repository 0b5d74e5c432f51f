//! Tickets over HTTP.

use serde_json::json;

use super::server::Server;

#[tokio::test]
async fn ticket_is_redeemed_once_for_its_user() {
    let server = Server::start().await;
    let alice = server.register("alice").await;
    let answer = server.post_nothing("/api/v1/tickets", &alice.access).await.expect(201);
    assert_eq!(answer["expires_in"], json!(30));
    let ticket = answer["ticket"].as_str().unwrap();
    let identity = server.tickets.redeem(ticket).await.unwrap().unwrap();
    assert_eq!(identity.user.as_str(), alice.id);
    assert!(identity.login.is_some());
    assert_eq!(server.tickets.redeem(ticket).await, Ok(None));
    server.post_nothing("/api/v1/tickets", "").await.problem(401, "UNAUTHENTICATED");
}
