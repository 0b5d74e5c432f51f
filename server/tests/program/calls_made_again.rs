//! A call whose answer was lost is made again, at a process that has never heard of it: after a restart, and in a cluster at another API
//! process. What it makes is there once.

use serde_json::{Value, json};

use crate::http::{Answer, User, delete_as, get_as, new_user, post_as, post_once};
use crate::process::Tidegate;
use crate::stand::{Cluster, until_ready};

#[test]
fn in_one_process_that_was_started_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Tidegate::start_with(folder.path(), &[]);
    let anna = new_user(&server, "anna", "a long secret");
    let made = made_by(&server, &anna);
    let again = made_by(&server, &anna);
    assert!(again.iter().all(is_replayed), "by the process that answered");
    assert_eq!(texts(&again), texts(&made), "byte by byte");
    drop(server);
    let server = Tidegate::start_with(folder.path(), &[]);
    is_there_once(&server, &anna, &made, &made_by(&server, &anna));
    let bert = new_user(&server, "bert", "a long secret");
    let kept = joins_and_blocks(&server, [&anna, &bert]);
    drop(server);
    let server = Tidegate::start_with(folder.path(), &[]);
    is_not_done_again(&server, [&anna, &bert], &kept);
}

#[test]
fn at_two_processes_of_a_cluster() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(cluster) = Cluster::prepared(folder.path()) else { return };
    let router = cluster.start("router", "router");
    let (one, other) = (cluster.start("api-1", "api"), cluster.start("api-2", "api"));
    until_ready([&router, &one, &other]);
    let anna = new_user(&one, "anna", "a long secret");
    is_there_once(&other, &anna, &made_by(&one, &anna), &made_by(&other, &anna));
    let bert = new_user(&one, "bert", "a long secret");
    let kept = joins_and_blocks(&one, [&anna, &bert]);
    is_not_done_again(&other, [&anna, &bert], &kept);

    // At the same time, so that neither finds what the other makes before it asks for it.
    let at_once = json!({"name": "At once"});
    let make = |api: &Tidegate| {
        post_once(&api.url("/api/v1/groups"), &anna.token, "at once", &at_once).json()["group_id"].clone()
    };
    let (here, there) = std::thread::scope(|threads| {
        let there = threads.spawn(|| make(&other));
        (make(&one), there.join().expect("an answer"))
    });
    assert!(here.is_string(), "{here}");
    assert_eq!(here, there);
}

/// A group, then a message in it.
fn made_by(api: &Tidegate, anna: &User) -> [Answer; 2] {
    let body = json!({"name": "Team"});
    let group = post_once(&api.url("/api/v1/groups"), &anna.token, "group 1", &body);
    assert_eq!(group.status, 201, "{}", group.text);
    let body = json!({"conversation": group.json()["conversation"], "body": {"text": "hi"}});
    let message = post_once(&api.url("/api/v1/messages"), &anna.token, "\"message 1\"", &body);
    assert_eq!(message.status, 201, "{}", message.text);
    [group, message]
}

fn is_there_once(api: &Tidegate, anna: &User, made: &[Answer; 2], again: &[Answer; 2]) {
    assert!(!again.iter().any(is_replayed), "nobody has kept an answer");
    for (made, again) in made.iter().zip(again) {
        assert_eq!(again.json(), made.json());
    }
    let groups = get_as(&api.url("/api/v1/groups"), &anna.token).json();
    assert_eq!(groups["groups"].as_array().map(Vec::len), Some(1), "{groups}");
    let conversation = made[0].json()["conversation"].as_str().expect("an id").to_owned();
    let log = api.url(&format!("/api/v1/conversations/{conversation}/messages"));
    let log = get_as(&log, &anna.token).json();
    let messages = log["messages"].as_array().expect("messages").iter();
    let texts: Vec<&Value> =
        messages.map(|one| &one["body"]["text"]).filter(|text| text.is_string()).collect();
    assert_eq!(texts, [&json!("hi")]);
}

fn changes(api: &Tidegate, [anna, bert]: [&User; 2]) -> [Answer; 2] {
    let join = post_once(&api.url("/api/v1/groups/choir/members"), &bert.token, "join", &json!({}));
    let block = post_once(&api.url("/api/v1/blocks"), &anna.token, "block", &json!({"user_id": bert.id}));
    for answer in [&join, &block] {
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
    [join, block]
}

/// One joins and leaves, the other blocks and unblocks.
fn joins_and_blocks(api: &Tidegate, users: [&User; 2]) -> [Answer; 2] {
    let [anna, bert] = users;
    let choir = json!({"group_id": "choir", "name": "Choir", "join": "open"});
    assert_eq!(post_as(&api.url("/api/v1/groups"), &anna.token, &choir).status, 201);
    let done = changes(api, users);
    let left = delete_as(&api.url("/api/v1/groups/choir/members/me"), &bert.token);
    let unblocked = delete_as(&api.url(&format!("/api/v1/blocks/{}", bert.id)), &anna.token);
    assert_eq!((left.status, unblocked.status), (200, 200), "{} {}", left.text, unblocked.text);
    done
}

/// The calls come again, long after both thought better of it.
fn is_not_done_again(api: &Tidegate, users: [&User; 2], done: &[Answer; 2]) {
    let [anna, bert] = users;
    let [join, block] = changes(api, users);
    assert!(!is_replayed(&join) && !is_replayed(&block), "nobody has kept an answer");
    assert_eq!(join.json()["seq"], done[0].json()["seq"], "it was done there");
    assert_eq!((&join.json()["members"], &block.json()["blocked"]), (&json!(1), &json!(false)), "and undone");
    let groups = get_as(&api.url("/api/v1/groups"), &bert.token).json();
    assert_eq!(groups["groups"], json!([]));
    let blocks = get_as(&api.url("/api/v1/blocks"), &anna.token).json();
    assert_eq!(blocks["contacts"], json!([]));
}

fn is_replayed(answer: &Answer) -> bool {
    answer.headers.get("idempotency-replayed").is_some_and(|value| value == "true")
}

fn texts(answers: &[Answer; 2]) -> [&str; 2] {
    [&answers[0].text, &answers[1].text]
}
