//! The life of a message: said, reacted to, edited, pinned and taken back, over the socket and over HTTP; the same for a
//! second device, for whoever was away, and after who had the log was killed. In one process and, where the services are, in a cluster.

use serde_json::{Value, json};

use crate::http::{Answer, User, get_as, new_user, post_as};
use crate::outages::KILLED;
use crate::places::Places;
use crate::process::{Tidegate, until};
use crate::socket::Socket;
use crate::stand::{Cluster, until_ready};

/// Places in the log of what happens below.
const PLAN: u64 = 1;
const SECRET: u64 = 2;
const RUDE: u64 = 3;
const LAST: u64 = 10;
/// Whatever was said is too old to be taken back.
const LATE: &[(&str, &str)] = &[("TIDEGATE_ROUTER__RECALL_WINDOW", "1ms")];

/// Who talked, and where.
struct Said {
    users: [User; 3],
    conversation: String,
}

#[test]
fn in_one_process() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Tidegate::start(folder.path());
    let said = changes_reach_everybody(&Places {
        api: &server,
        near: &server,
        far: &server,
        router: None,
        cluster: None,
    });
    assert!(!server.kill().contains("secret plan"), "no body in the log");
    let again = Tidegate::start_with(folder.path(), LATE);
    and_outlive_the_server(
        &Places { api: &again, near: &again, far: &again, router: None, cluster: None },
        &said,
    );
}

#[test]
fn in_a_cluster() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(cluster) = Cluster::prepared(folder.path()) else { return };
    let router = cluster.start("router-1", "router");
    let api = cluster.start("api", "api");
    let near = cluster.start("gateway-1", "gateway");
    let far = cluster.start("gateway-2", "gateway");
    until_ready([&router, &api, &near, &far]);
    let at = Places { api: &api, near: &near, far: &far, router: None, cluster: Some(&cluster) };
    let said = changes_reach_everybody(&at);
    let next = cluster.start_with("router-2", "router", LATE).may_warn(KILLED);
    until_ready([&next]);
    assert!(!router.kill().contains("secret plan"), "no body in the log");
    and_outlive_the_server(&at, &said);
    for process in [next, api, near, far] {
        assert!(!process.kill().contains("secret plan"), "no body in the log");
    }
}

fn changes_reach_everybody(at: &Places<'_>) -> Said {
    let users = ["anna", "bert", "cora"].map(|name| new_user(at.api, name, "a long secret"));
    let [anna, bert, cora] = &users;
    let conversation = format!("d.{}.{}", (&anna.id).min(&bert.id), (&anna.id).max(&bert.id));
    let mut a = Socket::open(at.near, &anna.token);
    let mut a2 = Socket::open(at.far, &anna.token);
    let mut b = Socket::open(at.far, &bert.token);

    say_and_change(at, (anna, bert), &conversation, (&mut a, &mut b));
    // A second device was told each of them, in order, its own too; what was sent again it may hear of again.
    let mut told = 0;
    while told < LAST {
        let seq: u64 = a2.until("event")["seq"].as_str().and_then(|seq| seq.parse().ok()).expect("a seq");
        assert!(seq <= told + 1, "{seq} after {told}");
        told = told.max(seq);
    }
    what_may_not_be(at, (anna, bert, cora), &conversation, &mut b);
    for user in [anna, bert] {
        everything_is_as_it_is_now(at, user, &conversation);
    }
    a_list_without_what_was_recalled(at, bert, &conversation);
    Said { users, conversation }
}

/// Another process has the log now.
fn and_outlive_the_server(at: &Places<'_>, Said { users: [anna, bert, _], conversation }: &Said) {
    let mut late = Socket::open(at.near, &anna.token);
    let recall = change(90, conversation, "recall", PLAN, &json!({}));
    // Sent until the next owner has the log, as clients do.
    until(|| {
        late.send(&recall);
        let refused = late.answer_to(&id(90))?.expect_err("it is late");
        (refused["code"] == json!(1301)).then_some(()) // RECALL_TOO_LATE
    });
    for user in [anna, bert] {
        everything_is_as_it_is_now(at, user, conversation);
    }
    a_list_without_what_was_recalled(at, bert, conversation);
    // The very same change again is the same entry.
    late.send(&change(6, conversation, "recall", SECRET, &json!({"attempt": 1, "age_ms": "5000"})));
    let again = late.answer_to(&id(6)).expect("an answer").expect("an ack");
    assert_eq!(again["seq"], json!("9"));
}

