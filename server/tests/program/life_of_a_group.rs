//! The life of a group: made, talked in by several at once, kept in order, left and joined again, through a link too, handed over, ended.
//! Through real sockets and HTTP, in one process and, where the services are, in a cluster.

use std::collections::BTreeMap;
use std::thread;
use std::time::UNIX_EPOCH;

use serde_json::{Value, json};

use crate::http::{Answer, User, delete_as, get_as, get_unless, new_user, patch_as, post_as, put_as};
use crate::places::{self, FAST, Places};
use crate::process::until;
use crate::socket::Socket;

/// Sends of each of three members at once.
const SENDS: u32 = 334;

#[test]
fn in_one_process() {
    places::in_one_process(&FAST, life);
}

#[test]
fn in_a_cluster() {
    places::in_a_cluster(&FAST, life);
}

fn life(at: &Places<'_>) {
    let [anna, bert, cora, dora] =
        ["anna", "bert", "cora", "dora"].map(|name| new_user(at.api, name, "a long secret"));
    let mut a = Socket::open(at.near, &anna.token);
    let mut a2 = Socket::open(at.far, &anna.token);
    let mut b = Socket::open(at.far, &bert.token);
    let mut c = Socket::open(at.near, &cora.token);

    let body = json!({"group_id": "team", "name": "Team", "type": "group", "description": "us", "join": "request",
        "history": "from_joining", "member_ids": [bert.id, cora.id]});
    is(&post_as(&at.url("/groups"), &anna.token, &body), 201);
    for (socket, user) in [(&mut a, &anna), (&mut a2, &anna), (&mut b, &bert), (&mut c, &cora)] {
        let event = socket.until("event");
        assert_eq!(
            (&event["seq"], &event["body"]["system"]["created"]["name"]),
            (&json!("1"), &json!("Team"))
        );
        let listed = is(&get_as(&at.url("/groups"), &user.token), 200);
        assert_eq!(listed["groups"][0]["group_id"], json!("team"));
    }

    let ack = acknowledged(&mut a, 1);
    for socket in [&mut a2, &mut b, &mut c] {
        // Who joined just now may hear of that twice.
        while socket.until("event")["seq"] != ack["seq"] {}
    }
    everyone_sees_one_order([&mut a, &mut b, &mut c]);
    authors_learn_who_read(at, (&anna, &mut a), (&bert, &mut b));

    is(
        &put_as(
            &at.url(&format!("/groups/team/members/{}/role", bert.id)),
            &anna.token,
            &json!({"role": "admin"}),
        ),
        200,
    );
    who_is_muted_learns_for_how_long(at, &bert, &cora, &mut c);
    an_admin_takes_back_what_others_said(at, (&anna, &bert), &mut b, &mut c);
    a_stranger_changes_nothing(at, &anna, &dora);
    what_has_not_changed_is_not_sent_again(at, &anna, &bert);
    a_link_lets_in_until_it_ends(at, &anna, &dora);
    who_leaves_hears_no_more(at, (&anna, &mut a), &cora, &mut c);
    who_is_invited_need_not_guess(at, &anna, &dora);
    a_full_group_is_full(at, &anna);
    the_new_owner_ends_it(at, &anna, &bert, &mut b);
}

/// A thousand sends of three members at once: all see the same, 1 … n without a hole.
fn everyone_sees_one_order(sockets: [&mut Socket; 3]) {
    let last = u64::from(3 * SENDS) + 2;
    let seen: Vec<BTreeMap<u64, Value>> = thread::scope(|scope| {
        let talking = (1..).zip(sockets).map(|(number, socket)| {
            scope.spawn(move || {
                let mut seen = BTreeMap::new();
                for at in 0..SENDS {
                    socket.send(&frame(number * 10_000 + at));
                    while take(&mut seen, socket) != "ack" {}
                }
                while seen.last_key_value().is_none_or(|(seq, _)| *seq < last)
                    || seen.len() < 3 * SENDS as usize
                {
                    take(&mut seen, socket);
                }
                seen
            })
        });
        let talking: Vec<_> = talking.collect();
        talking.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    });
    assert!(seen.iter().all(|other| *other == seen[0]), "the same messages at the same places");
    assert!(seen[0].keys().copied().eq(3..=last), "without a hole");
}

