//! Another service at work: makes accounts, writes to many at once and to a group, logs a user out, and does nothing that its
//! scopes do not say. Through real sockets and HTTP, in one process and, where the services are, in a cluster.

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use crate::http::{Answer, delete_as, get_as, post, post_as};
use crate::process::{Tidegate, until};
use crate::socket::Socket;
use crate::stand::{Cluster, until_ready};

/// A user who was logged out has no socket after this, wherever it was.
const SOON: Duration = Duration::from_secs(2);

/// Where the parts of the server are.
struct Places<'a> {
    api: &'a Tidegate,
    near: &'a Tidegate,
    far: &'a Tidegate,
    /// Makes a token of the service with these scopes.
    token: &'a dyn Fn(&str) -> String,
}

#[test]
fn in_one_process() {
    let folder = tempfile::tempdir().unwrap();
    let server = Tidegate::start_with(folder.path(), &[("TIDEGATE_API__REGISTRATION", "closed")]);
    let token = |scopes: &str| server.token_with("crm", scopes);
    work(&Places { api: &server, near: &server, far: &server, token: &token });
}

#[test]
fn in_a_cluster() {
    let folder = tempfile::tempdir().unwrap();
    let Some(cluster) = Cluster::prepared(folder.path()) else { return };
    let router = cluster.start("router", "router");
    let api = cluster.start_with("api", "api", &[("TIDEGATE_API__REGISTRATION", "closed")]);
    let near = cluster.start("gateway-1", "gateway");
    let far = cluster.start("gateway-2", "gateway");
    until_ready([&router, &api, &near, &far]);
    let token = |scopes: &str| cluster.run(&["token", "--user", "crm", "--scope", scopes]);
    work(&Places { api: &api, near: &near, far: &far, token: &token });
}

fn work(at: &Places<'_>) {
    let all = (at.token)("users:write,sessions:end,messages:send,groups:manage,presence:read,contacts:read");
    let users = ["anna", "bert"].map(|name| account(at, &all, name));
    let [anna, bert] = &users;
    let (mut a, mut b) = (Socket::open(at.near, &anna.1), Socket::open(at.far, &bert.1));

    let to_both = json!({"to_users": [anna.0, bert.0], "body": {"text": "welcome"},
        "client_message_id": "01890a5d-ac96-774b-bcce-b302099a8057"});
    let sent = is(&post_as(&at.api.url("/api/v1/messages"), &all, &to_both), 207);
    assert_eq!(sent["sent"], json!(2), "{sent}");
    for socket in [&mut a, &mut b] {
        let event = socket.until("event");
        assert_eq!((&event["sender"], &event["body"]), (&json!("crm"), &json!({"text": "welcome"})));
    }
    let again = is(&post_as(&at.api.url("/api/v1/messages"), &all, &to_both), 207);
    assert_eq!(again, sent, "the same messages");

    let make = json!({"group_id": "team", "name": "Team", "owner": anna.0, "member_ids": [bert.0], "read_only": true});
    is(&post_as(&at.api.url("/api/v1/groups"), &all, &make), 201);
    let notice = json!({"system": {"notice": {"text": "maintenance at noon"}}});
    let body = json!({"conversation": "g.team", "body": notice});
    let sent = is(&post_as(&at.api.url("/api/v1/messages"), &all, &body), 201);
    for socket in [&mut a, &mut b] {
        let event = until(|| Some(socket.until("event")).filter(|event| event["seq"] == sent["seq"]));
        assert_eq!((&event["sender"], &event["body"]), (&json!("crm"), &notice));
    }

    let presence = at.api.url(&format!("/api/v1/presence?users={},{}", anna.0, bert.0));
    until(|| {
        let found = is(&get_as(&presence, &all), 200);
        let states = [&found["users"][0]["state"], &found["users"][1]["state"]];
        (states == ["online", "online"]).then_some(())
    });
    let block = json!({"user_id": anna.0});
    is(&post_as(&at.api.url("/api/v1/blocks"), &bert.1, &block), 200);
    let relation = at.api.url(&format!("/api/v1/server/users/{}/relations/{}", anna.0, bert.0));
    let relation = is(&get_as(&relation, &all), 200);
    assert_eq!((&relation["blocked"], &relation["blocked_by"]), (&json!(false), &json!(true)));
    let began = SystemTime::now();
    let sessions = at.api.url(&format!("/api/v1/server/users/{}/sessions", bert.0));
    assert_eq!(delete_as(&sessions, &all).status, 204);
    assert_eq!(b.close_code(), 4401);
    let took = began.elapsed().expect("a clock that goes on");
    assert!(took < SOON, "{took:?}");
    a.send(&json!({"ping": {}}));
    a.until("pong");

    // What the scopes do not say, it does not.
    let narrow = (at.token)("presence:read");
    is(&get_as(&presence, &narrow), 200);
    let refused = is(&delete_as(&sessions, &narrow), 403);
    assert_eq!(refused["detail"], json!("this needs a token with the scope `sessions:end`"));
    is(&get_as(&at.api.url("/api/v1/conversations"), &narrow), 403);
    assert_eq!(Socket::try_open(at.near, &format!("?token={narrow}")).err(), Some(401));
    Socket::open(at.near, &(at.token)("server"));
}

/// Makes an account, where nobody may register, and logs it in: the id and a token.
fn account(at: &Places<'_>, service: &str, name: &str) -> (String, String) {
    let made = json!({"username": name, "user_id": format!("shop|{name}"), "password": "a long secret"});
    is(&post_as(&at.api.url("/api/v1/server/users"), service, &made), 201);
    let credentials = json!({"username": name, "password": "a long secret"});
    assert_eq!(post(&at.api.url("/api/v1/auth/register"), &credentials).status, 403);
    let login = is(&post(&at.api.url("/api/v1/auth/login"), &credentials), 200);
    let text = |member: &str| login[member].as_str().expect("a text").to_owned();
    assert_eq!(text("user_id"), format!("shop|{name}"));
    (text("user_id"), text("access_token"))
}

#[track_caller]
fn is(answer: &Answer, status: u16) -> Value {
    assert_eq!(answer.status, status, "{}", answer.text);
    answer.json()
}