/// One message of three stays, changed in every way; one is taken back by the socket and one over HTTP.
fn say_and_change(
    at: &Places<'_>,
    (anna, bert): (&User, &User),
    conversation: &str,
    (a, b): (&mut Socket, &mut Socket),
) {
    for (number, text) in (1..).zip(["lunch?", "the secret plan", "something rude"]) {
        let (socket, to) = if number == 3 { (&mut *b, &anna.id) } else { (&mut *a, &bert.id) };
        socket
            .send(&json!({"send": {"client_message_id": id(number), "to_user": to, "body": {"text": text}}}));
        assert_eq!(socket.until("ack")["seq"], json!(number.to_string()));
    }
    b.send(&change(4, conversation, "react", PLAN, &json!({"reaction": "👍"})));
    let ack = b.until("ack");
    assert_eq!((&ack["seq"], &ack["conversation"]), (&json!("4"), &json!(conversation)));
    let message_id = loop {
        let event = a.until("event");
        if event["seq"] == json!("4") {
            break event["body"]["react"]["message"]["message_id"].clone();
        }
    };
    let post = |user: &User, what: &str, more: &Value| {
        let mut body = json!({"conversation": conversation, "client_message_id": id(50)});
        merge(&mut body, more);
        is(&post_as(&at.url(&format!("/messages/{what}")), &user.token, &body), 201)
    };
    let react = json!({"seq": PLAN, "reaction": "👍", "client_message_id": id(5)});
    assert_eq!(post(anna, "react", &react)["seq"], json!("5"));
    // By its handle, and twice with one key.
    let edit = json!({"message_id": message_id, "body": {"text": "lunch at one?"}});
    assert_eq!(post(anna, "edit", &edit)["seq"], json!("6"));
    assert_eq!(post(anna, "edit", &edit)["seq"], json!("6"));
    b.send(&change(7, conversation, "pin", PLAN, &json!({})));
    assert_eq!(b.until("ack")["seq"], json!("7"));
    let remove = json!({"seq": PLAN, "reaction": "👍", "remove": true, "client_message_id": id(8)});
    assert_eq!(post(anna, "react", &remove)["seq"], json!("8"));
    a.send(&change(6, conversation, "recall", SECRET, &json!({})));
    assert_eq!(a.until("ack")["seq"], json!("9"));
    let recall = json!({"seq": RUDE, "client_message_id": id(10)});
    assert_eq!(post(bert, "recall", &recall)["seq"], json!(LAST.to_string()));
}

fn what_may_not_be(
    at: &Places<'_>,
    (anna, bert, cora): (&User, &User, &User),
    conversation: &str,
    b: &mut Socket,
) {
    let refused = [
        (change(60, conversation, "recall", PLAN, &json!({})), 1101),
        (change(61, conversation, "edit", PLAN, &json!({"body": {"text": "mine"}})), 1101),
        (change(62, conversation, "edit", RUDE, &json!({"body": {"text": "polite"}})), 1303),
        (change(63, conversation, "react", SECRET, &json!({"reaction": "👎"})), 1303),
        (change(64, conversation, "pin", 99, &json!({})), 1200),
        (change(65, conversation, "pin", 4, &json!({})), 1001),
    ];
    for (frame, code) in refused {
        b.send(&frame);
        let nack = b.until_any(&["nack"]).1;
        assert_eq!(nack["code"], json!(code), "{frame}: {nack}");
    }
    let url = |what: &str| at.url(&format!("/messages/{what}"));
    let of_another = json!({"conversation": conversation, "seq": PLAN});
    let answer = is(&post_as(&url("recall"), &bert.token, &of_another), 403);
    assert_eq!(answer["name"], json!("FORBIDDEN"));
    let gone = json!({"conversation": conversation, "seq": SECRET});
    assert_eq!(is(&post_as(&url("recall"), &anna.token, &gone), 410)["name"], json!("RECALLED"));
    let of_strangers = json!({"conversation": conversation, "seq": PLAN, "reaction": "👀"});
    is(&post_as(&url("react"), &cora.token, &of_strangers), 403);
}