/// Takes the next event or acknowledgement; says which it was.
fn take(seen: &mut BTreeMap<u64, Value>, socket: &mut Socket) -> &'static str {
    let (name, told) = socket.until_any(&["ack", "event", "nack"]);
    assert_ne!(name, "nack", "{told}");
    let seq = told["seq"].as_str().and_then(|seq| seq.parse().ok()).expect("a seq");
    // Whoever joined before may still hear of that.
    if seq > 2 {
        seen.insert(seq, told["client_message_id"].clone());
    }
    name
}

/// A group of few tells who wrote, once a second; and of any group it can be asked.
fn authors_learn_who_read(at: &Places<'_>, (anna, a): (&User, &mut Socket), (bert, b): (&User, &mut Socket)) {
    let ack = acknowledged(a, 8);
    b.send(&json!({"read": {"conversation": "g.team", "seq": ack["seq"]}}));
    loop {
        let receipt = a.until("receipt");
        if receipt["user"] == json!(bert.id) && receipt["read_seq"] == ack["seq"] {
            assert_eq!((&receipt["conversation"], &receipt["unread"]), (&json!("g.team"), &Value::Null));
            break;
        }
    }
    let path =
        format!("/api/v1/conversations/g.team/messages/{}/readers", ack["seq"].as_str().expect("a seq"));
    until(|| {
        let told = is(&get_as(&at.api.url(&path), &anna.token), 200);
        let readers = told["readers"].as_array().expect("readers");
        assert_eq!(readers.len(), 2, "all but the sender: {told}");
        readers.iter().any(|one| one["user"] == json!(bert.id) && one["read"] == json!(true)).then_some(())
    });
    let mut ask = json!({"readers": {"conversation": "g.team", "seq": ack["seq"], "limit": 2}});
    let mut listed = Vec::new();
    loop {
        a.send(&ask);
        let told = a.until("readers");
        listed.extend(told["readers"].as_array().into_iter().flatten().cloned());
        let Some(next) = told.get("next") else { break };
        ask["readers"]["after"] = next.clone();
    }
    assert_eq!(listed.len(), 2, "the same over the socket, page by page: {listed:?}");
    assert!(listed.contains(&json!({"user": bert.id, "delivered": true, "read": true})), "{listed:?}");
}

fn who_is_muted_learns_for_how_long(at: &Places<'_>, bert: &User, cora: &User, c: &mut Socket) {
    let mute = at.url(&format!("/groups/team/members/{}/mute", cora.id));
    is(&put_as(&mute, &cora.token, &json!({"duration_ms": 1_500})), 403);
    is(&put_as(&mute, &bert.token, &json!({"duration_ms": 1_500})), 200);
    c.send(&frame(2));
    // Waits as long as the refusal says.
    let nack = c.answer_to(&id(2)).expect("an answer").expect_err("refused");
    assert_eq!(nack["code"], json!(1205), "MUTED: {nack}");
    let wait = nack["retry_after_ms"].as_u64().expect("a time");
    assert!((1..=1_500).contains(&wait), "{wait}");
    acknowledged(c, 3);
}

fn an_admin_takes_back_what_others_said(
    at: &Places<'_>,
    (anna, bert): (&User, &User),
    b: &mut Socket,
    c: &mut Socket,
) {
    let rude = acknowledged(c, 9)["seq"].clone();
    let of_bert = acknowledged(b, 10)["seq"].clone();
    let recall = |number: u32, seq: &Value| json!({"recall": {"client_message_id": id(number), "conversation": "g.team", "seq": seq}});
    c.send(&recall(11, &of_bert));
    assert_eq!(c.until_any(&["nack"]).1["code"], json!(1101), "FORBIDDEN");
    b.send(&recall(12, &rude));
    b.until("ack");
    let path = format!("/conversations/g.team/messages?around={}&limit=2", rude.as_str().expect("a seq"));
    for user in [anna, bert] {
        let found = is(&get_as(&at.url(&path), &user.token), 200);
        let said = |seq: &Value| {
            let all = found["messages"].as_array().expect("messages");
            all.iter()
                .find(|one| one["seq"] == *seq)
                .cloned()
                .unwrap_or_else(|| panic!("no {seq} in {found}"))
        };
        assert_eq!(said(&of_bert)["body"]["text"], "hi");
        assert!(said(&rude)["body"].get("text").is_none(), "{found}");
    }
}

