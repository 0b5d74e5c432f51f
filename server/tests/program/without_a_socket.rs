//! A client that only uses HTTP follows everything by one cursor: messages, reactions, what its user reads and sets on another device,
//! contacts, membership. In one process and, where the services are, in a cluster.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::http::{User, get_as, new_user, post_as};
use crate::places::{self, Places};
use crate::process::until;
use crate::socket::Socket;
use crate::stand::say;

#[test]
fn in_one_process() {
    places::in_one_process(&[], one_follows_over_http);
}

#[test]
fn in_a_cluster() {
    places::in_a_cluster(&[], one_follows_over_http);
}

/// What a client holds that asks with `sync` and nothing else.
struct Replica<'a> {
    at: &'a Places<'a>,
    user: &'a User,
    cursor: String,
    conversations: BTreeMap<String, Value>,
    contacts: BTreeMap<String, Value>,
}

impl<'a> Replica<'a> {
    fn new(at: &'a Places<'a>, user: &'a User) -> Self {
        let (conversations, contacts) = (BTreeMap::new(), BTreeMap::new());
        Self { at, user, cursor: String::new(), conversations, contacts }
    }

    fn ask(&self) -> Value {
        let answer = get_as(&self.at.url(&format!("/sync?cursor={}", self.cursor)), &self.user.token);
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json()
    }

    fn follow(&mut self) {
        loop {
            let told = self.ask();
            if told["too_long"].is_object() {
                *self = Self::new(self.at, self.user);
                continue;
            }
            for line in told["conversations"].as_array().expect("lines") {
                self.conversations.insert(text(&line["conversation"]), line.clone());
            }
            for contact in told["contacts"].as_array().expect("contacts") {
                self.contacts.insert(text(&contact["user"]), contact.clone());
            }
            self.cursor = text(&told["cursor"]);
            if told["more"] == json!(false) {
                return;
            }
        }
    }

    /// Follows until a conversation is as it shall be.
    fn until_line(&mut self, conversation: &Value, is_so: impl Fn(&Value) -> bool) {
        let id = text(conversation);
        until(|| {
            self.follow();
            self.conversations.get(&id).is_some_and(&is_so).then_some(())
        });
    }

