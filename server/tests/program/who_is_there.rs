//! Who watches whether others are there: told as it changes, as far as each lets it be seen, and not when somebody only
//! reconnects. Through real sockets and HTTP, in one process and, where the services are, in a cluster.

use serde_json::{Value, json};

use crate::http::{Answer, User, delete_as, get_as, new_user, patch_as, post_as};
use crate::places::{self, Places};
use crate::process::until;
use crate::socket::Socket;

const GRACE_MS: u64 = 1_000;
const SETTINGS: [(&str, &str); 3] = [
    ("TIDEGATE_PRESENCE__GRACE", "1s"),
    ("TIDEGATE_GATEWAY__PRESENCE_INTERVAL", "200ms"),
    ("TIDEGATE_GATEWAY__PRESENCE_WATCHED_MAX", "3"),
];

#[test]
fn in_one_process() {
    places::in_one_process(&SETTINGS, watch);
}

#[test]
fn in_a_cluster() {
    places::in_a_cluster(&SETTINGS, watch);
}

fn watch(at: &Places<'_>) {
    let [anna, bert] = ["anna", "bert"].map(|name| new_user(at.api, name, "a long secret"));
    let mut watcher = Socket::open(at.near, &anna.token);
    subscribe(&mut watcher, &[&bert.id, "nobody"]);
    let seen = watcher.until("presence");
    let offline = |user: &str| json!({"user": user, "state": "offline"});
    assert_eq!(seen["users"], json!([offline(&bert.id), offline("nobody")]), "nobody was there yet");
    let mut phone = comes_uses_and_leaves(at, &mut watcher, &bert);
    each_is_seen_as_they_like(at, &mut watcher, &anna, &bert);
    there_is_a_bound_and_an_end(at, &mut watcher, &mut phone, &anna, &bert);
}

/// Gives the socket of bert that is open at the end.
fn comes_uses_and_leaves(at: &Places<'_>, watcher: &mut Socket, bert: &User) -> Socket {
    let mut phone = Socket::open(at.far, &bert.token);
    phone.send(&json!({"hello": {"device": "phone-17"}}));
    hears(watcher, &bert.id, |seen| {
        seen["state"] == "online" && seen["devices"] == json!([{"kind": "phone", "state": "online"}])
    });
    phone.send(&json!({"presence_report": {"state": "away"}}));
    let away = hears(watcher, &bert.id, |seen| seen["state"] == "away");
    assert!(away["last_seen"].is_string() && away["devices"][0]["state"] == "away", "{away}");
    phone.send(&json!({"presence_report": {"state": "online"}}));
    hears(watcher, &bert.id, |seen| seen["state"] == "online");

    drop(phone);
    let mut phone = Socket::open(at.near, &bert.token);
    phone.send(&json!({"hello": {"device": "phone-17"}}));
    phone.send(&json!({"presence_report": {"state": "away"}}));
    loop {
        // Kinds may change on the way; a reconnect is no leaving.
        let seen = next(watcher, &bert.id);
        assert_ne!(seen["state"], "offline", "{seen}");
        if seen["state"] == "away" {
            break;
        }
    }
    drop(phone);
    // Over HTTP, too, only once the grace is over.
    let seen = until(|| {
        let seen = get_as(&at.url(&format!("/users/{}/presence", bert.id)), &bert.token).json();
        (seen["state"] == "offline").then_some(seen)
    });
    let last: u64 = seen["last_seen"].as_str().and_then(|text| text.parse().ok()).expect("a time");
    assert!(lifecycle::wall_clock_ms() >= last + GRACE_MS, "{seen}");
    let left = hears(watcher, &bert.id, |seen| seen["state"] != "away");
    assert_eq!((&left["state"], &left["devices"]), (&json!("offline"), &Value::Null));
    assert!(left["last_seen"].is_string(), "{left}");
    let phone = Socket::open(at.far, &bert.token);
    hears(watcher, &bert.id, |seen| seen["state"] == "online");
    phone
}

fn each_is_seen_as_they_like(at: &Places<'_>, watcher: &mut Socket, anna: &User, bert: &User) {
    let shows = |audience: &str| {
        is(&patch_as(&at.url("/users/me"), &bert.token, &json!({"presence": audience})), 200);
    };
    let mut sees = |state: &str| {
        let seen = hears(watcher, &bert.id, |seen| seen["state"] == state);
        assert!(seen.get("last_seen").is_none(), "{seen}");
    };
    shows("contacts");
    sees("offline");
    is(&post_as(&at.url("/friends/apply"), &anna.token, &json!({"user_id": bert.id})), 200);
    let accept = format!("/friends/requests/{}/accept", anna.id);
    is(&post_as(&at.url(&accept), &bert.token, &json!({})), 200);
    sees("online");
    is(&delete_as(&at.url(&format!("/friends/{}", anna.id)), &bert.token), 200);
    sees("offline");
    shows("everyone");
    sees("online");
    is(&post_as(&at.url("/blocks"), &bert.token, &json!({"user_id": anna.id})), 200);
    sees("offline");
    is(&delete_as(&at.url(&format!("/blocks/{}", anna.id)), &bert.token), 200);
    sees("online");
    shows("nobody");
    sees("offline");
    shows("everyone");
    sees("online");
}

fn there_is_a_bound_and_an_end(
    at: &Places<'_>,
    watcher: &mut Socket,
    phone: &mut Socket,
    anna: &User,
    bert: &User,
) {
    watcher.send(&json!({"presence_subscribe": {"users": ["one", "two"]}}));
    let (_, nack) = watcher.until_any(&["nack"]);
    assert_eq!((&nack["code"], &nack["frame"]), (&json!(1208), &json!("presence_subscribe")), "{nack}");

    let mut other = Socket::open(at.near, &anna.token);
    subscribe(&mut other, &[&bert.id]);
    hears(&mut other, &bert.id, |seen| seen["state"] == "online");
    watcher.send(&json!({"presence_unsubscribe": {"users": [bert.id]}}));
    watcher.send(&json!({"ping": {}}));
    watcher.until("pong");
    phone.send(&json!({"presence_report": {"state": "away"}}));
    hears(&mut other, &bert.id, |seen| seen["state"] == "away");
    watcher.send(&json!({"ping": {}}));
    let (name, said) = watcher.until_any(&["pong", "presence"]);
    assert_eq!(name, "pong", "{said}");
}

pub fn subscribe(socket: &mut Socket, users: &[&str]) {
    socket.send(&json!({"presence_subscribe": {"users": users}}));
}

/// The next state of a user.
fn next(socket: &mut Socket, user: &str) -> Value {
    until(|| {
        let presence = socket.until("presence");
        let users = presence["users"].as_array().expect("users");
        users.iter().find(|seen| seen["user"] == user).cloned()
    })
}

/// The next state of a user that is so.
pub fn hears(socket: &mut Socket, user: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    until(|| Some(next(socket, user)).filter(|seen| is_so(seen)))
}

fn is(answer: &Answer, status: u16) {
    assert_eq!(answer.status, status, "{}", answer.text);
}
