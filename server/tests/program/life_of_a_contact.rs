//! The life of a contact: asked, turned down, asked again, accepted, named, blocked, heard again, ended. Through real sockets
//! and HTTP, in one process and, where the services are, in a cluster.

mod by_policy;

use std::thread;

use serde_json::{Value, json};

use crate::http::{Answer, User, delete_as, get_as, new_user, patch_as, post_as};
use crate::places::{self, Places};
use crate::process::until;
use crate::socket::Socket;
use crate::stand::{frame, status};

impl Places<'_> {
    /// What is listed there for a user.
    fn listed(&self, path: &str, user: &User) -> Vec<Value> {
        let page = is(&get_as(&self.url(path), &user.token), 200);
        page["contacts"].as_array().expect("contacts").clone()
    }

    fn post(&self, path: &str, user: &User, body: &Value) -> Answer {
        post_as(&self.url(path), &user.token, body)
    }
}

/// A user with two devices, and where each is heard.
struct Person {
    user: User,
    one: Socket,
    other: Socket,
}

#[test]
fn in_one_process() {
    places::in_one_process(&[], life);
}

#[test]
fn in_a_cluster() {
    places::in_a_cluster(&[], life);
}

fn people(at: &Places<'_>) -> [Person; 2] {
    ["anna", "bert"].map(|name| {
        let user = new_user(at.api, name, "a long secret");
        let (one, other) = (Socket::open(at.near, &user.token), Socket::open(at.far, &user.token));
        Person { user, one, other }
    })
}

fn life(at: &Places<'_>) {
    let [mut anna, mut bert] = people(at);
    let cursor = synced(&mut anna.one, "");
    one_is_found_by_the_nickname_that_one_has(at, &anna, &bert);
    a_request_is_turned_down_and_made_again(at, &mut anna, &mut bert);
    a_remark_is_for_oneself_alone(at, &mut anna, &bert);
    each_shows_what_they_want(at, &anna, &bert);
    a_block_holds_for_the_next_message(at, &mut anna, &mut bert);
    the_end_is_for_both(at, &mut anna, &mut bert);
    who_ask_each_other_in_the_same_moment_are_friends_once(at, &mut anna, &mut bert);
    the_end_is_for_both(at, &mut anna, &mut bert);
    who_was_away_hears_of_the_end(&mut anna, &bert, &cursor.0);
}

fn one_is_found_by_the_nickname_that_one_has(at: &Places<'_>, anna: &Person, bert: &Person) {
    let found = |prefix: &str| {
        let found = is(&get_as(&at.url(&format!("/users/search?prefix={prefix}")), &anna.user.token), 200);
        found["users"].as_array().expect("users").clone()
    };
    for (nickname, prefix) in [("Großer Bär", "GRO%C3%9Fer%20b"), ("\u{738b}\u{4f1f}", "%E7%8E%8B%E4%BC%9F")]
    {
        is(&patch_as(&at.url("/users/me"), &bert.user.token, &json!({"nickname": nickname})), 200);
        let users = found(prefix);
        assert_eq!((users.len(), &users[0]["user_id"]), (1, &json!(bert.user.id)), "{users:?}");
        assert_eq!(users[0]["nickname"], nickname);
    }
    assert!(found("gro%C3%9F").is_empty(), "nobody is called so any more");
}

fn a_request_is_turned_down_and_made_again(at: &Places<'_>, anna: &mut Person, bert: &mut Person) {
    let found = is(&get_as(&at.url("/users/search?prefix=BER"), &anna.user.token), 200);
    let id = &found["users"][0]["user_id"];
    assert_eq!(*id, json!(bert.user.id), "{found}");
    let apply = json!({"user_id": id, "note": "it is me"});
    for _ in 0..2 {
        is(&at.post("/friends/apply", &anna.user, &apply), 200);
    }
    let asked = contact(&mut bert.one, |contact| contact["incoming"]["note"] == "it is me");
    assert_eq!(asked["version"], json!("1"));
    assert_eq!(at.listed("/friends/requests", &bert.user).len(), 1, "asked twice, one request");
    let path = format!("/friends/requests/{}", anna.user.id);
    is(&at.post(&format!("{path}/reject"), &bert.user, &json!({})), 200);
    contact(&mut anna.other, |contact| contact["version"] == "2" && contact.get("outgoing").is_none());
    let none = at.post(&format!("{path}/accept"), &bert.user, &json!({}));
    assert_eq!((none.status, &none.json()["name"]), (404, &json!("NOT_FOUND")));
    is(&at.post("/friends/apply", &anna.user, &apply), 200);
    is(&at.post(&format!("{path}/accept"), &bert.user, &json!({})), 200);
    // Each on both devices, and in the lists of both.
    for person in [anna, bert] {
        for socket in [&mut person.one, &mut person.other] {
            contact(socket, is_friend);
        }
        assert_eq!(at.listed("/friends", &person.user).len(), 1);
        assert!(at.listed("/friends/requests", &person.user).is_empty());
    }
}

