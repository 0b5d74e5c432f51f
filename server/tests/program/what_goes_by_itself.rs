//! What goes by itself: a message that expires and entries that are no longer kept, for sockets and HTTP, for who is there and who comes
//! later. In one process and, where the services are, in a cluster.

use serde_json::{Value, json};

use crate::http::{User, get, get_as, new_user, post_as, put_as};
use crate::places::{self, Places};
use crate::process::until;
use crate::socket::Socket;

const SECRET: &str = "the code is 1234";
/// Small buckets, and a look at them each moment.
const SETTINGS: &[(&str, &str)] =
    &[("TIDEGATE_ROUTER__BUCKET_ENTRIES_MAX", "64"), ("TIDEGATE_ROUTER__RETENTION_SWEEP", "100ms")];

#[test]
fn in_one_process() {
    places::in_one_process(SETTINGS, |at| {
        let talk = it_goes(at);
        until(|| {
            let metrics = get(&at.api.admin_url("/metrics")).text;
            let mut dropped = metrics.lines().filter(|line| line.starts_with("router_buckets_dropped_total"));
            dropped.any(|line| !line.ends_with(" 0")).then_some(())
        });
        the_log_goes_on(talk);
    });
}

#[test]
fn in_a_cluster() {
    places::in_a_cluster(SETTINGS, |at| the_log_goes_on(it_goes(at)));
}

/// Two who talk, and where.
struct Talk {
    a: Socket,
    b: Socket,
    bert: User,
    conversation: Value,
}

fn it_goes(at: &Places<'_>) -> Talk {
    let [anna, bert, eve] = ["anna", "bert", "eve"].map(|name| new_user(at.api, name, "a long secret"));
    let mut a = Socket::open(at.near, &anna.token);
    let mut b = Socket::open(at.far, &bert.token);
    let body = json!({"text": SECRET, "expiry": {"after_seconds": 1}});
    a.send(&json!({"send": {"client_message_id": id(1), "to_user": bert.id, "body": body}}));
    let conversation = a.until("ack")["conversation"].clone();
    let event = b.until("event");
    assert_eq!(event["body"]["text"], json!(SECRET), "{event}");
    assert!(event["body"]["expiry"]["time"].is_string(), "clients count down to it: {event}");
    it_has_expired(at, &bert, &conversation, &mut b);
    b.send(&json!({"react": {"client_message_id": id(2), "conversation": conversation, "seq": "1", "reaction": "👍"}}));
    assert_eq!(b.until_any(&["nack"]).1["code"], json!(1304), "EXPIRED");
    for (socket, user) in [(&mut a, &anna), (&mut b, &bert)] {
        nobody_is_told_who_read_it(at, &conversation, socket, user);
    }

    who_may_set_what_is_kept(at, (&anna, &bert, &eve), &conversation);
    for number in 10..=74 {
        let text = number.to_string();
        let send = json!({"client_message_id": id(number), "to_user": bert.id, "body": {"text": text}, "ack": "none"});
        a.send(&json!({ "send": send }));
    }
    a.send(
        &json!({"set_retention": {"client_message_id": id(80), "conversation": conversation, "seconds": 1}}),
    );
    assert_eq!(a.until("ack")["seq"], json!("69"));
    let noticed = until(|| {
        Some(b.until("event"))
            .filter(|event| event["body"]["system"].is_object())
            .filter(|event| event["seq"] == "69")
    });
    assert_eq!(noticed["body"]["system"]["retention_set"]["seconds"], json!(1));
    nothing_is_left(at, &bert, &conversation, &mut b);
    Talk { a, b, bert, conversation }
}

/// What comes is there, at its place in the same log.
fn the_log_goes_on(Talk { mut a, mut b, bert, conversation }: Talk) {
    a.send(&json!({"set_retention": {"client_message_id": id(81), "conversation": conversation, "seconds": 3600}}));
    assert_eq!(a.until("ack")["seq"], json!("70"));
    a.send(&json!({"send": {"client_message_id": id(82), "to_user": bert.id, "body": {"text": "new"}}}));
    assert_eq!(a.until("ack")["seq"], json!("71"));
    b.send(&json!({"fetch": {"conversation": conversation, "from_seq": "71"}}));
    assert_eq!(b.until("page")["entries"][0]["body"], json!({"text": "new"}));
}

