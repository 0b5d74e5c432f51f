//! What a user keeps for themselves: set on one device and seen on another, also one that was away, and by nobody else.
//! Through real sockets and HTTP, in one process and, where the services are, in a cluster.

use serde_json::{Value, json};

use crate::http::{User, get_as, new_user, patch_as, post_as};
use crate::places::{self, Places};
use crate::process::until;
use crate::socket::Socket;

#[test]
fn in_one_process() {
    places::in_one_process(&[], devices_of_one_user_agree);
}

#[test]
fn in_a_cluster() {
    places::in_a_cluster(&[], devices_of_one_user_agree);
}

fn devices_of_one_user_agree(at: &Places<'_>) {
    let [anna, bert] = ["anna", "bert"].map(|name| new_user(at.api, name, "a long secret"));
    let mut a = Socket::open(at.near, &anna.token);
    let mut phone = Socket::open(at.near, &bert.token);
    let mut laptop = Socket::open(at.far, &bert.token);
    let mut conversation = Value::Null;
    for number in 1..=5 {
        let id = format!("01890a5d-ac96-774b-bcce-b3020000000{number}");
        a.send(&json!({"send": {"client_message_id": id, "to_user": bert.id, "body": {"text": number.to_string()}}}));
        conversation = a.until("ack")["conversation"].clone();
        for socket in [&mut phone, &mut laptop] {
            assert_eq!(socket.until("event")["seq"], json!(number.to_string()));
        }
    }
    let path = format!("/conversations/{}", conversation.as_str().expect("an id"));

    phone.send(
        &json!({"conversation_set": {"conversation": conversation, "pinned": true, "draft": "see you"}}),
    );
    let set = phone.until("settings");
    assert_eq!((&set["pinned"], &set["draft"]), (&json!(true), &json!("see you")));
    assert_eq!(laptop.until("settings"), set, "the other device has the same");
    let muted = patch_as(&at.url(&path), &bert.token, &json!({"muted_until": "9000000000000"}));
    assert_eq!(muted.status, 200, "{}", muted.text);
    for socket in [&mut phone, &mut laptop] {
        assert_eq!(socket.until("settings")["muted_until"], json!("9000000000000"), "what HTTP changed, too");
    }

    laptop.send(&json!({"sync": {}}));
    let cursor = laptop.until("delta")["cursor"].clone();
    drop(laptop);
    phone.send(&json!({"delete_for_me": {"conversation": conversation, "seqs": ["4"]}}));
    assert_eq!(phone.until("settings")["deleted_seqs"], json!(["4"]));
    phone.send(&json!({"clear": {"conversation": conversation, "seq": "2"}}));
    let kept = phone.until("settings");
    assert_eq!((&kept["cleared_seq"], &kept["pinned"]), (&json!("2"), &json!(true)));

    let mut laptop = Socket::open(at.far, &bert.token);
    laptop.send(&json!({"sync": {"cursor": cursor}}));
    let delta = laptop.until("delta");
    assert_eq!(delta["conversations"][0]["settings"], kept, "what happened while it was away");
    assert_eq!(delta["conversations"][0]["read_seq"], json!("2"));
    laptop.send(&json!({"fetch": {"conversation": conversation}}));
    assert_eq!(seqs(&laptop.until("page")["entries"]), ["3", "5"]);
    a.send(&json!({"fetch": {"conversation": conversation}}));
    let page = a.until("page");
    assert_eq!(seqs(&page["entries"]), ["1", "2", "3", "4", "5"], "nobody else lost anything");
    the_badge_says(at, &bert, &json!({"unread": "0", "muted_unread": "3"}));
    let unmuted = patch_as(&at.url(&path), &bert.token, &json!({"muted_until": "0"}));
    assert_eq!(unmuted.status, 200, "{}", unmuted.text);
    the_badge_says(at, &bert, &json!({"unread": "3", "muted_unread": "0"}));
    let cleared = post_as(&at.url(&format!("{path}/clear")), &bert.token, &json!({}));
    assert_eq!(cleared.json()["cleared_seq"], json!("5"), "{}", cleared.text);
    the_badge_says(at, &bert, &json!({"unread": "0", "muted_unread": "0"}));
    the_badge_says(at, &anna, &json!({"unread": "0", "muted_unread": "0"}));
}

fn seqs(entries: &Value) -> Vec<&str> {
    entries.as_array().expect("entries").iter().map(|entry| entry["seq"].as_str().expect("a seq")).collect()
}

/// Badges follow the log within moments.
fn the_badge_says(at: &Places<'_>, user: &User, expected: &Value) {
    until(|| {
        let badge = get_as(&at.url("/conversations/badge"), &user.token).json();
        expected.as_object().expect("members").iter().all(|(name, value)| badge[name] == *value).then_some(())
    });
}
