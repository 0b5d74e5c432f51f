//! What a service tells everybody: every socket hears it once, at whatever gateway, and the service sees it end. In one process
//! and, where the services are, in a cluster.

use serde_json::{Value, json};

use crate::http::{User, get_as, new_user, post_as};
use crate::places::{self, Places};
use crate::process::{Tidegate, until};
use crate::socket::Socket;
use crate::stand::{Cluster, until_ready};

const KEY: &str = "01890a5d-ac96-774b-bcce-b302099a8090";
/// So few a second that it can be seen under way.
const SETTINGS: &[(&str, &str)] =
    &[("TIDEGATE_GATEWAY__BROADCAST_PER_SECOND", "2"), ("TIDEGATE_GATEWAY__SHARDS", "1")];
const SOCKETS: usize = 8;

#[test]
fn in_one_process() {
    places::in_one_process(SETTINGS, |at| everybody_hears_it(at, 1));
}

#[test]
fn in_a_cluster() {
    places::in_a_cluster(SETTINGS, |at| everybody_hears_it(at, 2));
}

fn everyone(key: &str, text: &str) -> Value {
    let body = json!({"system": {"notice": {"text": text}}});
    json!({"to_everyone": true, "client_message_id": key, "body": body})
}

fn sockets(server: &Tidegate, token: &str) -> Vec<Socket> {
    (0..SOCKETS).map(|_| Socket::open(server, token)).collect()
}

fn everybody_hears_it(at: &Places<'_>, shards: u64) {
    let service = &at.service_token("operations", "messages:send");
    let [anna, bert] = ["anna", "bert"].map(|name| new_user(at.api, name, "a long secret"));
    let (mut near, mut far) = (sockets(at.near, &anna.token), sockets(at.far, &bert.token));
    let url = at.url("/messages");
    let refused = post_as(&url, &anna.token, &everyone(KEY, "mine"));
    assert_eq!((refused.status, &refused.json()["name"]), (403, &json!("FORBIDDEN")));

    let begun = post_as(&url, service, &everyone(KEY, "Maintenance"));
    assert_eq!((begun.status, &begun.json()["broadcast_id"]), (202, &json!(KEY)), "{}", begun.text);
    let busy = post_as(&url, service, &everyone("01890a5d-ac96-774b-bcce-b302099a8091", "Another"));
    assert_eq!((busy.status, &busy.json()["name"]), (503, &json!("BUSY")), "{}", busy.text);
    // In the middle of it, what users say does not wait.
    let hello = json!({"client_message_id": "01890a5d-ac96-774b-bcce-b302099a8001", "to_user": bert.id, "body": {"text": "hi"}});
    near[0].send(&json!({ "send": hello }));
    assert_eq!(far[SOCKETS - 1].until_any(&["event", "broadcast"]).0, "event");

    for socket in near.iter_mut().chain(&mut far) {
        let told = socket.until("broadcast");
        assert_eq!((&told["id"], &told["sender"]), (&json!(KEY), &json!("operations")));
        assert_eq!(told["body"], json!({"system": {"notice": {"text": "Maintenance"}}}));
    }
    let ended = until(|| {
        let now = get_as(&at.url(&format!("/broadcasts/{KEY}")), service);
        assert_eq!(now.status, 200, "{}", now.text);
        Some(now.json()).filter(|now| !now["ended_at"].is_null())
    });
    let counts = ["shards", "told", "missed", "left", "lost"].map(|name| ended[name].as_u64());
    assert_eq!(counts, [shards, 2 * SOCKETS as u64, 0, 0, 0].map(Some), "{ended}");

    let again = post_as(&url, service, &everyone(KEY, "Maintenance"));
    assert_eq!((again.status, again.json()), (202, ended), "the same key is the same broadcast");
    hear_nothing_more(&mut far, &at.url("/messages"), &anna, &bert);
}