fn a_remark_is_for_oneself_alone(at: &Places<'_>, anna: &mut Person, bert: &Person) {
    let (path, before) = (at.url(&format!("/friends/{}", bert.user.id)), at.listed("/friends", &bert.user));
    let fifty = "é".repeat(50);
    is(&patch_as(&path, &anna.user.token, &json!({"remark": fifty})), 200);
    contact(&mut anna.other, |contact| contact["remark"] == fifty.as_str());
    let longer = patch_as(&path, &anna.user.token, &json!({"remark": "é".repeat(51)}));
    assert_eq!((longer.status, &longer.json()["name"]), (400, &json!("BAD_FIELD")));
    assert_eq!(at.listed("/friends", &bert.user), before, "nothing for the other's eyes");
}

fn each_shows_what_they_want(at: &Places<'_>, anna: &Person, bert: &Person) {
    let change = |change: Value| is(&patch_as(&at.url("/users/me"), &bert.user.token, &change), 200);
    change(
        json!({"avatar": "file:1", "phone": "110", "fields": {"team": {"value": "blue", "public": true}}}),
    );
    let seen = is(&get_as(&at.url(&format!("/users/{}", bert.user.id)), &anna.user.token), 200);
    assert_eq!((&seen["avatar"], &seen["fields"]), (&json!("file:1"), &json!({"team": "blue"})));
    assert!(seen.get("phone").is_none() && seen.get("email").is_none(), "{seen}");
    let stranger = new_user(at.api, "cora", "a long secret");
    for (audience, friend_sees, stranger_sees) in [
        ("nobody", "offline", "offline"),
        ("contacts", "online", "offline"),
        ("everyone", "online", "online"),
    ] {
        change(json!({"presence": audience}));
        // Where gateways tell it to another process, that takes its moment.
        for (who, sees) in [(&anna.user, friend_sees), (&stranger, stranger_sees)] {
            until(|| (presence(at, &bert.user, who) == sees).then_some(()));
        }
    }
}

fn presence(at: &Places<'_>, of: &User, seen_by: &User) -> String {
    let found = is(&get_as(&at.url(&format!("/users/{}/presence", of.id)), &seen_by.token), 200);
    found["state"].as_str().expect("a state").to_owned()
}

fn a_block_holds_for_the_next_message(at: &Places<'_>, anna: &mut Person, bert: &mut Person) {
    assert!(say(&mut anna.one, 1, &bert.user).is_ok());
    let group = json!({"group_id": "both", "name": "Both", "member_ids": [bert.user.id]});
    is(&at.post("/groups", &anna.user, &group), 201);

    is(&at.post("/blocks", &bert.user, &json!({"user_id": anna.user.id})), 200);
    // The answer came, so it holds: for a socket, for HTTP, in both directions, from any device.
    let refused = say(&mut anna.one, 2, &bert.user).expect_err("blocked");
    assert_eq!(refused["code"], json!(1103), "BLOCKED: {refused}");
    assert_eq!(say(&mut bert.other, 3, &anna.user).expect_err("blocked")["code"], refused["code"]);
    let body = json!({"to_user": bert.user.id, "body": {"text": "hello?"}});
    let http = at.post("/messages", &anna.user, &body);
    assert_eq!((http.status, &http.json()["name"]), (403, &json!("BLOCKED")));
    assert_eq!(presence(at, &bert.user, &anna.user), "offline");
    assert_eq!(status(at.api, &bert.user), "online", "not for oneself");
    assert_eq!(at.listed("/blocks", &bert.user).len(), 1);
    assert!(at.listed("/blocks", &anna.user).is_empty(), "nobody is told");
    // Groups go on.
    anna.one.send(&json!({"send": {"client_message_id": "01890a5d-ac96-774b-bccd-000000000001",
        "conversation": "g.both", "body": {"text": "all of you"}}}));
    event(&mut bert.one, "all of you");

    is(&delete_as(&at.url(&format!("/blocks/{}", anna.user.id)), &bert.user.token), 200);
    assert!(say(&mut anna.one, 4, &bert.user).is_ok());
    event(&mut bert.other, "number 4");
    assert_eq!(presence(at, &bert.user, &anna.user), "online");
    let texts = get_as(
        &at.url(&format!("/conversations/{}/messages?limit=50", direct(anna, bert))),
        &bert.user.token,
    );
    let texts: Vec<Value> = is(&texts, 200)["messages"].as_array().expect("messages").clone();
    let texts: Vec<&str> = texts.iter().filter_map(|message| message["body"]["text"].as_str()).collect();
    assert_eq!(texts, ["number 1", "number 4"], "nothing of what was refused");
}

