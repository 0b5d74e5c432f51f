//! A gateway or an API process is killed: neither holds anything that is not elsewhere.

use serde_json::json;

use super::end;
use crate::http::{get_as, new_user, post_as};
use crate::process::until;
use crate::socket::Socket;
use crate::stand::{Cluster, frame, history, say, say_frame, status, until_ready, until_told};

#[test]
fn who_was_at_a_killed_gateway_goes_on_at_another() {
    let folder = tempfile::tempdir().unwrap();
    let Some(cluster) = Cluster::prepared(folder.path()) else { return };
    let [router, api] = ["router", "api"].map(|role| cluster.start(role, role));
    let (near, far) = (cluster.start("gateway-1", "gateway"), cluster.start("gateway-2", "gateway"));
    until_ready([&router, &api, &near, &far]);
    let [alice, bob, carol] =
        ["alice", "bob", "carol"].map(|name| new_user(&api, name, "correct horse battery"));
    let (mut a, mut b) = (Socket::open(&near, &alice.token), Socket::open(&far, &bob.token));
    let c = Socket::open(&near, &carol.token);
    let ack = say(&mut a, 1, &bob.id, "before");
    until(|| (status(&api, &carol) == "online").then_some(()));

    let mut under_way = frame(2, &bob.id, "under way");
    a.send(&under_way);
    near.kill();
    a.broken();
    c.broken();
    say(&mut b, 3, &alice.id, "to one who is not there");
    let mut a = Socket::open(&far, &alice.token);
    say_frame(&mut a, &mut under_way);
    a.send(&json!({ "sync": { "open": [{ "conversation": ack["conversation"], "seq": "1" }] } }));
    until_told(&mut a, "3");
    say(&mut a, 4, &bob.id, "after");
    let mut said = history(&api, &ack["conversation"], &bob);
    // Whether the first of these was taken before the kill is not known.
    said[1..3].sort();
    assert_eq!(said, ["before", "to one who is not there", "under way", "after"]);
    until(|| (status(&api, &carol) == "offline" && status(&api, &alice) == "online").then_some(()));
    end([far, api, router]);
}

#[test]
fn what_a_killed_api_process_was_asked_is_asked_again_of_another() {
    let folder = tempfile::tempdir().unwrap();
    let Some(cluster) = Cluster::prepared(folder.path()) else { return };
    let [router, gateway] = ["router", "gateway"].map(|role| cluster.start(role, role));
    let (one, two) = (cluster.start("api-1", "api"), cluster.start("api-2", "api"));
    until_ready([&router, &gateway, &one, &two]);
    let (alice, bob) = (new_user(&one, "alice", "correct horse"), new_user(&one, "bob", "battery staple"));
    let (mut a, mut b) = (Socket::open(&gateway, &alice.token), Socket::open(&gateway, &bob.token));
    let message = json!({
        "client_message_id": "01890a5d-ac96-774b-bcce-00000000aaaa",
        "to_user": bob.id,
        "body": { "text": "by the API" },
    });
    let sent = post_as(&one.url("/api/v1/messages"), &alice.token, &message);
    assert_eq!(sent.status, 201, "{}", sent.text);

    one.kill();
    // Its logins, and what it had sent, are everybody's.
    assert_eq!(get_as(&two.url("/api/v1/users/me"), &alice.token).status, 200);
    let again = post_as(&two.url("/api/v1/messages"), &alice.token, &message);
    assert_eq!((again.status, &again.json()["seq"]), (201, &sent.json()["seq"]), "{}", again.text);
    say(&mut a, 1, &bob.id, "by the socket");
    until(|| (b.until("event")["body"]["text"] == "by the socket").then_some(()));
    assert_eq!(history(&two, &sent.json()["conversation"], &bob), ["by the API", "by the socket"]);
    end([gateway, two, router]);
}
