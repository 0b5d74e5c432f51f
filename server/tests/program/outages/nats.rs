//! NATS is away.

use serde_json::json;

use super::{UNAVAILABLE, WITHOUT_NATS, end, is_refused};
use crate::http::{get_as, new_user, post};
use crate::process::until;
use crate::socket::Socket;
use crate::stand::{Cluster, away, back, frame, history, say, say_frame, try_to_say};
use crate::stand::{until_missing, until_ready, until_told};

#[test]
fn without_nats_sends_are_refused_as_unavailable_and_afterwards_all_goes_on_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let Some((cluster, fronts)) = Cluster::behind_fronts(folder.path()) else { return };
    let cluster = cluster.may_warn(WITHOUT_NATS);
    let [router, api, gateway] = ["router", "api", "gateway"].map(|role| cluster.start(role, role));
    until_ready([&router, &api, &gateway]);
    let (alice, bob) = (new_user(&api, "alice", "correct horse"), new_user(&api, "bob", "battery staple"));
    let (mut a, mut b) = (Socket::open(&gateway, &alice.token), Socket::open(&gateway, &bob.token));
    let ack = say(&mut a, 1, &bob.id, "before");
    assert_eq!(b.until("event")["body"]["text"], "before");

    away(&fronts.nats);
    // What goes out before the gateway has noticed is lost in silence. It is never acknowledged.
    let mut meanwhile = frame(2, &bob.id, "meanwhile");
    let answer = until(|| try_to_say(&mut a, &mut meanwhile));
    let nack = answer.expect_err("a refusal");
    assert_eq!((&nack["code"], &nack["retry_after_ms"]), (&json!(UNAVAILABLE), &json!(500)), "{nack}");
    for process in [&router, &api, &gateway] {
        until_missing(process, "the bus is not connected");
    }
    let path = format!("/api/v1/conversations/{}/messages", ack["conversation"].as_str().unwrap());
    let refused = get_as(&api.url(&path), &alice.token);
    assert!(is_refused(&refused, UNAVAILABLE), "{}", refused.text);
    // What needs no router works: one may log in, and a socket is welcome.
    let credentials = json!({ "username": "bob", "password": "battery staple" });
    assert_eq!(post(&api.url("/api/v1/auth/login"), &credentials).status, 200);
    let mut newcomer = Socket::open(&gateway, &bob.token);

    back(&fronts.nats);
    b.until("resync");
    assert_eq!(say_frame(&mut a, &mut meanwhile)["seq"], "2");
    until_told(&mut b, "2");
    say(&mut newcomer, 3, &alice.id, "from one who came meanwhile");
    until_ready([&router, &api, &gateway]);
    assert_eq!(
        history(&api, &ack["conversation"], &alice),
        ["before", "meanwhile", "from one who came meanwhile"]
    );
    end([gateway, api, router]);
}