/// A word comes after which nothing of the broadcast can come any more.
fn hear_nothing_more(sockets: &mut [Socket], url: &str, from: &User, to: &User) {
    let bye = json!({"to_user": to.id, "body": {"text": "bye"}});
    let said = until(|| Some(post_as(url, &from.token, &bye)).filter(|said| said.status != 503));
    assert_eq!(said.status, 201, "{}", said.text);
    for socket in sockets {
        until(|| {
            let (name, content) = socket.until_any(&["event", "broadcast"]);
            assert_eq!(name, "event", "each hears it once");
            (content["body"]["text"] == "bye").then_some(())
        });
    }
}

/// Long before their turn.
fn hear_it_before_they_go(sockets: &mut [Socket]) {
    for socket in sockets {
        let (first, told) = socket.until_any(&["broadcast", "goaway"]);
        assert_eq!((first, &told["id"]), ("broadcast", &json!(KEY)));
        assert_eq!(socket.until_any(&["broadcast", "goaway"]).0, "goaway");
    }
}

#[test]
fn who_is_sent_away_has_heard_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Tidegate::start_with(folder.path(), SETTINGS);
    let service = server.token_with("operations", "messages:send");
    let mut sockets = sockets(&server, &new_user(&server, "anna", "a long secret").token);
    let begun = post_as(&server.url("/api/v1/messages"), &service, &everyone(KEY, "Maintenance"));
    assert_eq!(begun.status, 202, "{}", begun.text);
    server.signal("TERM");
    hear_it_before_they_go(&mut sockets);
    drop(sockets);
    let (code, logs) = server.ended();
    assert_eq!(code, Some(0), "{logs}");
}

/// In the middle of it a gateway, the API process that began it, and the router that saw to it stop in order.
#[test]
fn whoever_stops_it_goes_on_in_a_cluster() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(cluster) = Cluster::prepared(folder.path()) else { return };
    let start = |name, role| cluster.start_with(name, role, SETTINGS);
    let (router, api, other_api) =
        (start("router-1", "router"), start("api-1", "api"), start("api-2", "api"));
    let (near, far) = (start("gateway-1", "gateway"), start("gateway-2", "gateway"));
    until_ready([&router, &api, &other_api, &near, &far]);
    let service = cluster.run(&["token", "--user", "operations", "--scope", "messages:send"]);
    let [anna, bert] = ["anna", "bert"].map(|name| new_user(&api, name, "a long secret"));
    let (mut leaving, mut staying) = (sockets(&near, &anna.token), sockets(&far, &bert.token));
    let begun = post_as(&api.url("/api/v1/messages"), &service, &everyone(KEY, "Maintenance"));
    assert_eq!(begun.status, 202, "{}", begun.text);

    near.signal("TERM");
    api.signal("TERM");
    hear_it_before_they_go(&mut leaving);
    drop(leaving);
    assert_eq!((near.ended().0, api.ended().0), (Some(0), Some(0)));
    let state = other_api.url(&format!("/api/v1/broadcasts/{KEY}"));
    until(|| {
        let now = get_as(&state, &service).json();
        assert_eq!((&now["missed"], &now["lost"]), (&json!(0), &json!(0)), "{now}");
        (now["told"].as_u64() >= Some(SOCKETS as u64)).then_some(())
    });

    let next = start("router-2", "router");
    until_ready([&next]);
    router.signal("TERM");
    assert_eq!(router.ended().0, Some(0));
    for socket in &mut staying {
        assert_eq!(socket.until("broadcast")["id"], json!(KEY));
    }
    // The next owner hears of it from who tells it, or, where that had ended, when the call is made again.
    let url = other_api.url("/api/v1/messages");
    until(|| {
        let now = post_as(&url, &service, &everyone(KEY, "Maintenance")).json();
        let counts = ["told", "missed", "left", "lost"].map(|name| now[name].as_u64());
        (!now["ended_at"].is_null() && counts == [SOCKETS as u64, 0, 0, 0].map(Some)).then_some(())
    });
    hear_nothing_more(&mut staying, &url, &anna, &bert);
}