/// By a page of the socket, by one of HTTP, by the pins and the versions; from whatever device.
fn everything_is_as_it_is_now(at: &Places<'_>, user: &User, conversation: &str) {
    let mut fresh = Socket::open(at.far, &user.token);
    fresh.send(&json!({"fetch": {"conversation": conversation, "from_seq": "1"}}));
    let page = fresh.until("page");
    assert!(!page.to_string().contains("secret") && !page.to_string().contains("rude"), "{page}");
    assert_eq!(page["head"], json!(LAST.to_string()));
    assert_eq!(page["entries"].as_array().map(Vec::len), Some(10), "every entry has its place: {page}");
    assert_eq!(page["entries"][0]["body"], json!({"text": "lunch at one?"}));
    assert_eq!((&page["entries"][1]["body"], &page["entries"][2]["body"]), (&json!({}), &json!({})));
    let overlays = page["overlays"].as_array().expect("overlays");
    let of = |seq: u64| overlays.iter().find(|one| one["seq"] == json!(seq.to_string())).expect("an overlay");
    let (plan, secret, rude) = (of(PLAN), of(SECRET), of(RUDE));
    assert_eq!(plan["edited"]["seqs"], json!(["6"]));
    assert_eq!(plan["reactions"][0]["count"], json!(1), "one of two took it back");
    let pinned_by = &plan["pinned"]["by"];
    assert_eq!(plan["reactions"][0]["users"][0], *pinned_by, "the one who pinned it is the one who reacted");
    assert_eq!(plan["reactions"][0]["mine"] == json!(true), *pinned_by == json!(user.id));
    assert!(secret["recalled"]["by"].is_string() && rude["recalled"]["by"].is_string());

    let url = |rest: &str| at.url(&format!("/conversations/{conversation}{rest}"));
    let history = is(&get_as(&url("/messages"), &user.token), 200);
    assert_eq!((&history["messages"], &history["overlays"]), (&page["entries"], &page["overlays"]));
    let pins = is(&get_as(&url("/pins"), &user.token), 200);
    assert_eq!(pins["messages"], json!([page["entries"][0]]));
    let versions = is(&get_as(&url(&format!("/messages/{PLAN}/versions")), &user.token), 200);
    let said = &versions["messages"];
    assert_eq!((&said[0]["body"]["text"], &said[1]["seq"]), (&json!("lunch?"), &json!("6")));
    let none = is(&get_as(&url(&format!("/messages/{SECRET}/versions")), &user.token), 200);
    assert_eq!(none["messages"], json!([]));

    // A device that syncs from the beginning learns where the conversation stands.
    let line = until(|| {
        fresh.send(&json!({"sync": {}}));
        let lines = fresh.until("delta")["conversations"].clone();
        lines.as_array().and_then(|lines| lines.first().cloned()).filter(|line| line["head"] == page["head"])
    });
    assert!(!line.to_string().contains("secret"), "{line}");
}

/// Changes are not unread, and a list shows nothing of what was taken back.
fn a_list_without_what_was_recalled(at: &Places<'_>, bert: &User, conversation: &str) {
    let list = until(|| {
        let list = is(&get_as(&at.url("/conversations"), &bert.token), 200);
        (list["conversations"][0]["head"] == json!(LAST.to_string())).then_some(list)
    });
    let line = &list["conversations"][0];
    assert_eq!((&line["conversation"], &line["unread"]), (&json!(conversation), &json!("0")), "{line}");
    assert!(!list.to_string().contains("secret") && !list.to_string().contains("rude"), "{list}");
}

fn id(number: u32) -> Value {
    json!(format!("01890a5d-ac96-774b-bcd0-{number:012x}"))
}

fn change(number: u32, conversation: &str, what: &str, seq: u64, more: &Value) -> Value {
    let mut content =
        json!({"client_message_id": id(number), "conversation": conversation, "seq": seq.to_string()});
    merge(&mut content, more);
    json!({ what: content })
}

fn merge(into: &mut Value, more: &Value) {
    for (name, value) in more.as_object().expect("members") {
        into[name] = value.clone();
    }
}

#[track_caller]
fn is(answer: &Answer, status: u16) -> Value {
    assert_eq!(answer.status, status, "{}", answer.text);
    answer.json()
}