fn a_stranger_changes_nothing(at: &Places<'_>, anna: &User, dora: &User) {
    let head = || is(&get_as(&at.url("/conversations/g.team/messages?limit=1"), &anna.token), 200);
    let before = head();
    let mut d = Socket::open(at.far, &dora.token);
    d.send(&frame(4));
    let (_, nack) = d.until_any(&["nack"]);
    assert_eq!(nack["code"], json!(1101), "{nack}");
    d.send(&json!({"fetch": {"conversation": "g.team"}}));
    let (_, nack) = d.until_any(&["nack"]);
    assert_eq!((&nack["code"], &nack["frame"]), (&json!(1101), &json!("fetch")), "{nack}");
    let join = post_as(&at.url("/groups/team/members"), &dora.token, &json!({}));
    assert_eq!((join.status, &join.json()["name"]), (403, &json!("JOIN_CLOSED")), "{}", join.text);
    is(&get_as(&at.url("/groups/team"), &dora.token), 404);
    assert_eq!(head(), before, "nothing is stored");
}

/// Whoever asks gets the same bytes, and not again while they are the same.
fn what_has_not_changed_is_not_sent_again(at: &Places<'_>, anna: &User, bert: &User) {
    let team = at.url("/groups/team");
    let known = get_as(&team, &anna.token);
    is(&known, 200);
    let tag = known.headers["etag"].to_str().expect("a tag");
    let same = get_unless(&team, &bert.token, tag);
    assert_eq!((same.status, same.text.as_str()), (304, ""));
    is(&patch_as(&team, &anna.token, &json!({"announcement": "lunch at one"})), 200);
    let changed = get_unless(&team, &bert.token, tag);
    assert_eq!(is(&changed, 200)["announcement"], "lunch at one");
    let tag = changed.headers["etag"].to_str().expect("a tag");
    assert_eq!(get_unless(&team, &anna.token, tag).status, 304);
}

fn a_link_lets_in_until_it_ends(at: &Places<'_>, anna: &User, dora: &User) {
    let links = at.url("/groups/team/links");
    let make = |ms: u64| post_as(&links, &anna.token, &json!({"expires_in_ms": ms}));
    let join = |link: &Value| {
        let shown = json!({"link_token": link["token"]});
        post_as(&at.url("/groups/team/members"), &dora.token, &shown)
    };
    let closed = |link: &Value| {
        let refused = join(link);
        assert_eq!(
            (refused.status, &refused.json()["name"]),
            (403, &json!("JOIN_CLOSED")),
            "{}",
            refused.text
        );
    };
    // As short as it can be made before it is over.
    let mut ms = 1;
    let short = until(|| {
        ms *= 2;
        Some(make(ms)).filter(|made| made.status == 201)
    });
    let short = short.json();
    let end: u128 = short["expires"].as_str().and_then(|time| time.parse().ok()).expect("a time");
    until(|| (UNIX_EPOCH.elapsed().expect("a clock").as_millis() > end).then_some(()));
    closed(&short);
    let [good, withdrawn] = [60_000; 2].map(|ms| is(&make(ms), 201));
    let path = format!("{links}/{}", withdrawn["link_id"].as_str().expect("an id"));
    is(&delete_as(&path, &anna.token), 200);
    closed(&withdrawn);
    is(&join(&good), 200);
    let listed = is(&get_as(&links, &anna.token), 200);
    let listed = listed["links"].as_array().expect("links");
    assert_eq!((listed.len(), &listed[0]["uses"]), (1, &json!(1)), "neither of the others: {listed:?}");
    is(&delete_as(&at.url("/groups/team/members/me"), &dora.token), 200);
}

fn who_leaves_hears_no_more(at: &Places<'_>, (anna, a): (&User, &mut Socket), cora: &User, c: &mut Socket) {
    let left = is(&delete_as(&at.url("/groups/team/members/me"), &cora.token), 200);
    while c.until("event")["seq"] != left["seq"] {}
    let ack = acknowledged(a, 5);
    c.send(&json!({"ping": {}}));
    assert_eq!(c.until_any(&["pong", "event"]).0, "pong", "nothing of what came after");
    c.send(&frame(6));
    assert_eq!(c.until_any(&["nack"]).1["code"], json!(1101));

    let asked =
        is(&post_as(&at.url("/groups/team/join-requests"), &cora.token, &json!({"note": "again?"})), 200);
    assert_eq!(asked["pending"], json!(true));
    let approve = at.url(&format!("/groups/team/join-requests/{}/approve", cora.id));
    let joined = is(&post_as(&approve, &anna.token, &json!({})), 200);
    while c.until("event")["seq"] != joined["seq"] {}
    let history = at.url("/conversations/g.team/messages?limit=200");
    let history = until(|| Some(get_as(&history, &cora.token)).filter(|answer| answer.status == 200)).json();
    let seqs: Vec<&Value> =
        history["messages"].as_array().expect("messages").iter().map(|entry| &entry["seq"]).collect();
    assert_eq!(seqs, [&joined["seq"]], "from the joining on, and not {}", ack["seq"]);
}

