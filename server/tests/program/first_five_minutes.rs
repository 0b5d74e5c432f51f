//! The first five minutes of somebody new: register, log in, chat, kill -9, start again, everything is there.

use serde_json::json;

use crate::http::{get_as, new_user, post};
use crate::process::{Tidegate, loud_lines, until};
use crate::socket::{Socket, send_frame};

#[test]
fn first_five_minutes() {
    let folder = tempfile::tempdir().unwrap();
    let server = Tidegate::start(folder.path());
    let register = server.url("/api/v1/auth/register");
    let sample = json!({
        "username": "testuser", "nickname": "测试用户", "email": "test@example.com", "password": "123456"
    });
    assert_eq!(post(&register, &sample).status, 201);
    assert_eq!(post(&register, &sample).status, 409);
    let bob = new_user(&server, "bob", "654321");

    let login = server.url("/api/v1/auth/login");
    let alice = post(&login, &json!({ "username": "testuser", "password": "123456" }));
    assert_eq!(alice.status, 200);
    let alice = alice.json()["access_token"].as_str().unwrap().to_owned();
    let wrong = post(&login, &json!({ "username": "testuser", "password": "12345" }));
    let unknown = post(&login, &json!({ "username": "nobody", "password": "12345" }));
    assert_eq!((wrong.status, unknown.status), (401, 401));
    assert_eq!(wrong.json()["code"], unknown.json()["code"], "nobody learns which names exist");

    assert_eq!(Socket::try_open(&server, "?token=nonsense").err(), Some(401));
    let (mut a, mut b) = (Socket::open(&server, &alice), Socket::open(&server, &bob.token));
    let hello = send_frame("01890a5d-ac96-774b-bcce-b302099a8057", &bob.id, "Hello, World!");
    a.send(&hello);
    let ack = a.until("ack");
    assert_eq!(ack["seq"], "1");
    let event = b.until("event");
    assert_eq!((&event["seq"], &event["body"]["text"]), (&json!("1"), &json!("Hello, World!")));
    assert_eq!(event["message_id"], ack["message_id"]);

    assert_eq!(loud_lines(&server.kill()), Vec::<&str>::new());
    let server = Tidegate::start(folder.path());
    assert!(server.greeting.contains("opened, with what was in it"), "{}", server.greeting);

    // Lists are made of the log; what the killed process still owed them is made up after the start.
    let list = until(|| {
        let list = get_as(&server.url("/api/v1/conversations"), &bob.token).json();
        list["conversations"].as_array().is_some_and(|listed| !listed.is_empty()).then_some(list)
    });
    let conversation = &list["conversations"][0];
    assert_eq!(conversation["conversation"], ack["conversation"], "{list}");
    assert_eq!(conversation["unread"], "1", "{list}");
    let id = ack["conversation"].as_str().unwrap();
    let history = get_as(&server.url(&format!("/api/v1/conversations/{id}/messages")), &bob.token).json();
    let messages = history["messages"].as_array().unwrap();
    assert_eq!(messages.len(), 1, "{history}");
    assert_eq!((&messages[0]["seq"], &messages[0]["body"]["text"]), (&json!("1"), &json!("Hello, World!")));

    // The client did not see an ack, say, and sends again: it is the same message.
    let mut a = Socket::open(&server, &alice);
    let mut again = hello;
    again["send"]["attempt"] = json!(1);
    a.send(&again);
    assert_eq!(a.until("ack")["message_id"], ack["message_id"]);
}