    fn until_contact(&mut self, user: &str, is_so: impl Fn(&Value) -> bool) {
        until(|| {
            self.follow();
            self.contacts.get(user).is_some_and(&is_so).then_some(())
        });
    }
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

fn one_follows_over_http(at: &Places<'_>) {
    let [anna, bert] = ["anna", "bert"].map(|name| new_user(at.api, name, "a long secret"));
    let mut b = Socket::open(at.near, &bert.token);
    let mut laptop = Socket::open(at.far, &anna.token);
    let mut phone = Replica::new(at, &anna);
    phone.follow();
    assert!(phone.conversations.is_empty() && phone.contacts.is_empty());

    say(&mut b, 1, &anna.id, "one");
    let conversation = say(&mut b, 2, &anna.id, "two")["conversation"].clone();
    phone.until_line(&conversation, |line| line["head"] == "2");
    let line = &phone.conversations[&text(&conversation)];
    assert_eq!((&line["unread"], &line["last"]["body"]["text"]), (&json!("2"), &json!("two")));
    phone_says_that_it_has_them(at, &anna, &conversation, &mut b);

    laptop.send(&json!({"read": {"conversation": conversation, "seq": "1"}}));
    phone.until_line(&conversation, |line| line["read_seq"] == "1" && line["unread"] == "1");
    let react = json!({"client_message_id": "01890a5d-ac96-774b-bcce-b30200000003", "conversation": conversation, "seq": "1", "reaction": "👍"});
    b.send(&json!({ "react": react }));
    assert_eq!(b.until("ack")["seq"], json!("3"));
    phone.until_line(&conversation, |line| line["head"] == "3" && line["unread"] == "1");
    let page =
        get_as(&at.url(&format!("/conversations/{}/messages", text(&conversation))), &anna.token).json();
    assert_eq!(page["overlays"][0]["reactions"][0]["reaction"], json!("👍"), "{page}");
    laptop
        .send(&json!({"conversation_set": {"conversation": conversation, "pinned": true, "draft": "well"}}));
    phone.until_line(&conversation, |line| {
        line["settings"]["pinned"] == true && line["settings"]["draft"] == "well"
    });

    contacts_are_followed(at, (&anna, &bert), &mut phone);
    membership_is_followed(at, (&anna, &bert), &mut phone);
    phone_has_what_a_socket_is_told(&mut laptop, &mut phone);
    a_cursor_from_long_ago_leads_to_a_snapshot(&mut phone);
}

fn phone_says_that_it_has_them(at: &Places<'_>, anna: &User, conversation: &Value, b: &mut Socket) {
    let delivered = at.url(&format!("/conversations/{}/delivered", text(conversation)));
    assert_eq!(post_as(&delivered, &anna.token, &json!({"seq": "2"})).status, 204);
    let receipt = until(|| Some(b.until("receipt")).filter(|receipt| receipt["user"] == json!(anna.id)));
    assert_eq!(receipt["delivered_seq"], json!("2"));
    let typing = post_as(&at.url("/typing"), &anna.token, &json!({"conversation": conversation}));
    assert_eq!(typing.status, 204, "{}", typing.text);
    assert_eq!(b.until("typing")["user"], json!(anna.id));
}

fn contacts_are_followed(at: &Places<'_>, (anna, bert): (&User, &User), phone: &mut Replica<'_>) {
    let apply = json!({"user_id": anna.id, "note": "we met"});
    assert_eq!(post_as(&at.url("/friends/apply"), &bert.token, &apply).status, 200);
    phone.until_contact(&bert.id, |contact| contact["incoming"]["note"] == "we met");
    let accept = at.url(&format!("/friends/requests/{}/accept", bert.id));
    assert_eq!(post_as(&accept, &anna.token, &json!({})).status, 200);
    phone.until_contact(&bert.id, |contact| {
        contact["friend_since"].is_string() && contact["incoming"].is_null()
    });
}

fn membership_is_followed(at: &Places<'_>, (anna, bert): (&User, &User), phone: &mut Replica<'_>) {
    let group = json!({"name": "Team", "member_ids": [anna.id]});
    let made = post_as(&at.url("/groups"), &bert.token, &group).json();
    let (id, conversation) = (text(&made["group_id"]), &made["conversation"]);
    phone.until_line(conversation, |line| line["left"] == false && line["name"] == "Team");
    let remove = at.url(&format!("/groups/{id}/members/{}", anna.id));
    assert_eq!(crate::http::delete_as(&remove, &bert.token).status, 200);
    phone.until_line(conversation, |line| line["left"] == true);
}

/// Member by member what a socket is told of the same state, but for what is empty there.
fn phone_has_what_a_socket_is_told(laptop: &mut Socket, phone: &mut Replica<'_>) {
    laptop.send(&json!({"sync": {}}));
    let delta = laptop.until("delta");
    phone.follow();
    let lines = delta["conversations"].as_array().expect("lines");
    assert!(!lines.is_empty());
    for line in lines {
        holds(&phone.conversations[&text(&line["conversation"])], line);
    }
    let contacts = delta["contacts"].as_array().expect("contacts");
    assert_eq!(contacts.len(), 1);
    for contact in contacts {
        holds(&phone.contacts[&text(&contact["user"])], contact);
    }
}

#[track_caller]
fn holds(whole: &Value, part: &Value) {
    match part {
        Value::Object(members) => members.iter().for_each(|(name, value)| holds(&whole[name], value)),
        part => assert_eq!(whole, part),
    }
}

fn a_cursor_from_long_ago_leads_to_a_snapshot(phone: &mut Replica<'_>) {
    phone.cursor = "1.0.0.0.".to_owned();
    assert_eq!(phone.ask(), json!({"too_long": {}}));
    let held = std::mem::take(&mut phone.conversations);
    phone.contacts.clear();
    phone.follow();
    let direct = held.into_iter().filter(|(_, line)| line["left"] == false);
    for (id, line) in direct {
        assert_eq!(phone.conversations[&id], line, "the snapshot is the state that was followed");
    }
    assert_eq!(phone.contacts.len(), 1);
}
