//! What a service tells everybody: every socket hears it once, at whatever gateway, and the service sees it end. In one process
//! and, where the services are, in a cluster.

use serde_json::{Value, json};

use crate::http::{get_as, new_user, post_as};
use crate::places::{self, Places};
use crate::process::{Tidegate, until};
use crate::socket::Socket;

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
    // Somebody who comes now, and a word after which nothing of it can come any more.
    let mut late = Socket::open(at.near, &anna.token);
    let bye = json!({"client_message_id": "01890a5d-ac96-774b-bcce-b302099a8002", "to_user": bert.id, "body": {"text": "bye"}});
    late.send(&json!({ "send": bye }));
    for socket in &mut far {
        let last = until(|| {
            let (name, content) = socket.until_any(&["event", "broadcast"]);
            assert_eq!(name, "event", "each hears it once");
            Some(content).filter(|event| event["body"]["text"] == "bye")
        });
        assert_eq!(last["seq"], json!("2"));
    }
}