/// Told at once on a socket, listed for one who was away, accepted or declined by what was told.
fn who_is_invited_need_not_guess(at: &Places<'_>, anna: &User, dora: &User) {
    let invite = || {
        is(&post_as(&at.url("/groups/team/invitations"), &anna.token, &json!({"user_ids": [dora.id]})), 200)
    };
    let mut d = Socket::open(at.far, &dora.token);
    invite();
    let told = d.until("invitation");
    assert_eq!((&told["name"], &told["by"]), (&json!("Team"), &json!(anna.id)));
    let answer = format!("/invitations/{}", told["group"].as_str().expect("a group"));
    is(&post_as(&at.url(&format!("{answer}/decline")), &dora.token, &json!({})), 200);
    assert_eq!(d.until("invitation")["expires"], json!("0"));
    drop(d);
    invite();
    until(|| {
        let listed = is(&get_as(&at.url("/invitations"), &dora.token), 200);
        (listed["invitations"][0]["group"] == told["group"]).then_some(())
    });
    let mut d = Socket::open(at.near, &dora.token);
    d.send(&json!({"sync": {}}));
    let line = d.until("delta")["conversations"][0].clone();
    assert_eq!((&line["conversation"], &line["left"]), (&json!("g.team"), &json!(true)));
    assert_eq!(line["invitation"]["by"], json!(anna.id));
    let joined = is(&post_as(&at.url(&format!("{answer}/accept")), &dora.token, &json!({})), 200);
    while d.until("event")["seq"] != joined["seq"] {}
    is(&delete_as(&at.url("/groups/team/members/me"), &dora.token), 200);
}

fn a_full_group_is_full(at: &Places<'_>, anna: &User) {
    let members = at.url("/groups/team/members");
    let users: Vec<String> = (0..497).map(|number| format!("u{number}")).collect();
    let full = is(&post_as(&members, &anna.token, &json!({"user_ids": users})), 200);
    assert_eq!(full["members"], json!(500));
    let refused = post_as(&members, &anna.token, &json!({"user_ids": ["one-more"]}));
    assert_eq!((refused.status, &refused.json()["name"]), (409, &json!("GROUP_FULL")));
}

fn the_new_owner_ends_it(at: &Places<'_>, anna: &User, bert: &User, b: &mut Socket) {
    is(&delete_as(&at.url("/groups/team/members/me"), &anna.token), 409);
    is(&put_as(&at.url("/groups/team/owner"), &anna.token, &json!({"user_id": bert.id})), 200);
    is(&delete_as(&at.url("/groups/team"), &anna.token), 403);
    let ended = is(&delete_as(&at.url("/groups/team"), &bert.token), 200);
    while b.until("event")["seq"] != ended["seq"] {}
    b.send(&frame(7));
    assert_eq!(b.until_any(&["nack"]).1["code"], json!(1204), "DISMISSED");
    let history = is(&get_as(&at.url("/conversations/g.team/messages?limit=1"), &bert.token), 200);
    assert_eq!(history["messages"][0]["seq"], ended["seq"], "its history stays readable");
}

fn id(number: u32) -> Value {
    json!(format!("01890a5d-ac96-774b-bccf-{number:012x}"))
}

fn frame(number: u32) -> Value {
    json!({"send": {"client_message_id": id(number), "conversation": "g.team", "body": {"text": "hi"}}})
}

/// Sends, and reads to the acknowledgement.
fn acknowledged(socket: &mut Socket, number: u32) -> Value {
    socket.send(&frame(number));
    socket.until("ack")
}

#[track_caller]
fn is(answer: &Answer, status: u16) -> Value {
    assert_eq!(answer.status, status, "{}", answer.text);
    answer.json()
}
