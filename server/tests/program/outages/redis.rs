//! Redis is away.

use serde_json::json;

use super::{UNAVAILABLE, WITHOUT_REDIS, end, is_refused};
use crate::http::{new_user, post, post_as};
use crate::process::until;
use crate::socket::Socket;
use crate::stand::{Cluster, away, back, say, status, until_ready};

#[test]
fn without_redis_messages_flow_presence_is_unknown_and_tickets_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let Some((cluster, fronts)) = Cluster::behind_fronts(folder.path()) else { return };
    let cluster = cluster.may_warn(WITHOUT_REDIS);
    let [router, api, gateway] = ["router", "api", "gateway"].map(|role| cluster.start(role, role));
    until_ready([&router, &api, &gateway]);
    let (alice, bob) = (new_user(&api, "alice", "correct horse"), new_user(&api, "bob", "battery staple"));
    let (mut a, mut b) = (Socket::open(&gateway, &alice.token), Socket::open(&gateway, &bob.token));
    until(|| (status(&api, &alice) == "online").then_some(()));
    let tickets = || post_as(&api.url("/api/v1/tickets"), &alice.token, &json!({}));
    let query = |ticket: &str| format!("?ticket={ticket}");
    let ticket = tickets().json()["ticket"].as_str().expect("a ticket").to_owned();

    away(&fronts.redis);
    until(|| (status(&api, &alice) == "unknown").then_some(()));
    say(&mut a, 1, &bob.id, "without redis");
    assert_eq!(b.until("event")["body"]["text"], "without redis");
    let refused = tickets();
    assert!(is_refused(&refused, UNAVAILABLE), "{}", refused.text);
    assert_eq!(until(|| Socket::try_open(&gateway, &query(&ticket)).err()), 503);
    let mut by_token = Socket::open(&gateway, &bob.token);
    by_token.send(&json!({"presence_subscribe": {"users": [alice.id]}}));
    assert_eq!(by_token.until("presence")["users"][0]["state"], "unknown");
    let credentials = json!({ "username": "bob", "password": "battery staple" });
    assert_eq!(post(&api.url("/api/v1/auth/login"), &credentials).status, 200);
    until_ready([&router, &api, &gateway]);

    back(&fronts.redis);
    until(|| (status(&api, &alice) == "online" && status(&api, &bob) == "online").then_some(()));
    until(|| (by_token.until("presence")["users"][0]["state"] == "online").then_some(()));
    let ticket = until(|| Some(tickets()).filter(|answer| answer.status == 201)).json();
    let query = query(ticket["ticket"].as_str().expect("a ticket"));
    let mut by_ticket = until(|| Socket::try_open(&gateway, &query).ok());
    by_ticket.until("welcome");
    say(&mut by_token, 2, &alice.id, "with redis");
    end([gateway, api, router]);
}
