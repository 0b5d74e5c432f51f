//! The first five minutes of somebody new: register, log in, chat, kill -9, start again, everything is there. In one process and, where
//! the services are, in a cluster, of which the only router is killed and another one starts.

use serde_json::{Value, json};

use crate::http::{User, get_as, new_user, post};
use crate::places::Places;
use crate::process::{Tidegate, loud_lines, until};
use crate::socket::{Socket, send_frame};
use crate::stand::{Cluster, until_ready};

/// Who talked, and what was said.
struct Said {
    alice: String,
    bob: User,
    hello: Value,
    ack: Value,
}

#[test]
fn first_five_minutes() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Tidegate::start(folder.path());
    let said =
        two_say_hello(&Places { api: &server, near: &server, far: &server, router: None, cluster: None });
    assert_eq!(loud_lines(&server.kill()), Vec::<&str>::new());
    let server = Tidegate::start(folder.path());
    assert!(server.greeting.contains("opened, with what was in it"), "{}", server.greeting);
    everything_is_there(
        &Places { api: &server, near: &server, far: &server, router: None, cluster: None },
        &said,
    );
}

#[test]
fn first_five_minutes_with_a_cluster() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(cluster) = Cluster::prepared(folder.path()) else { return };
    let router = cluster.start("router-1", "router");
    let api = cluster.start("api", "api");
    let (near, far) = (cluster.start("gateway-1", "gateway"), cluster.start("gateway-2", "gateway"));
    until_ready([&router, &api, &near, &far]);
    let at = Places { api: &api, near: &near, far: &far, router: None, cluster: Some(&cluster) };
    let said = two_say_hello(&at);
    assert_eq!(loud_lines(&router.kill()), Vec::<&str>::new());
    let router = cluster.start("router-2", "router");
    until_ready([&router]);
    everything_is_there(&at, &said);
}

fn two_say_hello(at: &Places<'_>) -> Said {
    let register = at.url("/auth/register");
    let sample = json!({
        "username": "testuser", "nickname": "测试用户", "email": "test@example.com", "password": "123456"
    });
    assert_eq!(post(&register, &sample).status, 201);
    assert_eq!(post(&register, &sample).status, 409);
    let bob = new_user(at.api, "bob", "654321");

    let login = at.url("/auth/login");
    let alice = post(&login, &json!({ "username": "testuser", "password": "123456" }));
    assert_eq!(alice.status, 200);
    let alice = alice.json()["access_token"].as_str().expect("a token").to_owned();
    let wrong = post(&login, &json!({ "username": "testuser", "password": "12345" }));
    let unknown = post(&login, &json!({ "username": "nobody", "password": "12345" }));
    assert_eq!((wrong.status, unknown.status), (401, 401));
    assert_eq!(wrong.json()["code"], unknown.json()["code"], "nobody learns which names exist");

    assert_eq!(Socket::try_open(at.near, "?token=nonsense").err(), Some(401));
    assert_eq!(
        Socket::try_open(at.far, "?userId=123").err(),
        None,
        "it may say who it is in its first frame"
    );
    let (mut a, mut b) = (Socket::open(at.near, &alice), Socket::open(at.far, &bob.token));
    let hello = send_frame("01890a5d-ac96-774b-bcce-b302099a8057", &bob.id, "Hello, World!");
    a.send(&hello);
    let ack = a.until("ack");
    assert_eq!(ack["seq"], "1");
    let event = b.until("event");
    assert_eq!((&event["seq"], &event["body"]["text"]), (&json!("1"), &json!("Hello, World!")));
    assert_eq!(event["message_id"], ack["message_id"]);
    Said { alice, bob, hello, ack }
}

fn everything_is_there(at: &Places<'_>, Said { alice, bob, hello, ack }: &Said) {
    // Lists are made of the log; what the killed process still owed them is made up after the start.
    let list = until(|| {
        let list = get_as(&at.url("/conversations"), &bob.token).json();
        list["conversations"].as_array().is_some_and(|listed| !listed.is_empty()).then_some(list)
    });
    let conversation = &list["conversations"][0];
    assert_eq!(conversation["conversation"], ack["conversation"], "{list}");
    assert_eq!(conversation["unread"], "1", "{list}");
    let id = ack["conversation"].as_str().expect("there");
    let messages = at.url(&format!("/conversations/{id}/messages"));
    // A partition that has just changed hands is unavailable for a moment.
    let history = until(|| Some(get_as(&messages, &bob.token)).filter(|found| found.status != 503)).json();
    let messages = history["messages"].as_array().expect("there");
    assert_eq!(messages.len(), 1, "{history}");
    assert_eq!((&messages[0]["seq"], &messages[0]["body"]["text"]), (&json!("1"), &json!("Hello, World!")));

    // The client did not see an ack, say, and sends again: it is the same message.
    let mut a = Socket::open(at.near, alice);
    let mut again = hello.clone();
    again["send"]["attempt"] = json!(1);
    a.send(&again);
    assert_eq!(a.until("ack")["message_id"], ack["message_id"]);
}