fn who_ask_each_other_in_the_same_moment_are_friends_once(
    at: &Places<'_>,
    anna: &mut Person,
    bert: &mut Person,
) {
    thread::scope(|scope| {
        for (one, other) in [(&anna.user, &bert.user), (&bert.user, &anna.user)] {
            scope.spawn(move || is(&at.post("/friends/apply", one, &json!({"user_id": other.id})), 200));
        }
    });
    for person in [anna, bert] {
        for socket in [&mut person.one, &mut person.other] {
            contact(socket, is_friend);
        }
        assert_eq!(at.listed("/friends", &person.user).len(), 1);
        assert!(at.listed("/friends/requests", &person.user).is_empty());
    }
}

fn the_end_is_for_both(at: &Places<'_>, anna: &mut Person, bert: &mut Person) {
    is(&delete_as(&at.url(&format!("/friends/{}", bert.user.id)), &anna.user.token), 200);
    for person in [anna, bert] {
        for socket in [&mut person.one, &mut person.other] {
            contact(socket, |contact| !is_friend(contact) && contact.get("blocked").is_none());
        }
        assert!(at.listed("/friends", &person.user).is_empty());
    }
}

/// One cursor for everything: what was between brings the contact in its present state.
fn who_was_away_hears_of_the_end(anna: &mut Person, bert: &Person, cursor: &str) {
    let (_, contacts) = synced(&mut anna.one, cursor);
    let of_bert: Vec<&Value> =
        contacts.iter().filter(|contact| contact["user"] == bert.user.id.as_str()).collect();
    assert_eq!(of_bert.len(), 1, "{contacts:?}");
    assert!(!is_friend(of_bert[0]) && of_bert[0].get("remark").is_none(), "{contacts:?}");
    assert!(synced(&mut anna.one, "").1.is_empty(), "nobody who starts anew needs to hear of it");
}

/// The cursor and the contacts of a whole `sync`.
fn synced(socket: &mut Socket, cursor: &str) -> (String, Vec<Value>) {
    let (mut cursor, mut contacts) = (cursor.to_owned(), Vec::new());
    loop {
        socket.send(&json!({"sync": {"cursor": cursor}}));
        let delta = socket.until("delta");
        contacts.extend(delta["contacts"].as_array().into_iter().flatten().cloned());
        delta["cursor"].as_str().expect("a cursor").clone_into(&mut cursor);
        if delta["more"] != json!(true) {
            return (cursor, contacts);
        }
    }
}

fn is_friend(contact: &Value) -> bool {
    contact.get("friend_since").is_some()
}

/// Reads until a contact that fits.
fn contact(socket: &mut Socket, fits: impl Fn(&Value) -> bool) -> Value {
    loop {
        let contact = socket.until("contact");
        if fits(&contact) {
            return contact;
        }
    }
}

/// Reads until the event with that text.
fn event(socket: &mut Socket, text: &str) {
    while socket.until("event")["body"]["text"] != text {}
}

/// Sends, and reads to the answer.
fn say(socket: &mut Socket, number: u32, to: &User) -> Result<Value, Value> {
    let frame = frame(number, &to.id, &format!("number {number}"));
    socket.send(&frame);
    until(|| socket.answer_to(&frame["send"]["client_message_id"]))
}

fn direct(anna: &Person, bert: &Person) -> String {
    let mut ids = [anna.user.id.as_str(), bert.user.id.as_str()];
    ids.sort_unstable();
    format!("d.{}.{}", ids[0], ids[1])
}

#[track_caller]
fn is(answer: &Answer, status: u16) -> Value {
    assert_eq!(answer.status, status, "{}", answer.text);
    answer.json()
}