fn it_has_expired(at: &Places<'_>, bert: &User, conversation: &Value, b: &mut Socket) {
    until(|| {
        let found = get_as(&at.url(&messages(conversation)), &bert.token).json();
        (found["messages"][0]["body"]["expiry"]["expired"] == json!(true)).then_some(())
    });
    b.send(&json!({"fetch": {"conversation": conversation}}));
    let expired = b.until("page")["entries"][0].clone();
    assert_eq!(
        (&expired["seq"], expired["body"].as_object().map(serde_json::Map::len)),
        (&json!("1"), Some(1))
    );
    b.send(&json!({"sync": {}}));
    assert!(!b.until("delta").to_string().contains(SECRET));
    b.send(&json!({"versions": {"conversation": conversation, "seq": "1"}}));
    assert!(!b.until("versions").to_string().contains(SECRET));
    for path in [messages(conversation), "/conversations".to_owned()] {
        let found = get_as(&at.url(&path), &bert.token);
        assert_eq!(found.status, 200, "{}", found.text);
        assert!(!found.text.contains(SECRET), "{}", found.text);
    }
}

fn nobody_is_told_who_read_it(at: &Places<'_>, conversation: &Value, socket: &mut Socket, user: &User) {
    socket.send(&json!({"readers": {"conversation": conversation, "seq": "1"}}));
    let refused = socket.until_any(&["readers", "nack"]).1;
    assert_eq!((&refused["frame"], &refused["code"]), (&json!("readers"), &json!(1304)), "{refused}");
    let refused = get_as(&at.url(&format!("{}/1/readers", messages(conversation))), &user.token);
    let problem = refused.json();
    assert_eq!(
        (refused.status, &problem["code"], &problem["name"]),
        (410, &json!(1304), &json!("EXPIRED")),
        "{problem}"
    );
}

fn who_may_set_what_is_kept(at: &Places<'_>, (anna, bert, eve): (&User, &User, &User), direct: &Value) {
    let put = |conversation: &Value, user: &User, seconds: u64| {
        let path = format!("/conversations/{}/retention", conversation.as_str().expect("an id"));
        put_as(&at.url(&path), &user.token, &json!({ "seconds": seconds }))
    };
    for user in [anna, bert] {
        let set = put(direct, user, 3_600);
        assert_eq!(set.status, 201, "either side may: {}", set.text);
    }
    assert_eq!(put(direct, eve, 60).status, 403);
    assert_eq!(put(direct, anna, 1 << 40).status, 400);
    assert_eq!(put(direct, anna, 400_000_000).status, 400, "more than ten years");
    let made = post_as(&at.url("/groups"), &anna.token, &json!({"name": "Team", "member_ids": [bert.id]}));
    assert_eq!(made.status, 201, "{}", made.text);
    let team = json!(format!("g.{}", made.json()["group_id"].as_str().expect("an id")));
    for (user, status) in [(anna, 201), (bert, 403), (eve, 403)] {
        let set = put(&team, user, 86_400);
        assert_eq!(set.status, status, "{}", set.text);
    }
    until(|| {
        let listed = get_as(&at.url("/conversations"), &bert.token).json();
        let lines = listed["conversations"].as_array().expect("lines").clone();
        lines
            .iter()
            .any(|line| line["conversation"] == team && line["retention_seconds"] == 86_400)
            .then_some(())
    });
}

fn nothing_is_left(at: &Places<'_>, bert: &User, conversation: &Value, b: &mut Socket) {
    until(|| {
        let found = get_as(&at.url(&messages(conversation)), &bert.token).json();
        (found["messages"] == json!([])).then_some(())
    });
    b.send(&json!({"fetch": {"conversation": conversation}}));
    let page = b.until("page");
    assert_eq!((&page["from"], &page["head"]), (&json!("70"), &json!("69")), "{page}");
    assert!(page["entries"].as_array().is_none_or(Vec::is_empty), "{page}");
    until(|| {
        let listed = get_as(&at.url("/conversations"), &bert.token).json();
        let lines = listed["conversations"].as_array().expect("lines");
        let line = lines.iter().find(|line| line["conversation"] == *conversation)?;
        (line["head"] == "69" && line["last"].is_null() && line["retention_seconds"] == 1).then_some(())
    });
}

fn messages(conversation: &Value) -> String {
    format!("/conversations/{}/messages", conversation.as_str().expect("an id"))
}

fn id(number: u32) -> String {
    format!("01890a5d-ac96-774b-bcce-{number:012}")
}
