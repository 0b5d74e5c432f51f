//! Messages that are to be confirmed: over sockets and HTTP, by who was there, seen by who may, and still so when the router
//! that knew it was killed. In one process and, where the services are, in a cluster.

use serde_json::{Value, json};

use crate::http::{User, get_as, new_user, post_as};
use crate::outages::KILLED;
use crate::places::Places;
use crate::process::{Tidegate, until};
use crate::socket::Socket;
use crate::stand::{Cluster, until_ready};

/// Of one conversation, two may wait.
const SETTINGS: &[(&str, &str)] = &[("TIDEGATE_ROUTER__CONFIRMS_OPEN_MAX", "2")];

/// Who said what to whom.
struct Said {
    users: [User; 4],
    seq: Value,
}

#[test]
fn in_one_process() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Tidegate::start_with(folder.path(), SETTINGS);
    let said =
        is_confirmed(&Places { api: &server, near: &server, far: &server, router: None, cluster: None });
    server.kill();
    let server = Tidegate::start_with(folder.path(), SETTINGS);
    is_still_confirmed(
        &Places { api: &server, near: &server, far: &server, router: None, cluster: None },
        &said,
    );
}

#[test]
fn in_a_cluster() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(cluster) = Cluster::prepared(folder.path()) else { return };
    let router = cluster.start_with("router-1", "router", SETTINGS);
    let api = cluster.start("api", "api");
    let near = cluster.start_with("gateway-1", "gateway", SETTINGS);
    let far = cluster.start_with("gateway-2", "gateway", SETTINGS);
    until_ready([&router, &api, &near, &far]);
    let at = Places { api: &api, near: &near, far: &far, router: None, cluster: Some(&cluster) };
    let said = is_confirmed(&at);
    let next = cluster.start_with("router-2", "router", SETTINGS).may_warn(KILLED);
    until_ready([&next]);
    router.kill();
    is_still_confirmed(&at, &said);
}

fn is_confirmed(at: &Places<'_>) -> Said {
    let users = ["anna", "bert", "cora", "dora"].map(|name| new_user(at.api, name, "a long secret"));
    let [anna, bert, cora, dora] = &users;
    let mut a = Socket::open(at.near, &anna.token);
    let mut b = Socket::open(at.far, &bert.token);
    let mut b2 = Socket::open(at.near, &bert.token);
    let body = json!({"group_id": "team", "name": "Team", "join": "open", "member_ids": [bert.id, cora.id]});
    assert_eq!(post_as(&at.url("/groups"), &anna.token, &body).status, 201);
    // Who has not heard of the group is not told yet what is said there.
    for socket in [&mut a, &mut b, &mut b2] {
        assert_eq!(socket.until("event")["seq"], json!("1"));
    }

    let notice = |number: u32| {
        let body = json!({"text": "fire drill at noon", "must_confirm": {}});
        json!({"send": {"client_message_id": id(number), "conversation": "g.team", "body": body}})
    };
    a.send(&notice(1));
    let seq = a.until("ack")["seq"].clone();
    let event = until(|| Some(b.until("event")).filter(|event| event["seq"] == seq));
    assert!(event["body"]["must_confirm"]["until"].is_string(), "{event}");
    let joined = post_as(&at.url("/groups/team/members"), &dora.token, &json!({}));
    assert!(joined.status < 300, "{}", joined.text);

    b.send(&json!({"confirm": {"conversation": "g.team", "seq": seq}}));
    assert_eq!(b.until("confirmed")["seq"], seq);
    assert_eq!(b2.until("confirmed")["seq"], seq, "the user's other device");
    let told = a.until("confirmations");
    assert_eq!((&told["seq"], &told["confirmed"], &told["of"]), (&seq, &json!(1), &json!(2)), "{told}");
    a.send(&json!({"confirmations": {"conversation": "g.team", "seq": seq, "limit": 10}}));
    let told = until(|| Some(a.until("confirmations")).filter(|told| told["members"].is_array()));
    assert_eq!(told["members"].as_array().map(Vec::len), Some(2), "{told}");
    b.send(&json!({"confirmations": {"conversation": "g.team", "seq": seq}}));
    assert_eq!(b.until_any(&["confirmations", "nack"]).1["code"], json!(1101), "FORBIDDEN");
    let late = post_as(&confirm(at, &seq), &dora.token, &json!({}));
    assert_eq!(late.status, 404, "who came later is not asked: {}", late.text);

    a.send(&notice(2));
    let second = a.until("ack")["seq"].clone();
    a.send(&notice(3));
    assert_eq!(a.until_any(&["ack", "nack"]).1["code"], json!(1305), "UNCONFIRMED");
    a.send(&json!({"recall": {"client_message_id": id(4), "conversation": "g.team", "seq": second}}));
    a.until("ack");
    let recalled = post_as(&confirm(at, &second), &cora.token, &json!({}));
    assert_eq!((recalled.status, &recalled.json()["name"]), (410, &json!("RECALLED")));
    Said { users, seq }
}

fn is_still_confirmed(at: &Places<'_>, said: &Said) {
    let Said { users: [anna, bert, cora, _], seq } = said;
    let read = || {
        let path = format!("/conversations/g.team/messages/{}/confirmations", seq.as_str().expect("a seq"));
        Some(get_as(&at.url(&path), &anna.token)).filter(|answer| answer.status == 200)
    };
    let told = until(read).json();
    assert_eq!((&told["confirmed"], &told["of"]), (&json!(1), &json!(2)), "{told}");
    for (user, waits) in [(bert, json!(null)), (cora, json!([seq]))] {
        let mut socket = Socket::open(at.far, &user.token);
        until(|| {
            socket.send(&json!({"sync": {}}));
            let delta = socket.until("delta");
            let line =
                delta["conversations"].as_array()?.iter().find(|one| one["conversation"] == "g.team")?;
            (line["confirm_seqs"] == waits).then_some(())
        });
        let listed = get_as(&at.url("/conversations"), &user.token).json();
        let mut lines = listed["conversations"].as_array().expect("lines").iter();
        let line = lines.find(|one| one["conversation"] == "g.team").expect("the group");
        let waits = if waits.is_null() { json!([]) } else { waits };
        assert_eq!(line["confirm_seqs"], waits, "the same over HTTP");
    }
    for _ in 0..2 {
        let done = post_as(&confirm(at, seq), &cora.token, &json!({}));
        assert_eq!(done.status, 204, "{}", done.text);
    }
    let told = until(read).json();
    let members: Vec<&Value> = told["members"].as_array().expect("members").iter().collect();
    assert_eq!((&told["confirmed"], &told["of"], members.len()), (&json!(2), &json!(2), 2), "{told}");
    assert!(members.iter().all(|member| member["confirmed"] == json!(true)), "{told}");
}

fn confirm(at: &Places<'_>, seq: &Value) -> String {
    at.url(&format!("/conversations/g.team/messages/{}/confirm", seq.as_str().expect("a seq")))
}

fn id(number: u32) -> String {
    format!("01890a5d-ac96-774b-bcce-{number:012}")
}
