//! Where only friends write to each other, nobody is told that they were turned down, and who ends a friendship ends it for themselves.

use serde_json::{Value, json};

use super::{Person, contact, event, is, is_friend, people, presence, say, synced};
use crate::http::{delete_as, patch_as};
use crate::places::{self, Places};
use crate::process::until;

const POLICIES: [(&str, &str); 3] = [
    ("TIDEGATE_ROUTER__FRIENDS_ONLY", "true"),
    ("TIDEGATE_ROUTER__FRIEND_REJECTIONS_TOLD", "false"),
    ("TIDEGATE_ROUTER__FRIEND_REMOVAL", "one"),
];

#[test]
fn in_one_process() {
    places::in_one_process(&POLICIES, life);
}

#[test]
fn in_a_cluster() {
    places::in_a_cluster(&POLICIES, life);
}

fn life(at: &Places<'_>) {
    let [mut anna, mut bert] = people(at);
    strangers_do_not_write(at, &mut anna, &mut bert);
    who_is_turned_down_sees_an_open_request(at, &mut anna, &mut bert);
    // Who turned it down may ask, too; as both have asked, they are friends.
    is(&at.post("/friends/apply", &bert.user, &json!({"user_id": anna.user.id})), 200);
    contact(&mut anna.one, |contact| contact["incoming"].is_object());
    is(&at.post("/friends/apply", &anna.user, &json!({"user_id": bert.user.id})), 200);
    friends_write(at, &mut anna, &mut bert, 10);
    who_ends_it_ends_it_for_themselves(at, &mut anna, &mut bert);
    let path = format!("/friends/requests/{}/accept", anna.user.id);
    is(&at.post("/friends/apply", &anna.user, &json!({"user_id": bert.user.id})), 200);
    is(&at.post(&path, &bert.user, &json!({})), 200);
    friends_write(at, &mut anna, &mut bert, 30);
}

fn strangers_do_not_write(at: &Places<'_>, anna: &mut Person, bert: &mut Person) {
    assert_eq!(say(&mut anna.one, 1, &bert.user).expect_err("strangers")["code"], json!(1104), "NOT_FRIENDS");
    assert_eq!(say(&mut bert.other, 2, &anna.user).expect_err("strangers")["code"], json!(1104));
    let message = json!({"to_user": bert.user.id, "body": {"text": "hello?"}});
    let refused = at.post("/messages", &anna.user, &message);
    assert_eq!((refused.status, &refused.json()["name"]), (403, &json!("NOT_FRIENDS")), "{}", refused.text);
}

fn who_is_turned_down_sees_an_open_request(at: &Places<'_>, anna: &mut Person, bert: &mut Person) {
    let apply = json!({"user_id": bert.user.id, "note": "it is me"});
    is(&at.post("/friends/apply", &anna.user, &apply), 200);
    let asked = contact(&mut anna.one, |contact| contact["outgoing"].is_object());
    contact(&mut bert.one, |contact| contact["incoming"]["note"] == "it is me");
    let before = at.listed("/friends/requests", &anna.user);
    is(&at.post(&format!("/friends/requests/{}/reject", anna.user.id), &bert.user, &json!({})), 200);
    contact(&mut bert.one, |contact| contact.get("incoming").is_none());
    // Also who asks again learns nothing by it, and the other is asked once.
    is(&at.post("/friends/apply", &anna.user, &apply), 200);
    assert_eq!((before.len(), at.listed("/friends/requests", &anna.user)), (1, before.clone()));
    assert_eq!(of(&synced(&mut anna.one, "").1, bert), Some(&asked), "as it was");
    assert!(at.listed("/friends/requests", &bert.user).is_empty());
    assert_eq!(say(&mut anna.one, 3, &bert.user).expect_err("strangers")["code"], json!(1104));
}

fn friends_write(at: &Places<'_>, anna: &mut Person, bert: &mut Person, number: u32) {
    for person in [&mut *anna, &mut *bert] {
        contact(&mut person.other, is_friend);
    }
    for person in [&*anna, &*bert] {
        assert_eq!(at.listed("/friends", &person.user).len(), 1);
    }
    assert!(say(&mut anna.one, number, &bert.user).is_ok());
    event(&mut bert.other, &format!("number {number}"));
    assert!(say(&mut bert.one, number + 1, &anna.user).is_ok());
    event(&mut anna.other, &format!("number {}", number + 1));
}

fn who_ends_it_ends_it_for_themselves(at: &Places<'_>, anna: &mut Person, bert: &mut Person) {
    for person in [&*anna, &*bert] {
        is(&patch_as(&at.url("/users/me"), &person.user.token, &json!({"presence": "contacts"})), 200);
    }
    until(|| (presence(at, &anna.user, &bert.user) == "online").then_some(()));
    let before = of(&synced(&mut bert.one, "").1, anna).cloned();
    is(&delete_as(&at.url(&format!("/friends/{}", bert.user.id)), &anna.user.token), 200);
    contact(&mut anna.other, |contact| !is_friend(contact));
    assert!(at.listed("/friends", &anna.user).is_empty());
    // The other keeps a friend in the list, who counts as none.
    assert_eq!(at.listed("/friends", &bert.user).len(), 1);
    assert_eq!(of(&synced(&mut bert.one, "").1, anna), before.as_ref(), "not told");
    assert_eq!(say(&mut anna.one, 20, &bert.user).expect_err("no friends")["code"], json!(1104));
    assert_eq!(say(&mut bert.one, 21, &anna.user).expect_err("no friends")["code"], json!(1104));
    for (one, other) in [(&*anna, &*bert), (&*bert, &*anna)] {
        until(|| (presence(at, &one.user, &other.user) == "offline").then_some(()));
    }
}

/// What is told of this one.
fn of<'a>(contacts: &'a [Value], person: &Person) -> Option<&'a Value> {
    contacts.iter().find(|contact| contact["user"] == person.user.id.as_str())
}
